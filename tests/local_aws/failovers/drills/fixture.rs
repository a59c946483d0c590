//! Fixture of the drill tests: one local AWS for all of them, and a case for each.

use std::{collections::BTreeMap, fs, path::PathBuf};

use firedrill_core::{
    ClockName, Timestamp,
    evidence::Evidence,
    failover::{Done, JournalEntry},
    millis,
};
use firedrill_local::{
    Bookstore, LocalAws,
    bookstore::{BookstoreOptions, Cdn},
    emulator::{Call, Cluster, Delivery, Distribution, Message},
    record_reader::{Record, RecordReader},
    shared_fixture::SharedFixture,
    stack::LOCAL,
};
use serde_json::{Value, json};

use super::template::{
    DATABASES, alarm_arn, alarms_of, cdn_failovers, database_arn, database_failovers, distribution_arn,
    template,
};
use crate::failovers::fixture::{OperatorApi, binaries, caller_of, calls_of, until};

/// Local AWS with a stack of the shipped functions.
pub struct DrillFixture {
    pub aws: LocalAws,
    pub operator: OperatorApi,
    table: RecordReader,
    /// Its topic for pages.
    pages: String,
    distributions: BTreeMap<String, String>,
}

/// The resources that belong to one test: an alarm, and what it fails over.
pub struct DrillCase<'a> {
    pub fixture: &'a DrillFixture,
    /// The name of the case, of its alarm and of its application.
    pub name: &'static str,
    pub alarm_arn: String,
    /// `cdn` or `db`.
    pub kind: &'static str,
    /// The distribution's id, or the database's.
    pub id: String,
    pub table: &'a RecordReader,
    pages: &'a str,
}

/// The one fixture of these tests.
pub static FIXTURE: SharedFixture<DrillFixture> = SharedFixture::new();

/// Runs a test on the shared fixture, which the first one sets up.
pub fn with_drill_fixture(test: impl AsyncFnOnce(&DrillFixture)) {
    FIXTURE.with(DrillFixture::up, test);
}

/// The name of the stack.
const STACK: &str = "drills";

impl DrillFixture {
    async fn up() -> Self {
        let functions = binaries().await;
        let aws = LocalAws::start().await.unwrap();
        // The database is out for long enough to be seen by a function that has to wait for a processor.
        let times = json!({
            "edgeMs": 300, "deployMs": 600, "writerMs": 6_000, "failoverMs": 8_000, "zoneMs": 100,
            "alarmMs": 200, "snsRetryMs": 300
        });
        aws.set_transitions(&times).await.unwrap();
        let file = aws.folder().join("drills.json");
        fs::write(&file, template().to_string()).unwrap();
        let made = aws.deploy("drilled", &file, &[], &[]).await.unwrap();
        let distributions =
            made.iter().filter_map(|(name, id)| Some((name.strip_prefix("Cdn")?.to_owned(), id.clone())));
        let distributions: BTreeMap<String, String> = distributions.collect();
        let (cdn, databases) = (cdn_failovers(&distributions), database_failovers());
        let (cdn_topic, database_topic) = (alarms_of("cdn"), alarms_of("db"));
        let parameters = [
            ("NamePrefix", STACK),
            ("NonProductionEnvironments", "test"),
            ("PollMs", "250"),
            ("AwsPollMs", "500"),
            ("MarginMs", "500"),
            ("FunctionTimeoutSeconds", "120"),
            ("SettleMs", "120000"),
            ("WatchdogTimeoutSeconds", "90"),
            // These tests resume open runs themselves: the watchdog runs once, for the heartbeat that drills need.
            ("WatchdogSchedule", "rate(30 days)"),
            ("HeartbeatFreshSeconds", "86400"),
            ("MaxEventAgeSeconds", "60"),
            ("CoolDownSeconds", "1"),
            ("CdnFailovers", &cdn),
            ("CdnAlarmTopicArn", &cdn_topic),
            ("DatabaseFailovers", &databases),
            ("DatabaseAlarmTopicArn", &database_topic),
            ("MetricNamespaces", "Drills"),
        ];
        let parameters: Vec<_> = LOCAL.into_iter().chain(parameters).collect();
        let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("infra/template.yaml");
        let made = aws.deploy(STACK, &template, &functions.codes(), &parameters).await.unwrap();
        aws.watch(STACK).await.unwrap();
        Self {
            operator: OperatorApi::of(&aws),
            table: RecordReader::new(&aws, &made["TableName"]),
            pages: made["PagesTopicArn"].clone(),
            aws,
            distributions,
        }
    }

    /// The case of this name.
    pub fn case(&self, name: &'static str) -> DrillCase<'_> {
        let kind = if DATABASES.contains(&name) { "db" } else { "cdn" };
        let id = self.distributions.get(name).map_or(name, String::as_str).to_owned();
        let (table, pages) = (&self.table, self.pages.as_str());
        DrillCase { fixture: self, name, alarm_arn: alarm_arn(name), kind, id, table, pages }
    }
}

/// When the edges really began to serve this origin, at or after that moment.
pub fn served_since(shop: &Bookstore, cdn: Cdn, after: Timestamp) -> Option<i64> {
    let truth = shop.cdn_truth();
    let found = truth
        .iter()
        .find(|truth| truth.at_ms >= after.as_millis() && truth.edges == Some(cdn) && truth.served);
    found.map(|truth| truth.at_ms)
}

impl DrillCase<'_> {
    /// A bookstore on the resource that this case fails over.
    pub fn shop(&self) -> Bookstore {
        self.shop_with(|_| {})
    }

