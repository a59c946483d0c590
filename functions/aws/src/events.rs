//! EventBridge: the rules of the default bus, and their targets.

use aws_sdk_eventbridge::types::{Rule as SdkRule, RuleState};
use firedrill_drills::ports::{Next, Page, Reply, Rule, Rules};

use crate::{
    Cloud,
    client::{failure, page, token},
};

impl Rules for Cloud {
    /// Without a bus, the default one is meant (API reference, `ListRules`).
    async fn list_rules(&self, region: &str, next: Next<'_>) -> Reply<Page<Rule>> {
        let call = self.events.reads.at(region).list_rules();
        let answer = call.set_next_token(token(next)).send().await.map_err(failure("events:ListRules"))?;
        Ok(page(answer.rules.unwrap_or_default().into_iter().map(read), answer.next_token))
    }

    async fn rule_targets(&self, region: &str, rule: &str, next: Next<'_>) -> Reply<Page<String>> {
        let call = self.events.reads.at(region).list_targets_by_rule().rule(rule);
        let sent = call.set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("events:ListTargetsByRule"))?;
        Ok(page(answer.targets.unwrap_or_default().into_iter().map(|target| target.arn), answer.next_token))
    }
}

fn read(rule: SdkRule) -> Rule {
    Rule {
        enabled: rule.state != Some(RuleState::Disabled),
        name: rule.name.unwrap_or_default(),
        arn: rule.arn.unwrap_or_default(),
        pattern: rule.event_pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_whose_state_is_not_known_is_never_taken_for_disabled() {
        let enabled = |state: Option<RuleState>| read(SdkRule::builder().set_state(state).build()).enabled;
        assert!(enabled(None) && enabled(Some(RuleState::Enabled)) && enabled(Some(RuleState::from("NEW"))));
        assert!(!enabled(Some(RuleState::Disabled)));
    }
}
