//! One local AWS for all drills here, and what each of them has to itself.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use firedrill_core::{
    ClockName, Phase, Timestamp,
    evidence::Evidence,
    failover::{Done, JournalEntry},
};
use firedrill_local::{
    Bookstore, LocalAws,
    bookstore::{BookstoreOptions, Cdn},
    emulator::{Call, Cluster, Delivery, Distribution, Message},
    record_reader::{Record, RecordReader},
    shared_fixture::SharedFixture,
};
use serde_json::{Value, json};

use super::template::{
    REGION, STACKS, Stack, alarm_arn, alarms_of, cdn_failovers, database_arn, database_failovers,
    distribution_arn, is_instance, template,
};
use crate::fixture::{OperatorApi, binaries, caller_of, calls_of, until};

/// What CloudWatch says when an alarm really goes off.
pub const CROSSED: &str =
    "Threshold Crossed: 1 out of the last 1 datapoints [0.0] was less than the threshold (1.0).";
/// And when it is over.
pub const WELL: &str = "Threshold Crossed: 1 datapoint [1.0] was not less than the threshold (1.0).";

/// Local AWS with the shipped functions, several times over.
pub struct DrillFixture {
    pub aws: LocalAws,
    pub operator: OperatorApi,
    http: reqwest::Client,
    /// By stack: its table, and the topic to which it pages.
    stacks: Vec<(RecordReader, String)>,
    distributions: BTreeMap<String, String>,
    faults: tokio::sync::Mutex<Vec<Value>>,
}

/// What one test has to itself: an alarm, and what it fails over.
pub struct DrillCase<'a> {
    pub fixture: &'a DrillFixture,
    /// Also the alarm's name, and the application's.
    pub name: &'static str,
    pub stack: &'static Stack,
    pub alarm_arn: String,
    /// `cdn` or `db`.
    pub kind: &'static str,
    /// The distribution's id, or the database's.
    pub id: String,
    pub table: &'a RecordReader,
    pages: &'a str,
}

/// Runs a test on the shared ground. The last test to leave takes it down.
pub fn with_drill_fixture(test: impl AsyncFnOnce(&DrillFixture)) {
    static FIXTURE: SharedFixture<DrillFixture> = SharedFixture::new();
    FIXTURE.with(DrillFixture::up, test);
}

/// The functions of a stack carry our process's number: they are looked for by name on the whole machine.
fn stack_name(stack: &Stack) -> String {
    format!("{}{}", stack.name, std::process::id())
}

