//! EventBridge: the rules that start a function, and what they send it.

use aws_sdk_eventbridge::{
    operation::describe_rule::DescribeRuleOutput,
    types::{RuleState, Target},
};
use firedrill_scorecard::ports::{EventRule, EventRules, Next, Page, Reply, RuleTarget};

use crate::{
    client::{failure, page, token},
    scorecard::ScorecardCloud,
};

/// Without a bus, the default one is meant (API reference, `DescribeRule`).
impl EventRules for ScorecardCloud {
    async fn rule_names_by_target(&self, target_arn: &str, next: Next<'_>) -> Reply<Page<String>> {
        let call = self.events.list_rule_names_by_target().target_arn(target_arn);
        let sent = call.set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("events:ListRuleNamesByTarget"))?;
        Ok(page(answer.rule_names.unwrap_or_default(), answer.next_token))
    }

    async fn describe_rule(&self, name: &str) -> Reply<EventRule> {
        let sent = self.events.describe_rule().name(name).send().await;
        sent.map(rule).map_err(failure("events:DescribeRule"))
    }

    async fn targets_by_rule(&self, name: &str, next: Next<'_>) -> Reply<Page<RuleTarget>> {
        let call = self.events.list_targets_by_rule().rule(name);
        let sent = call.set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("events:ListTargetsByRule"))?;
        Ok(page(answer.targets.unwrap_or_default().into_iter().map(target), answer.next_token))
    }
}

fn rule(rule: DescribeRuleOutput) -> EventRule {
    EventRule {
        arn: rule.arn.unwrap_or_default(),
        enabled: rule.state != Some(RuleState::Disabled),
        expression: rule.schedule_expression.filter(|expression| !expression.is_empty()),
    }
}

fn target(target: Target) -> RuleTarget {
    RuleTarget {
        arn: target.arn,
        input: target.input,
        input_template: target.input_transformer.map(|transformer| transformer.input_template),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::types::InputTransformer;

    use super::*;

    #[test]
    fn a_rule_that_only_events_start_never_has_an_expression() {
        let read = |expression: Option<&str>| {
            let expression = expression.map(str::to_owned);
            rule(DescribeRuleOutput::builder().set_schedule_expression(expression).build())
        };
        assert_eq!(read(None).expression, None);
        assert_eq!(read(Some("")).expression, None);
        assert_eq!(read(Some("rate(1 day)")).expression.as_deref(), Some("rate(1 day)"));
        assert!(read(None).enabled, "a state that is not known");
        let disabled = DescribeRuleOutput::builder().state(RuleState::Disabled).build();
        assert!(!rule(disabled).enabled);
    }

    #[test]
    fn a_constant_and_a_template_are_told_apart() {
        let built = || Target::builder().id("drill").arn("arn:of:function");
        let constant = target(built().input("{}").build().unwrap());
        assert_eq!((constant.input.as_deref(), constant.input_template), (Some("{}"), None));
        let transformer = InputTransformer::builder().input_template("{\"at\": <time>}").build().unwrap();
        let template = target(built().input_transformer(transformer).build().unwrap());
        assert_eq!((template.input, template.input_template.as_deref()), (None, Some("{\"at\": <time>}")));
    }
}
