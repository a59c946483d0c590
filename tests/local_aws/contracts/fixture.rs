//! Fixture: one local AWS for all tests of this binary, set up by the first test, and the adapters on it.

use std::{collections::BTreeMap, fs, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::types::{MuteTargets, Rule, Schedule, StateValue};
use aws_sdk_dynamodb::types::AttributeValue;
use firedrill_aws::{Cloud, client::Connection, clock::SystemClock, dynamodb::RunTable, prober::HttpProber};
use firedrill_core::{Timestamp, ports::Clock as _, result::DrillResult, run::RunId};
use firedrill_inject::{AlarmInjector, InstanceInjector};
use firedrill_local::{LocalAws, shared_fixture::SharedFixture};
use firedrill_simulator::contracts::{Outside, Summary};
use serde_json::{Value, json};

use super::template::{ALARMS, REGION, described, template};

/// A busy machine answers late, and what is tested here is not how soon.
const CALL_DEADLINE: Duration = Duration::from_secs(25);
/// How long a moment is.
const MOMENT: Duration = Duration::from_millis(50);

/// Local AWS, the adapters, and what an operator needs.
pub struct Fixture {
    pub aws: LocalAws,
    pub cloud: Cloud,
    pub alarm_injector: AlarmInjector,
    pub instance_injector: InstanceInjector,
    /// What the template made.
    pub outputs: BTreeMap<String, String>,
    pub sdk: SdkConfig,
    cloudwatch: aws_sdk_cloudwatch::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

/// The one fixture of these tests.
pub static FIXTURE: SharedFixture<Fixture> = SharedFixture::new();

/// Runs a test on the shared fixture, which the first one sets up.
pub fn with(test: impl AsyncFnOnce(&Fixture)) {
    FIXTURE.with(Fixture::up, test);
}

impl Fixture {
    async fn up() -> Self {
        let aws = LocalAws::start().await.unwrap();
        let soon = json!({
            "stopMs": 300, "startMs": 300, "statusChecksMs": 100, "alarmMs": 300, "edgeMs": 200, "deployMs": 400,
            "writerMs": 200, "failoverMs": 400, "zoneMs": 100
        });
        aws.set_transitions(&soon).await.unwrap();
        let file = aws.folder().join("contracts.json");
        fs::write(&file, template().to_string()).unwrap();
        let outputs = aws.deploy("contracts", &file, &[], &[]).await.unwrap();
        let sdk = sdk(aws.endpoint()).await;
        let connection = Connection::over(&sdk, CALL_DEADLINE);
        let table = RunTable::new(&connection, &outputs["Table"], Duration::from_hours(24), CALL_DEADLINE);
        let fixture = Self {
            aws,
            cloud: Cloud::new(&connection, table, HttpProber::new().unwrap()),
            alarm_injector: AlarmInjector::new(&connection),
            instance_injector: InstanceInjector::new(&connection),
            outputs,
            cloudwatch: aws_sdk_cloudwatch::Client::new(&sdk),
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
            sdk,
        };
        let kept = ["forced", "evaluated", "muted"].map(str::to_owned);
        for name in (0..ALARMS).map(described).chain(kept) {
            fixture.set_ok(&name).await;
        }
        fixture
    }

    /// What the template made, by the name of its output.
    pub fn made(&self, name: &str) -> String {
        self.outputs[name].clone()
    }

    /// An alarm of which there are no data is in `INSUFFICIENT_DATA` until somebody sets it.
    async fn set_ok(&self, alarm: &str) {
        let call = self.cloudwatch.set_alarm_state().alarm_name(alarm).state_value(StateValue::Ok);
        call.state_reason("set up").send().await.unwrap();
    }
}

/// SDK configuration with explicit endpoint, Region and keys, so that nothing of the host's configuration applies.
async fn sdk(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::for_tests())
        .load()
        .await
}

impl Outside for Fixture {
    async fn pass(&self) {
        tokio::time::sleep(MOMENT).await;
    }

    fn now(&self) -> Timestamp {
        SystemClock::start().now()
    }

    async fn occupy(&self, cluster: &str, busy: bool) {
        let status = if busy { "failing-over" } else { "available" };
        self.aws.patch_database(cluster, &json!({ "status": status })).await.unwrap();
    }

    /// A rule whose one window began an hour ago, or begins tomorrow.
    async fn mute(&self, alarm: &str, rule: &str, now: bool) {
        let hour = Duration::from_hours(1);
        let begins = if now { self.now() - hour } else { self.now() + 24 * hour };
        let expression = format!("at({:.16})", begins.to_string());
        let schedule = Schedule::builder().expression(expression).duration("P1D").build();
        let targets = MuteTargets::builder().alarm_names(alarm).build();
        let call = self.cloudwatch.put_alarm_mute_rule().name(rule);
        let call = call.rule(Rule::builder().schedule(schedule).build()).mute_targets(targets);
        call.send().await.unwrap();
    }

    async fn messages(&self, topic: &str) -> Vec<String> {
        let all = self.aws.messages().await.unwrap().into_iter();
        all.filter(|message| message.topic == topic).map(|message| message.message).collect()
    }

    async fn evidence(&self, run: &RunId) -> usize {
        let query = self.dynamodb.query().table_name(self.made("Table")).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :sk)");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(format!("run#{run}")));
        let query = query.expression_attribute_values(":sk", AttributeValue::S("evidence#".to_owned()));
        let found = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        found.len()
    }

    async fn summary(&self, drill_key: &str) -> Option<Summary> {
        let get = self.dynamodb.get_item().table_name(self.made("Table")).consistent_read(true);
        let get = get.key("pk", AttributeValue::S("drills".to_owned()));
        let answer = get.key("sk", AttributeValue::S(drill_key.to_owned())).send().await.unwrap();
        let item = answer.item?;
        let text = |name: &str| item[name].as_s().unwrap().clone();
        let count = |(name, value): (&String, &AttributeValue)| {
            let outcome = name.strip_prefix("count-")?.to_owned();
            Some((outcome, value.as_n().unwrap().parse().unwrap()))
        };
        let counts = item.iter().filter_map(count).collect();
        Some(Summary { last_run: text("lastRun"), last_outcome: text("lastOutcome"), counts })
    }

    async fn results(&self, drill_key: &str) -> Vec<DrillResult> {
        let query = self.dynamodb.query().table_name(self.made("Table")).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :sk)");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(format!("drill#{drill_key}")));
        let query = query.expression_attribute_values(":sk", AttributeValue::S("result#".to_owned()));
        let found = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        let read = |item| DrillResult::read(&serde_dynamo::from_item::<_, Value>(item).unwrap()).unwrap();
        found.into_iter().map(read).collect()
    }
}
