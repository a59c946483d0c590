//! EventBridge: the rules of the default bus.

use firedrill_drills::ports::{Next, Page, Reply, Rule, Rules};
use serde_json::json;

use super::{SimulatedAws, changed};
use crate::{calls::refused, failover::ALARM, scenario::Elsewhere};

/// What the rule about something else starts.
const ELSEWHERE: &str = "arn:aws:sqs:us-east-1:123456789012:instances";

impl SimulatedAws {
    /// A rule without a pattern, one about something else, and perhaps one about the alarm.
    fn rules_of_bus(&self) -> Vec<Rule> {
        let rule = |name: &str, pattern: Option<String>| Rule {
            name: name.to_owned(),
            arn: format!("arn:aws:events:us-east-1:123456789012:rule/{name}"),
            enabled: true,
            pattern,
        };
        let about_alarm = self.world.scenario.failover.leads_elsewhere == Some(Elsewhere::Rule);
        let pattern = json!({ "source": ["aws.cloudwatch"], "resources": [ALARM] }).to_string();
        let instances = json!({ "source": ["aws.ec2"] }).to_string();
        let all = [rule("nightly", None), rule("instances", Some(instances))];
        all.into_iter().chain(about_alarm.then(|| rule("incidents", Some(pattern)))).collect()
    }
}

impl Rules for SimulatedAws {
    async fn list_rules(&self, _: &str, next: Next<'_>) -> Reply<Page<Rule>> {
        self.read("events:ListRules", |at| {
            Ok(self.page(changed(self.world.overrides().rules, at, self.rules_of_bus()), next))
        })
        .await
    }

    async fn rule_targets(&self, _: &str, rule: &str, next: Next<'_>) -> Reply<Page<String>> {
        const ACTION: &str = "events:ListTargetsByRule";
        self.read(ACTION, |_| {
            let target = match rule {
                "incidents" => Elsewhere::Rule.target(),
                "instances" | "nightly" => ELSEWHERE,
                _ => return Err(refused(ACTION, "ResourceNotFoundException")),
            };
            Ok(self.page(vec![target.to_owned()], next))
        })
        .await
    }
}
