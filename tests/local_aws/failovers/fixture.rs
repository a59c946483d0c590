//! Fixture of the failover tests: local AWS with the functions deployed, and a case for each test.
//!
//! - [`with`]: one local AWS for all tests of the failover functions. Each test has its own [`Case`]: an alarm whose
//!   state only the test changes, and the resource that it fails over.
//! - [`OperatorApi`]: the AWS calls that an operator would make.

mod cases;
mod change;
mod operator_api;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use firedrill_core::{Timestamp, failover::JournalEntry};
use firedrill_local::{
    LocalAws,
    binaries::{self, Binaries},
    clock::{Since, epoch_ms},
    emulator::{Call, Cluster, Delivery, Distribution, Invoked, Message},
    shared_fixture::SharedFixture,
    stack::LOCAL,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use cases::{DATABASES, STACK, alarm_arn, cases, cdn_failovers, database_failovers, function, topic};
pub use change::{Change, Shape};
pub use operator_api::OperatorApi;

/// Nothing that is awaited here takes as long, on however slow a machine.
const WITHIN: Duration = Duration::from_mins(5);
/// Most looks read a whole log, of which one process is the keeper: it has more to do than to answer us.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Polls until `look` gives a value.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Since::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < WITHIN, "never so: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The time of day, in whole milliseconds.
pub fn now() -> Timestamp {
    Timestamp::from_millis(epoch_ms())
}

/// The binaries of the functions, built once.
pub async fn binaries() -> &'static Binaries {
    static BUILT: OnceCell<Binaries> = OnceCell::const_new();
    BUILT.get_or_init(async || binaries::build().await.unwrap()).await
}

/// The one fixture of these tests.
pub static FIXTURE: SharedFixture<Fixture> = SharedFixture::new();

/// Runs a test on the shared fixture, which the first one sets up.
pub fn with(test: impl AsyncFnOnce(&Fixture)) {
    FIXTURE.with(Fixture::up, test);
}

/// The calls of this action by this caller, which is a function's dummy key (see [`caller_of`]).
pub async fn calls_of(aws: &LocalAws, caller: &str, action: &str) -> Vec<Call> {
    let calls = aws.calls().await.unwrap();
    calls.into_iter().filter(|call| call.caller.as_deref() == Some(caller) && call.action == action).collect()
}

/// The dummy key by which the call log names a function.
pub fn caller_of(function: &str) -> String {
    let name = function.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
    format!("LOCAL{}", name.collect::<String>())
}

/// One local AWS with everything that the tests of the failover functions need.
pub struct Fixture {
    pub aws: LocalAws,
    pub operator: OperatorApi,
    /// The outputs of the stack.
    outputs: BTreeMap<String, String>,
    /// The ids of the distributions, by case.
    distributions: BTreeMap<String, String>,
    faults: tokio::sync::Mutex<Vec<Value>>,
}

/// The resources that belong to one test.
pub struct Case<'a> {
    pub fixture: &'a Fixture,
    /// The name of the case, and of its alarm.
    pub name: &'static str,
    pub alarm_arn: String,
    /// The name of its failover function.
    pub function: String,
    /// The function's dummy key.
    pub caller: String,
    pub table: String,
    /// The topic to which the function pages.
    pub pages: String,
    /// The distribution's id, or the database's.
    pub id: String,
    /// `cdn` or `db`.
    pub kind: &'static str,
}

impl Fixture {
    async fn up() -> Self {
        let functions = binaries().await;
        let aws = LocalAws::start().await.unwrap();
        let times = json!({
            "edgeMs": 200, "deployMs": 400, "writerMs": 300, "failoverMs": 600, "zoneMs": 100, "alarmMs": 200,
            "snsRetryMs": 300
        });
        aws.set_transitions(&times).await.unwrap();
        let template = aws.folder().join("cases.json");
        fs::write(&template, cases().to_string()).unwrap();
        let made = aws.deploy("cases", &template, &[], &[]).await.unwrap();
        let distributions =
            made.iter().filter_map(|(name, id)| Some((name.strip_prefix("Cdn")?.to_owned(), id.clone())));
        let distributions: BTreeMap<String, String> = distributions.collect();
        let (cdn, databases) = (cdn_failovers(&distributions).to_string(), database_failovers().to_string());
        let (cdn_topic, database_topic) = (topic("cdn"), topic("db"));
        let parameters = [
            ("MarginMs", "1000"),
            ("FunctionTimeoutSeconds", "60"),
            ("SettleMs", "90000"),
            ("WatchdogTimeoutSeconds", "90"),
            ("WatchdogSchedule", "rate(30 days)"),
            // Longer than it takes to be sure that an invocation is dead.
            ("MaxEventAgeSeconds", "300"),
            // Longer than any test, so that no database fails over twice.
            ("CoolDownSeconds", "3600"),
            ("CdnFailovers", cdn.as_str()),
            ("CdnAlarmTopicArn", &cdn_topic),
            ("DatabaseFailovers", &databases),
            ("DatabaseAlarmTopicArn", &database_topic),
        ];
        let parameters: Vec<_> = LOCAL.into_iter().chain(parameters).collect();
        let template = root().join("infra/template.yaml");
        let outputs = aws.deploy(STACK, &template, &functions.codes(), &parameters).await.unwrap();
        Self {
            operator: OperatorApi::of(&aws),
            aws,
            outputs,
            distributions,
            faults: tokio::sync::Mutex::default(),
        }
    }

