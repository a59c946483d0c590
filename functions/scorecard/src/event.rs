//! Event: what is put on the default bus of `EventBridge`, with the source `firedrill`: its detail types and their details.
//!
//! `events.schema.json` beside this crate is generated from these types. A later version may add fields and detail types; it
//! changes `schemaVersion` when what is there changes.

use firedrill_core::{Outcome, Timestamp, failover::Done, request::Mode, result::Sender, run::Caller};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::FindingKind;

/// The version of the details that this version of Firedrill writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Every outcome with which a run may end.
const OUTCOMES: [Outcome; 8] = [
    Outcome::Recovered,
    Outcome::ObjectiveMissed,
    Outcome::NotRecovered,
    Outcome::NotInjected,
    Outcome::Stopped,
    Outcome::Skipped,
    Outcome::Inconclusive,
    Outcome::RollbackFailed,
];

/// What an event of the source `firedrill` says, as `detail-type` and `detail`. The bus delivers it with fields of its own
/// beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "detail-type", content = "detail")]
pub enum Event {
    /// A run has begun to check whether it may inject.
    #[serde(rename = "Drill run started")]
    RunStarted(Box<RunStarted>),
    /// A run is over.
    #[serde(rename = "Drill run ended")]
    RunEnded(Box<RunEnded>),
    /// A failover function acted on a real alarm.
    #[serde(rename = "Real incident")]
    RealIncident(Box<RealIncident>),
    /// A drill does not pass as often as it must, or will not.
    #[serde(rename = "Drill cadence not kept")]
    CadenceNotKept(Box<CadenceNotKept>),
}

impl Event {
    /// Its `detail-type` and its `detail`.
    #[must_use]
    pub fn into_parts(self) -> (String, Value) {
        let mut event = serde_json::to_value(self).unwrap_or_default();
        let detail_type = event["detail-type"].as_str().unwrap_or_default().to_owned();
        (detail_type, event["detail"].take())
    }
}

/// What every detail begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventHeader {
    /// The version of this schema: 1.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// What is told. The same thing told twice has the same id.
    pub id: String,
    /// Where it can be read: an address of the published pages, or of the S3 console.
    pub link: String,
}

impl EventHeader {
    pub(crate) const fn new(id: String, link: String) -> Self {
        Self { schema_version: SCHEMA_VERSION, id, link }
    }
}

/// The drill that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventDrill {
    /// The environment, such as `staging`.
    pub environment: String,
    /// The application.
    pub application: String,
    /// The drill.
    pub drill: String,
    /// The dependency that it makes fail.
    pub dependency: String,
    /// The team that owns its playbook; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The URL of its playbook; none if it is not known, or no web address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook_link: Option<String>,
    /// The version of its playbook; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook_version: Option<String>,
}

/// A run has begun to check whether it may inject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStarted {
    #[expect(missing_docs, reason = "its fields are those of `EventHeader`")]
    #[serde(flatten)]
    pub header: EventHeader,
    #[expect(missing_docs, reason = "its fields are those of `EventDrill`")]
    #[serde(flatten)]
    pub drill: EventDrill,
    /// The run.
    pub run_id: String,
    /// How the failure will be injected.
    pub mode: Mode,
    /// What started it.
    #[schemars(schema_with = "caller")]
    pub caller: Caller,
    /// When it was scheduled; none without a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub scheduled_at: Option<Timestamp>,
    /// When its record was made; none if the record does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub started_at: Option<Timestamp>,
    /// The recovery time objective, in milliseconds.
    pub objective_ms: u64,
}

/// A run is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunEnded {
    #[expect(missing_docs, reason = "its fields are those of `EventHeader`")]
    #[serde(flatten)]
    pub header: EventHeader,
    #[expect(missing_docs, reason = "its fields are those of `EventDrill`")]
    #[serde(flatten)]
    pub drill: EventDrill,
    /// The run.
    pub run_id: String,
    /// How the failure was injected.
    pub mode: Mode,
    /// What sent its request.
    #[schemars(schema_with = "sender")]
    pub sender: Sender,
    /// What came of it.
    #[schemars(schema_with = "outcome")]
    pub outcome: Outcome,
    /// The reason, as the record has it; none if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was scheduled; none without a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub scheduled_at: Option<Timestamp>,
    /// Just before the failure was injected; none if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub injected_at: Option<Timestamp>,
    /// When it was over.
    #[schemars(schema_with = "moment")]
    pub finished_at: Timestamp,
    /// The recovery time objective, in milliseconds.
    pub objective_ms: u64,
    /// From the injection until the alarm went off; none if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_detect_ms: Option<u64>,
    /// From the injection until the failover was seen; none if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_fail_over_ms: Option<u64>,
    /// From the injection until the application was well; none if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_recover_ms: Option<u64>,
    /// By how much the time to recover may have been shorter, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_recover_resolution_ms: Option<u64>,
    /// From the beginning of the rollback until every step of the undo was seen done; none if that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_roll_back_ms: Option<u64>,
    /// How long users were impaired, at most; none if that is not known, which is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impaired_ms: Option<u64>,
}

/// A failover function acted on a real alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RealIncident {
    #[expect(missing_docs, reason = "its fields are those of `EventHeader`")]
    #[serde(flatten)]
    pub header: EventHeader,
    /// The alarm.
    pub alarm_arn: String,
    /// When it went to ALARM, by CloudWatch's clock.
    #[schemars(schema_with = "moment")]
    pub began_at: Timestamp,
    /// The reason that CloudWatch gives.
    pub alarm_reason: String,
    /// What the failover function did: `failed-over`, or `failed`, if it is not known that AWS executed its call.
    #[schemars(schema_with = "done")]
    pub done: Done,
    /// Why, in a sentence; none if its journal has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it called AWS; none if its journal does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub called_at: Option<Timestamp>,
    /// When it was done with it; none if its journal does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub concluded_at: Option<Timestamp>,
}

/// A drill does not pass as often as it must, or will not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CadenceNotKept {
    #[expect(missing_docs, reason = "its fields are those of `EventHeader`")]
    #[serde(flatten)]
    pub header: EventHeader,
    #[expect(missing_docs, reason = "its fields are those of `EventDrill`")]
    #[serde(flatten)]
    pub drill: EventDrill,
    /// What is the matter.
    pub kind: FindingKind,
    /// The same in a sentence.
    pub text: String,
    /// Since when; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub since: Option<Timestamp>,
    /// How often it must pass, in days; none if nothing says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
    /// Its last pass; none if it never passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub last_pass_at: Option<Timestamp>,
    /// From when on it is due; none if that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub due_at: Option<Timestamp>,
    /// After when it is overdue; none if that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub overdue_at: Option<Timestamp>,
    /// When it starts next; none if nothing starts it, or that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "moment")]
    pub next_run_at: Option<Timestamp>,
}

/// RFC 3339 in UTC.
fn moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

fn outcome(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": OUTCOMES })
}

fn done(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": [Done::FailedOver, Done::Failed] })
}

fn caller(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": [Caller::Schedule, Caller::Rule, Caller::Direct] })
}

fn sender(_: &mut SchemaGenerator) -> Schema {
    let senders = [Sender::Schedule, Sender::Rule, Sender::Pipeline, Sender::Direct];
    json_schema!({ "type": "string", "enum": senders })
}
