//! Subjects: the resources of every simulated world, as suites want them, and everything outside of a suite.

use firedrill_core::{Timestamp, ports::Clock as _, request::Arn, result::DrillResult, run::RunId};
use firedrill_drills::ports::Rule;
use serde_json::json;

use super::{
    AlarmsSubject, ClusterSubject, DistributionSubject, FunctionSubject, GroupsSubject, HealthChecksSubject,
    InstancesSubject, KeysSubject, Outside, ProberSubject, RulesSubject, StoreSubject, Summary,
    TargetsSubject, TopicsSubject,
};
use crate::{
    Stage,
    aws::{AWS_KEY, CUSTOMER_KEY, watched_metric},
    failover::{ALARM, CLUSTER, DISTRIBUTION, FUNCTION, FUNCTION_TIMEOUT, MuteRule, Place, STOP_ALARM},
    fleet::{GROUP, TARGET_GROUP, id},
    requests::request,
    scenario::{Elsewhere, WrongFunction},
};

/// How long a moment is, in milliseconds.
const MOMENT: u64 = 100;

impl Stage {
    /// The instances: three that run.
    #[must_use]
    pub fn instances(&self) -> InstancesSubject {
        InstancesSubject {
            region: "eu-west-2".to_owned(),
            running: (0..3).map(id).collect(),
            tag: ("app".to_owned(), "bookstore".to_owned()),
            missing: id(77),
            missing_volume: "vol-77".to_owned(),
            pages: 2,
        }
    }

    /// The one group, which is there in a world with a time for replacements.
    #[must_use]
    pub fn groups(&self) -> GroupsSubject {
        GroupsSubject {
            region: "eu-west-2".to_owned(),
            groups: vec![GROUP.to_owned()],
            group: GROUP.to_owned(),
            members: (0..3).map(id).collect(),
            target_group: TARGET_GROUP.to_owned(),
            missing: "nobody".to_owned(),
            missing_instance: id(77),
            pages: 1,
        }
    }

    /// The group's target group.
    #[must_use]
    pub fn targets(&self) -> TargetsSubject {
        TargetsSubject {
            region: "eu-west-2".to_owned(),
            group: TARGET_GROUP.to_owned(),
            vpc: "vpc-1".to_owned(),
            targets: (0..3).map(id).collect(),
            missing: TARGET_GROUP.replace("bookstore", "nobody"),
        }
    }

    /// The two keys.
    #[must_use]
    pub fn keys(&self) -> KeysSubject {
        KeysSubject {
            region: "eu-west-2".to_owned(),
            of_aws: AWS_KEY.to_owned(),
            of_customer: CUSTOMER_KEY.to_owned(),
            missing: AWS_KEY.replace("key/aws", "key/none"),
        }
    }

    /// The two alarms.
    #[must_use]
    pub fn alarms(&self) -> AlarmsSubject {
        let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        AlarmsSubject {
            region: "us-east-1".to_owned(),
            alarms: vec![name(ALARM), name(STOP_ALARM)],
            metric: watched_metric(),
            alarm: name(ALARM),
            arn: ALARM.to_owned(),
            action: FUNCTION.to_owned(),
            composite: name(STOP_ALARM),
            missing: "nobody".to_owned(),
            pages: 1,
        }
    }

    /// The distribution.
    #[must_use]
    pub fn distribution(&self) -> DistributionSubject {
        let id = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        DistributionSubject {
            id: id(DISTRIBUTION),
            arn: DISTRIBUTION.to_owned(),
            from: Place::Primary.name().to_owned(),
            to: Place::Standby.name().to_owned(),
            missing: "E2".to_owned(),
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> ClusterSubject {
        ClusterSubject {
            region: "eu-west-2".to_owned(),
            id: CLUSTER.rsplit(':').next().unwrap_or_default().to_owned(),
            arn: CLUSTER.to_owned(),
            writer: Place::Primary.name().to_owned(),
            reader: Place::Standby.name().to_owned(),
            missing: "nobody".to_owned(),
        }
    }

    /// The failover function.
    #[must_use]
    pub fn function(&self) -> FunctionSubject {
        let is_disabled = self.world.scenario.failover.wrong_function == Some(WrongFunction::Disabled);
        FunctionSubject {
            region: "us-east-1".to_owned(),
            arn: FUNCTION.to_owned(),
            timeout_seconds: u32::try_from(FUNCTION_TIMEOUT.as_secs()).unwrap_or_default(),
            variable: ("FIREDRILL_MAX_EVENT_AGE_SECONDS".to_owned(), "60".to_owned()),
            reserved: is_disabled.then_some(0),
            missing: format!("{FUNCTION}-2"),
        }
    }

    /// The topic of pages.
    ///
    /// # Panics
    /// Never: the simulated stack has one.
    #[must_use]
    pub fn topics(&self) -> TopicsSubject {
        let arn = |name: &str| Arn::try_from(format!("arn:aws:sns:eu-west-2:123456789012:{name}"));
        let (Ok(topic), Ok(missing)) = (arn("pages"), arn("nobody")) else { unreachable!("they are ARNs") };
        TopicsSubject { topic, subscriptions: Vec::new(), missing, pages: 1 }
    }

    /// The rule about the alarm, which is there in a world whose alarm leads elsewhere by a rule.
    #[must_use]
    pub fn rules(&self) -> RulesSubject {
        let pattern = json!({ "source": ["aws.cloudwatch"], "resources": [ALARM] });
        RulesSubject {
            region: "us-east-1".to_owned(),
            rule: Rule {
                name: "incidents".to_owned(),
                arn: "arn:aws:events:us-east-1:123456789012:rule/incidents".to_owned(),
                enabled: true,
                pattern: Some(pattern.to_string()),
            },
            targets: vec![Elsewhere::Rule.target().to_owned()],
            pages: 2,
        }
    }

    /// There is no health check.
    #[must_use]
    pub fn health_checks(&self) -> HealthChecksSubject {
        HealthChecksSubject { checks: Vec::new(), pages: 1 }
    }

    /// The application's status page.
    #[must_use]
    pub fn probe(&self) -> ProberSubject {
        let url = "http://127.0.0.1:1/status".parse();
        ProberSubject { url: url.unwrap_or_else(|_| unreachable!("it is a URL")), body: "cdn".to_owned() }
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> StoreSubject {
        StoreSubject { request: (*request(&self.world.scenario)).clone(), alarm: ALARM.to_owned() }
    }
}

impl Outside for Stage {
    async fn pass(&self) {
        self.clock.wait(MOMENT).await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn occupy(&self, _: &str, busy: bool) {
        self.world.cloud.borrow_mut().busy_until = if busy { i64::MAX } else { 0 };
    }

    async fn mute(&self, _: &str, rule: &str, now: bool) {
        let rule = MuteRule { name: rule.to_owned(), is_active: now };
        self.world.cloud.borrow_mut().mute_rules.push(rule);
    }

    async fn messages(&self, _: &str) -> Vec<String> {
        self.world.pages.borrow().clone()
    }

    async fn evidence(&self, run: &RunId) -> usize {
        self.world.table.borrow().evidence.keys().filter(|(id, _)| id == run).count()
    }

    async fn summary(&self, drill_key: &str) -> Option<Summary> {
        self.world.table.borrow().summaries.get(drill_key).cloned()
    }

    async fn results(&self, drill_key: &str) -> Vec<DrillResult> {
        let table = self.world.table.borrow();
        let mut results: Vec<DrillResult> =
            table.results.iter().filter(|result| result.drill_path() == drill_key).cloned().collect();
        results.sort_by_key(DrillResult::sort_key);
        results
    }
}