    /// The case of this name.
    pub fn case(&self, name: &'static str) -> Case<'_> {
        let kind = if DATABASES.contains(&name) { "db" } else { "cdn" };
        let function = function(kind).rsplit(':').next().unwrap().to_owned();
        Case {
            fixture: self,
            name,
            alarm_arn: alarm_arn(name),
            caller: caller_of(&function),
            function,
            table: self.outputs["TableName"].clone(),
            pages: self.outputs["PagesTopicArn"].clone(),
            id: self.distributions.get(name).map_or(name, String::as_str).to_owned(),
            kind,
        }
    }
}

impl Case<'_> {
    /// Adds a fault on its function's calls about this case; faults of other tests stay in force.
    pub async fn fault(&self, action: &str, how: Value) {
        let name = self.name;
        let mut fault =
            json!({ "caller": self.caller, "action": action, "contains": format!("alarm:{name}\"") });
        fault.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        let mut faults = self.fixture.faults.lock().await;
        fault["id"] = json!(format!("{}-{}", self.name, faults.len()));
        faults.push(fault);
        self.fixture.aws.set_faults(&Value::Array(faults.clone())).await.unwrap();
    }

    /// Sets its alarm's state, which stays until the next call.
    pub async fn set(&self, state: &str, reason: &str) {
        self.fixture.operator.set_alarm(self.name, state, reason).await;
    }

    /// A change of its alarm, this many milliseconds ago.
    pub fn change(&self, state: &'static str, ago_ms: i64, reason: &str) -> Change {
        let at = Timestamp::from_millis(epoch_ms() - ago_ms);
        Change { kind: self.kind, alarm_arn: self.alarm_arn.clone(), at, state, reason: reason.to_owned() }
    }

    /// Invokes its function.
    pub async fn invoke(&self, event: &Value) -> Invoked {
        self.fixture.aws.invoke(&self.function, event).await.unwrap()
    }

    /// Invokes its function, which must succeed, and returns its answer about the one change.
    pub async fn handled(&self, event: &Value) -> Value {
        let Invoked { mut payload, failed } = self.invoke(event).await;
        assert!(!failed, "{payload:#}");
        assert_eq!(payload["changes"].as_array().unwrap().len(), 1, "{payload:#}");
        payload["changes"][0].take()
    }

    /// The deliveries of its alarm's changes.
    pub async fn deliveries(&self) -> Vec<Delivery> {
        let all = self.fixture.aws.deliveries().await.unwrap();
        all.into_iter().filter(|one| one.alarm.as_deref() == Some(self.name)).collect()
    }

    /// Waits until this many deliveries have succeeded or failed, and none is under way.
    pub async fn delivered(&self, count: usize) -> Vec<Delivery> {
        until(&format!("{count} deliveries of {} have ended", self.name), async || {
            let all = self.deliveries().await;
            let ended = all.iter().filter(|one| matches!(one.state.as_str(), "delivered" | "failed")).count();
            let under_way = all.iter().any(|one| one.state == "delivering");
            (ended >= count && !under_way).then_some(all)
        })
        .await
    }

    /// Repeats its newest delivery until the journal concludes the change.
    pub async fn delivered_until_concluded(&self) -> JournalEntry {
        until(&format!("the change of {} is concluded", self.name), async || {
            let before = self.deliveries().await;
            self.fixture.aws.redeliver(before.last().unwrap().n).await.unwrap();
            self.delivered(before.len() + 1).await;
            Some(self.entry().await).filter(|entry| entry.done.is_some())
        })
        .await
    }

    /// Its function's journal about its alarm, oldest first.
    pub async fn journal(&self) -> Vec<JournalEntry> {
        self.fixture.operator.journal(&self.table, &self.alarm_arn).await
    }

    /// The only entry of the journal.
    pub async fn entry(&self) -> JournalEntry {
        let mut journal = self.journal().await;
        assert_eq!(journal.len(), 1, "{journal:#?}");
        journal.remove(0)
    }

    /// The calls of this action that its function made on the resource that fails over.
    pub async fn calls(&self, action: &str) -> Vec<Call> {
        let calls = calls_of(&self.fixture.aws, &self.caller, action).await;
        calls.into_iter().filter(|call| call.resource.as_deref() == Some(&self.id)).collect()
    }

    /// The pages about its alarm.
    pub async fn pages(&self) -> Vec<Message> {
        let all = self.fixture.aws.messages().await.unwrap();
        let ours = |message: &Message| {
            message.topic == self.pages && message.message.contains(&format!("{} ", self.alarm_arn))
        };
        all.into_iter().filter(ours).collect()
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
}