impl DrillFixture {
    async fn up() -> Self {
        let functions = binaries().await;
        let aws = LocalAws::start().await.unwrap();
        let times = json!({
            "edgeMs": 300, "deployMs": 600, "writerMs": 3_000, "failoverMs": 5_000, "zoneMs": 100,
            "alarmMs": 200, "snsRetryMs": 300
        });
        aws.set_transitions(&times).await.unwrap();
        let file = aws.folder().join("drills.json");
        fs::write(&file, template().to_string()).unwrap();
        let made = aws.deploy("drilled", &file, &[], &[]).await.unwrap();
        let distributions =
            made.iter().filter_map(|(name, id)| Some((name.strip_prefix("Cdn")?.to_owned(), id.clone())));
        let distributions: BTreeMap<String, String> = distributions.collect();
        let mut stacks = Vec::new();
        for stack in &STACKS {
            let (cdn, databases) = (cdn_failovers(stack, &distributions), database_failovers(stack));
            assert!(cdn.len() <= 3_000 && databases.len() <= 3_000, "more than a parameter holds");
            let (cdn_topic, database_topic) = (alarms_of(stack, "cdn"), alarms_of(stack, "db"));
            let parameters = [
                ("Architecture", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }),
                ("NonProductionEnvironments", "test"),
                ("PollMs", "250"),
                ("AwsPollMs", "500"),
                ("CallDeadlineMs", "10000"),
                ("LeaseMs", "25000"),
                ("RenewMs", "2000"),
                ("MarginMs", "500"),
                ("FunctionTimeoutSeconds", "120"),
                ("SettleMs", "120000"),
                ("WatchdogTimeoutSeconds", "90"),
                // These tests carry on by hand what was left: the watchdog looks once, so that drills may begin.
                ("WatchdogSchedule", "rate(30 days)"),
                ("HeartbeatFreshSeconds", "86400"),
                ("FailoverTimeoutSeconds", "41"),
                ("MaxEventAgeSeconds", "60"),
                ("CoolDownSeconds", stack.cool_down),
                ("CdnFailovers", &cdn),
                ("CdnAlarmTopicArn", &cdn_topic),
                ("DatabaseFailovers", &databases),
                ("DatabaseAlarmTopicArn", &database_topic),
                ("MetricNamespaces", "Drills"),
            ];
            let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("infra/template.yaml");
            let made =
                aws.deploy(&stack_name(stack), &template, &functions.codes(), &parameters).await.unwrap();
            aws.watch(&stack_name(stack)).await.unwrap();
            stacks.push((RecordReader::new(&aws, &made["TableName"]), made["PagesTopicArn"].clone()));
        }
        Self {
            operator: OperatorApi::of(&aws),
            aws,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            stacks,
            distributions,
            faults: tokio::sync::Mutex::default(),
        }
    }

    /// What is configured under this name. One of the strangers runs on the drills that refuse.
    pub fn case(&self, name: &'static str) -> DrillCase<'_> {
        let has = |stack: &Stack| stack.distributions.contains(&name) || stack.databases.contains(&name);
        let index = STACKS.iter().position(has).unwrap_or(1);
        let stack = &STACKS[index];
        let (table, pages) = &self.stacks[index];
        let kind = if stack.databases.contains(&name) { "db" } else { "cdn" };
        // A stranger's distribution is any.
        let id = match (kind, self.distributions.get(name)) {
            ("db", _) => name.to_owned(),
            (_, Some(id)) => id.clone(),
            (_, None) => self.distributions["states"].clone(),
        };
        DrillCase { fixture: self, name, stack, alarm_arn: alarm_arn(name), kind, id, table, pages }
    }

    /// A call of AWS's own API by a person, in a protocol that is not a query.
    pub async fn call(&self, service: &str, target: Option<&str>, path: &str, body: String) -> String {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=LOCALTEST/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=none"
        );
        let mut request = self.http.post(format!("{}{path}", self.aws.endpoint())).body(body);
        request = request.header("authorization", scope).timeout(Duration::from_mins(1));
        if let Some(target) = target {
            request =
                request.header("x-amz-target", target).header("content-type", "application/x-amz-json-1.0");
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        text
    }
}

/// Since when the edges really served this one, at or after that moment.
pub fn served_since(shop: &Bookstore, cdn: Cdn, after: Timestamp) -> Option<i64> {
    let truth = shop.cdn_truth();
    let found = truth
        .iter()
        .find(|truth| truth.at_ms >= after.as_millis() && truth.edges == Some(cdn) && truth.served);
    found.map(|truth| truth.at_ms)
}

