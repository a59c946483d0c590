//! Shapes: the emulator's answers under `/_local/`, with the fields of its Python.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One call in the call log.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of emulator/calls.py")]
pub struct Call {
    pub n: u64,
    pub at: i64,
    pub done: Option<i64>,
    pub caller: Option<String>,
    pub service: String,
    pub action: String,
    pub region: Option<String>,
    pub dry_run: bool,
    pub mutating: bool,
    pub resource: Option<String>,
    pub detail: Option<String>,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub fault: Option<String>,
}

/// One EC2 instance, with its status checks.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of emulator/instances.py")]
pub struct Instance {
    pub id: String,
    pub state: String,
    pub zone: String,
    pub tags: BTreeMap<String, String>,
    pub group: Option<String>,
    pub status_checks: String,
    pub region: String,
}

/// One `CloudFront` distribution. What is configured may differ from what the edges serve.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/distributions`")]
pub struct Distribution {
    pub id: String,
    pub arn: String,
    pub status: String,
    pub configured: Behaviors,
    /// What the edges serve; none until the first configuration has reached them.
    pub serving: Option<Behaviors>,
    /// The domain name of each origin, by its id.
    pub origins: BTreeMap<String, String>,
}

/// The origin of each cache behaviour.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Behaviors {
    /// The id of the origin of the default behaviour.
    pub default: String,
    /// The ids of the origins of the other behaviours, by path pattern.
    #[serde(default)]
    pub behaviors: BTreeMap<String, String>,
}

/// All databases: the clusters with their members, and the instances that are in no cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct Databases {
    pub clusters: Vec<Cluster>,
    pub instances: Vec<DatabaseInstance>,
}

/// One database cluster.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct Cluster {
    pub id: String,
    pub arn: String,
    pub status: String,
    /// The id of the writer; none while there is none.
    pub writer: Option<String>,
    pub connectable: bool,
    pub members: Vec<Member>,
}

/// One instance of a database cluster.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct Member {
    pub id: String,
    pub writer: bool,
    pub status: String,
    pub zone: String,
}

/// One RDS instance that is in no cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct DatabaseInstance {
    pub id: String,
    pub arn: String,
    pub status: String,
    pub zone: String,
    pub secondary_zone: Option<String>,
    pub multi_az: bool,
    pub connectable: bool,
}

/// One delivery of an event to a function, from a topic, an alarm or a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of emulator/deliveries.py")]
pub struct Delivery {
    pub n: u64,
    pub at: i64,
    pub via: String,
    pub source: String,
    pub function: String,
    pub alarm: Option<String>,
    pub alarm_state: Option<String>,
    pub event: Value,
    pub again: Option<u64>,
    pub state: String,
    pub attempts: u32,
}

/// One message published to a topic.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of emulator/deliveries.py")]
pub struct Message {
    pub n: u64,
    pub at: i64,
    pub topic: String,
    pub subject: Option<String>,
    pub message: String,
}

#[derive(Deserialize)]
pub(super) struct Deliveries {
    pub(super) deliveries: Vec<Delivery>,
}

/// The answer of an invocation.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// What the function returned, or its error.
    pub payload: Value,
    /// Whether `payload` is an error.
    pub failed: bool,
}