    /// The same, with these options.
    pub fn shop_with(&self, how: impl FnOnce(&mut BookstoreOptions)) -> Bookstore {
        let mut options = BookstoreOptions::default();
        how(&mut options);
        if self.kind == "cdn" {
            options.distribution = Some(self.id.clone());
        } else {
            options.database = Some(self.id.clone());
        }
        Bookstore::open(&self.fixture.aws, &options).unwrap()
    }

    /// The request for its drill, in mode `alarm`, with a bookstore at this URL.
    pub fn request(&self, url: &str) -> Value {
        let http = |path: &str| json!({ "url": format!("{url}{path}"), "status": 200, "deadlineMs": 10_000 });
        let (target, users) = if self.kind == "cdn" {
            let target = json!({ "distribution": {
                "arn": distribution_arn(&self.id), "trigger": { "alarmArn": self.alarm_arn },
                "identity": {
                    "url": format!("{url}/static/status.json"), "json": "/cdn", "primary": "primary",
                    "standby": "secondary", "deadlineMs": 10_000, "count": 2, "holdForSeconds": 1
                },
                "primaryProbe": { "http": http("/origins/primary/static/status.json") }
            } });
            (target, "/static/status.json")
        } else {
            let trigger = json!({ "alarmArn": self.alarm_arn });
            (json!({ "database": { "arn": database_arn(self.name), "trigger": trigger } }), "/books/")
        };
        json!({
            "drill": "failover", "application": self.name, "dependency": self.kind, "environment": "test",
            "execute": true, "mode": "alarm", "runId": "1",
            "target": target,
            "steadyState": {
                "withinSeconds": 90,
                "probes": [{
                    "name": "users are served", "check": { "http": http(users) }, "count": 2, "holdForSeconds": 1
                }]
            },
            "objective": {
                "rtoSeconds": 120, "giveUpAfterSeconds": 180, "restoreWithinSeconds": 300,
                "injectWithinSeconds": 60
            },
            "cadence": { "everyDays": 28 },
            "playbook": {
                "link": "https://example.com/p", "version": "1", "owner": "team", "severity": "sev2"
            }
        })
    }

    /// The identity of its run.
    pub fn run_id(&self) -> String {
        format!("test/{}/failover/1", self.name)
    }

    fn function(&self, kind: &str) -> String {
        format!("{STACK}-{kind}-{}", self.kind)
    }

    /// The name of the function that runs its drill.
    pub fn drill(&self) -> String {
        self.function("drill")
    }

    /// Invokes its drill, which must succeed.
    pub async fn invoke(&self, payload: &Value) -> Value {
        let answer = self.fixture.aws.invoke(&self.drill(), payload).await.unwrap();
        assert!(!answer.failed, "{:#}", answer.payload);
        answer.payload
    }

    /// Runs its drill until it is finished, as with a watchdog, and reads its record.
    pub async fn run(&self, request: &Value) -> Record {
        let answer = self.invoke(request).await;
        self.finished(answer).await
    }

    /// Resumes a run that was started until it is finished, and reads its record.
    pub async fn finished(&self, mut answer: Value) -> Record {
        while answer["phase"] != "finished" {
            answer = self.invoke(&json!({ "resume": self.run_id() })).await;
        }
        let id = answer["runId"].as_str().unwrap().to_owned();
        self.table.record(&id).await.unwrap().unwrap()
    }

    async fn calls_of(&self, function: &str, action: &str) -> Vec<Call> {
        self.calls_by(&self.function(function), action).await
    }

    async fn calls_by(&self, function: &str, action: &str) -> Vec<Call> {
        let calls = calls_of(&self.fixture.aws, &caller_of(function), action).await;
        let about = [Some(self.name), Some(self.id.as_str())];
        calls.into_iter().filter(|call| about.contains(&call.resource.as_deref())).collect()
    }

    /// The calls of this action that its drill made on its alarm, or on the resource that fails over.
    pub async fn by_drill(&self, action: &str) -> Vec<Call> {
        self.calls_of("drill", action).await
    }

    /// The same, by its failover function.
    pub async fn by_failover(&self, action: &str) -> Vec<Call> {
        self.calls_of("failover", action).await
    }

    /// The number of mutating calls: by the drill, and by the failover function.
    pub async fn moved(&self) -> [usize; 2] {
        let mut moved = [0, 0];
        for action in ["UpdateDistribution", "FailoverDBCluster", "RebootDBInstance"] {
            moved[0] += self.by_drill(action).await.len();
            moved[1] += self.by_failover(action).await.len();
        }
        moved
    }