impl DrillCase<'_> {
    /// A bookstore on what this world fails over.
    pub fn shop(&self) -> Bookstore {
        self.shop_with(|_| {})
    }

    /// The same, which behaves like this.
    pub fn shop_with(&self, how: impl FnOnce(&mut BookstoreOptions)) -> Bookstore {
        // Several of them look at one emulator, which has more to do than to answer them.
        let look_every = Duration::from_millis(200);
        let mut options = BookstoreOptions { look_every, ..BookstoreOptions::default() };
        how(&mut options);
        if self.kind == "cdn" {
            options.distribution = Some(self.id.clone());
        } else {
            options.database = Some(self.id.clone());
        }
        Bookstore::open(&self.fixture.aws, &options).unwrap()
    }

    /// The request for its drill, in mode `alarm`, with a bookstore that answers here.
    pub fn request(&self, url: &str) -> Value {
        let http = |path: &str| json!({ "url": format!("{url}{path}"), "status": 200, "deadlineMs": 10_000 });
        let (target, users) = if self.kind == "cdn" {
            let target = json!({
                "alarmArn": self.alarm_arn, "distributionArn": distribution_arn(&self.id),
                "identity": {
                    "url": format!("{url}/static/status.json"), "json": "/cdn", "primary": "primary",
                    "standby": "secondary", "deadlineMs": 10_000, "count": 2, "holdForSeconds": 1
                },
                "primaryProbe": { "http": http("/origins/primary/static/status.json") }
            });
            (target, "/static/status.json")
        } else {
            let field = if is_instance(self.name) { "instanceArn" } else { "clusterArn" };
            (json!({ "alarmArn": self.alarm_arn, field: database_arn(self.name) }), "/books/")
        };
        json!({
            "drill": "failover", "application": self.name, "dependency": self.kind, "environment": "test",
            "execute": true, "mode": "alarm", "runId": "1",
            "target": target,
            "steadyState": {
                "withinSeconds": 90,
                "probes": [{
                    "name": "users are served", "http": http(users), "count": 2, "holdForSeconds": 1
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
        format!("{}-{kind}-{}", stack_name(self.stack), self.kind)
    }

    /// The function that runs its drill.
    pub fn drill(&self) -> String {
        self.function("drill")
    }

    /// Invokes its drill, which must answer.
    pub async fn invoke(&self, payload: &Value) -> Value {
        let answer = self.fixture.aws.invoke(&self.drill(), payload).await.unwrap();
        assert!(!answer.failed, "{:#}", answer.payload);
        answer.payload
    }

    /// Runs it to its end, as a watchdog would see to, and reads its record.
    pub async fn run(&self, request: &Value) -> Record {
        let answer = self.invoke(request).await;
        self.finished(answer).await
    }

    /// The same, of a run that was begun: resumes it until it is over.
    pub async fn finished(&self, mut answer: Value) -> Record {
        while answer["phase"] != "finished" {
            answer = self.invoke(&json!({ "resume": self.run_id() })).await;
        }
        let id = answer["runId"].as_str().unwrap().to_owned();
        self.table.record(&id).await.unwrap().unwrap()
    }

    /// A person's word about its run.
    pub async fn release(&self, fail_back: bool) -> Value {
        let word = json!({
            "runId": self.run_id(), "by": "on-call", "reason": "looked at it", "failBack": fail_back
        });
        self.invoke(&json!({ "release": word })).await
    }

    /// Waits until the record of its run shows this.
    pub async fn recorded(&self, what: &str, is_so: impl Fn(&Record) -> bool) -> Record {
        until(&format!("{}: {what}", self.name), async || {
            self.table.record(&self.run_id()).await.unwrap().filter(|record| is_so(record))
        })
        .await
    }

    /// Waits until its run is in this phase.
    pub async fn in_phase(&self, phase: Phase) -> Record {
        self.recorded(&phase.to_string(), |record| record.run.phase == phase).await
    }

    /// Adds a fault on calls of its drill; faults of other tests stay.
    pub async fn fault(&self, action: &str, contains: Option<&str>, how: Value) -> String {
        let mut fault = json!({ "caller": caller_of(&self.drill()), "action": action, "contains": contains });
        fault.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        let mut faults = self.fixture.faults.lock().await;
        let id = format!("{}-{action}-{}", self.name, faults.len());
        fault["id"] = json!(id);
        faults.push(fault);
        self.fixture.aws.set_faults(&Value::Array(faults.clone())).await.unwrap();
        id
    }

    /// Takes one of them back.
    pub async fn mend(&self, id: &str) {
        let mut faults = self.fixture.faults.lock().await;
        faults.retain(|fault| fault["id"] != id);
        self.fixture.aws.set_faults(&Value::Array(faults.clone())).await.unwrap();
    }

    async fn calls_of(&self, function: &str, action: &str) -> Vec<Call> {
        let calls = calls_of(&self.fixture.aws, &caller_of(&self.function(function)), action).await;
        let about = [Some(self.name), Some(self.id.as_str())];
        calls.into_iter().filter(|call| about.contains(&call.resource.as_deref())).collect()
    }

    /// The calls of this name that its drill made about its alarm, or about what fails over.
    pub async fn by_drill(&self, action: &str) -> Vec<Call> {
        self.calls_of("drill", action).await
    }

    /// The same, made by its failover function.
    pub async fn by_failover(&self, action: &str) -> Vec<Call> {
        self.calls_of("failover", action).await
    }

    /// How often each of the two sent what changes something: the drill, and the failover function.
    pub async fn moved(&self) -> [usize; 2] {
        let mut moved = [0, 0];
        for action in ["UpdateDistribution", "FailoverDBCluster", "RebootDBInstance"] {
            moved[0] += self.by_drill(action).await.len();
            moved[1] += self.by_failover(action).await.len();
        }
        moved
    }

    /// Nothing was changed by its drill, and nothing because of it.
    pub async fn untouched(&self) {
        assert_eq!(self.moved().await, [0, 0], "{}", self.name);
        for action in ["SetAlarmState", "PutMetricData"] {
            assert!(self.by_drill(action).await.is_empty(), "{}: {action}", self.name);
        }
        assert!(!self.is_registered().await, "{}", self.name);
    }

    /// Whether the record says that its alarm is a run's.
    pub async fn is_registered(&self) -> bool {
        let items =
            self.fixture.operator.items(&self.table.name, &format!("alarm#{}", self.alarm_arn), "run").await;
        !items.is_empty()
    }

    /// What its failover function did, oldest first.
    pub async fn journal(&self) -> Vec<JournalEntry> {
        self.fixture.operator.journal(&self.table.name, &self.alarm_arn).await
    }

    /// The messages to people about its run.
    pub async fn told(&self) -> Vec<Message> {
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

    /// Waits until the delivery of this number has ended well.
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

    /// Somebody else sets its alarm.
    pub async fn set(&self, state: &str, reason: &str) {
        self.fixture.operator.set_alarm(self.name, state, reason).await;
    }

    /// Its distribution.
    pub async fn distribution(&self) -> Distribution {
        self.fixture.aws.distribution(&self.id).await.unwrap().unwrap()
    }

    /// Where its distribution points.
    pub async fn origin(&self) -> String {
        self.distribution().await.configured.default
    }

    /// Its cluster.
    pub async fn cluster(&self) -> Cluster {
        self.fixture.aws.cluster(&self.id).await.unwrap().unwrap()
    }

    /// Moved away once and back once, its alarm its own, and in OK.
    pub async fn is_restored(&self) {
        assert_eq!(self.moved().await, [1, 1]);
        assert_eq!((self.origin().await.as_str(), self.alarm_state().await.as_str()), ("primary", "OK"));
        assert!(!self.is_registered().await);
    }

    /// Waits until its drill has forced its alarm: the call took effect.
    pub async fn forced(&self) {
        until(&format!("alarm {} was forced", self.name), async || {
            self.by_drill("SetAlarmState").await.iter().any(|call| call.done.is_some()).then_some(())
        })
        .await;
    }

    /// The entry of the failover function that the run's record holds about its own change.
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

/// What the alarm's history told, as the record has it.
pub fn history(record: &Record) -> Vec<String> {
    texts(record, |item| match item {
        Evidence::Alarm { summary, .. } => Some(summary.clone()),
        _ => None,
    })
}

/// What AWS said of what failed over, as the record has it.
pub fn effects(record: &Record) -> Vec<String> {
    texts(record, |item| match item {
        Evidence::Effect { state, .. } => Some(state.clone()),
        _ => None,
    })
}

/// What was measured, against what the bookstore knows of who served when: the truth lies within the
/// measured resolution, which no missing answer has widened.
pub fn served_as_measured(shop: &Bookstore, record: &Record) {
    let (run, times) = (&record.run, &record.run.times);
    let injected = times.injected.unwrap().at;
    let standby = served_since(shop, Cdn::Secondary, injected).unwrap();
    let primary = served_since(shop, Cdn::Primary, Timestamp::from_millis(standby)).unwrap();
    let widest = run.limits.probes.iter().map(|rule| rule.widest_gap_ms).max().unwrap();
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
        assert!(measured.resolution_ms <= widest, "{measured:?} is wider than {widest} ms");
    }
    let order = [injected, times.in_place.unwrap().at, times.serving_standby.unwrap().at];
    // The second is by CloudWatch's clock, which tells whole milliseconds.
    assert!(order[0].as_millis() <= order[1].as_millis() + 1 && order[1] <= order[2], "{times:#?}");
    let after = [times.rollback_started_at.unwrap(), times.failed_back.unwrap().at, times.finished.unwrap()];
    assert!(order[2] <= after[0] && after.is_sorted(), "{times:#?}");
}