    /// Whether its alarm is registered in the record as held by a run.
    pub async fn is_registered(&self) -> bool {
        let items =
            self.fixture.operator.items(&self.table.name, &format!("alarm#{}", self.alarm_arn), "run").await;
        !items.is_empty()
    }

    /// Its failover function's journal, oldest first.
    pub async fn journal(&self) -> Vec<JournalEntry> {
        self.fixture.operator.journal(&self.table.name, &self.alarm_arn).await
    }

    /// The pages about its run.
    pub async fn pages(&self) -> Vec<Message> {
        let all = self.fixture.aws.messages().await.unwrap();
        let ours =
            |message: &Message| message.topic == self.pages && message.message.contains(&self.run_id());
        all.into_iter().filter(ours).collect()
    }

    /// Its alarm's deliveries of this state, oldest first.
    pub async fn deliveries(&self, state: &str) -> Vec<Delivery> {
        let all = self.fixture.aws.deliveries().await.unwrap();
        let ours = |one: &Delivery| {
            one.alarm.as_deref() == Some(self.name) && one.alarm_state.as_deref() == Some(state)
        };
        all.into_iter().filter(ours).collect()
    }

    /// Waits until the delivery of this number has succeeded.
    pub async fn delivered(&self, n: u64) {
        until(&format!("delivery {n} has ended"), async || {
            let all = self.fixture.aws.deliveries().await.unwrap();
            let one = all.into_iter().find(|one| one.n == n).unwrap();
            assert_ne!(one.state, "failed", "{one:#?}");
            (one.state == "delivered").then_some(())
        })
        .await;
    }

    /// Waits until its alarm is in this state.
    pub async fn alarm_is(&self, state: &str) {
        until(&format!("alarm {} is in {state}", self.name), async || {
            (self.alarm_state().await == state).then_some(())
        })
        .await;
    }

    /// Its alarm's state.
    pub async fn alarm_state(&self) -> String {
        self.fixture.aws.alarm_state(self.name).await.unwrap().unwrap()
    }

    /// Its distribution.
    pub async fn distribution(&self) -> Distribution {
        self.fixture.aws.distribution(&self.id).await.unwrap().unwrap()
    }

    /// The origin of its distribution's default behaviour.
    pub async fn origin(&self) -> String {
        self.distribution().await.configured.default
    }

    /// Its cluster.
    pub async fn cluster(&self) -> Cluster {
        self.fixture.aws.cluster(&self.id).await.unwrap().unwrap()
    }

    /// The failover function's entry about the forced change, from the run's record.
    pub fn own_entry<'r>(&self, record: &'r Record) -> Option<&'r JournalEntry> {
        record.evidence.iter().find_map(|item| match item {
            Evidence::Failover { entry, .. }
                if entry.run_id.as_ref().is_some_and(|id| id.0 == self.run_id())
                    && entry.done == Some(Done::FailedOver) =>
            {
                Some(&**entry)
            }
            _ => None,
        })
    }
}

fn texts(record: &Record, of: impl Fn(&Evidence) -> Option<String>) -> Vec<String> {
    record.evidence.iter().filter_map(of).collect()
}

/// The alarm's history, from the record.
pub fn history(record: &Record) -> Vec<String> {
    texts(record, |item| match item {
        Evidence::Alarm { summary, .. } => Some(summary.clone()),
        _ => None,
    })
}

/// The effects on what failed over, from the record.
pub fn effects(record: &Record) -> Vec<String> {
    texts(record, |item| match item {
        Evidence::Effect { state, .. } => Some(state.clone()),
        _ => None,
    })
}

/// Compares the measured times with the bookstore's truth: it lies within the measured resolution, which no missing
/// answer has widened.
pub fn served_as_measured(shop: &Bookstore, record: &Record) {
    let (run, times) = (&record.run, &record.run.times);
    let injected = times.injected.unwrap().at;
    let standby = served_since(shop, Cdn::Secondary, injected).unwrap();
    let primary = served_since(shop, Cdn::Primary, Timestamp::from_millis(standby)).unwrap();
    let widest = run.limits.probes.iter().map(|rule| rule.widest_gap).max().unwrap();
    for (measured, truth) in
        [(times.serving_standby.unwrap(), standby), (times.failed_back.unwrap(), primary)]
    {
        assert_eq!(measured.clock, ClockName::Ours);
        let (at, resolution) = (measured.at.as_millis(), i64::try_from(measured.resolution_ms).unwrap());
        assert!(
            at - resolution <= truth && truth <= at,
            "measured {measured:?}, in truth at {}: {:#?}",
            Timestamp::from_millis(truth),
            shop.cdn_truth()
        );
        assert!(millis(widest) >= measured.resolution_ms, "{measured:?} is wider than {widest:?}");
    }
    let order = [injected, times.in_place.unwrap().at, times.serving_standby.unwrap().at];
    // The second time is by CloudWatch's clock, in whole milliseconds.
    assert!(order[0].as_millis() <= order[1].as_millis() + 1 && order[1] <= order[2], "{times:#?}");
    let after = [times.rollback_started_at.unwrap(), times.failed_back.unwrap().at, times.finished.unwrap()];
    assert!(order[2] <= after[0] && after.is_sorted(), "{times:#?}");
}
