//! Alarm change: one change of an alarm's state, in the three shapes in which AWS delivers it.
//!
//! Parsed leniently: metric-math alarms lack fields that typed events demand, and SNS leaves out what an
//! alarm does not have. Only what is needed to act is required: the alarm, its state, the time.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::{Timestamp, run::RunId};

/// The state of an alarm, as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudWatch's")]
pub enum AlarmState {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl std::fmt::Display for AlarmState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl AlarmState {
    /// The state of this CloudWatch name; `None` if it is not one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "OK" => Some(Self::Ok),
            "ALARM" => Some(Self::Alarm),
            "INSUFFICIENT_DATA" => Some(Self::InsufficientData),
            _ => None,
        }
    }
}

/// One change of one alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// The alarm's ARN.
    pub alarm_arn: String,
    /// When it changed, by CloudWatch's clock.
    pub at: Timestamp,
    /// The state it changed to.
    pub state: AlarmState,
    /// The reason that CloudWatch, or the caller of `SetAlarmState`, gave; empty if the event holds none.
    pub reason: String,
}

/// The delivered event cannot be read as a change of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the event is not a change of an alarm: `{field}` {what}")]
pub struct UnreadableChange {
    /// The path of the field.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
}

/// How the reason of an alarm that a run set begins.
const REASON_PREFIX: &str = "Firedrill run [";

/// The reason that a run gives when it sets an alarm's state. It holds the run's id, by which the failover function and
/// the run itself recognise the change.
#[must_use]
pub fn reason_of(run: &RunId, what: &str) -> String {
    format!("{REASON_PREFIX}{run}] {what}")
}

/// The run that gave this reason; `None` if none did.
#[must_use]
pub fn run_of(reason: &str) -> Option<RunId> {
    let (id, _) = reason.strip_prefix(REASON_PREFIX)?.split_once(']')?;
    (!id.is_empty()).then(|| RunId(id.to_owned()))
}

/// The changes in one event: from SNS (`Records`, several at once), from an alarm's Lambda action
/// (`alarmData`), or from EventBridge (`detail`).
///
/// # Errors
/// Names the first field that is missing or cannot be read.
pub fn changes(event: &Value) -> Result<Vec<AlarmChange>, UnreadableChange> {
    if let Some(records) = event.get("Records") {
        let records = records.as_array().filter(|records| !records.is_empty());
        let records = records.ok_or_else(|| wrong("Records", "holds no message"))?;
        return records.iter().enumerate().map(|(i, record)| from_sns(i, record)).collect();
    }
    if event.get("alarmData").is_some() {
        return Ok(vec![from_state(event, "alarmData", text(event, "/alarmArn")?)?]);
    }
    if event.get("detail").is_some() {
        let source = text(event, "/source")?;
        if source != "aws.cloudwatch" {
            return Err(wrong("source", &format!("is `{source}`, not aws.cloudwatch")));
        }
        return Ok(vec![from_state(event, "detail", text(event, "/resources/0")?)?]);
    }
    Err(wrong(
        "Records",
        "is missing, and so are `alarmData` and `detail`: SNS, Lambda actions and EventBridge send these",
    ))
}

/// Reads `alarmData` of a direct Lambda action, or `detail` of EventBridge: both have the same form.
fn from_state(event: &Value, under: &str, alarm_arn: String) -> Result<AlarmChange, UnreadableChange> {
    let field = |name: &str| format!("/{under}/state/{name}");
    let reason = event.pointer(&field("reason")).and_then(Value::as_str).unwrap_or_default();
    Ok(AlarmChange {
        alarm_arn,
        at: moment(&text(event, &field("timestamp"))?, &field("timestamp"))?,
        state: state(&text(event, &field("value"))?, &field("value"))?,
        reason: reason.to_owned(),
    })
}

/// Reads an SNS record: its message is another document, as a string.
fn from_sns(index: usize, record: &Value) -> Result<AlarmChange, UnreadableChange> {
    let at = format!("Records[{index}].Sns.Message");
    let message = record.pointer("/Sns/Message").and_then(Value::as_str);
    let message = message.ok_or_else(|| wrong(&at, "is missing"))?;
    let message: Value =
        serde_json::from_str(message).map_err(|error| wrong(&at, &format!("is not JSON: {error}")))?;
    let inside = |name: &str| {
        let found = message.get(name).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| wrong(&format!("{at}.{name}"), "is missing"))
    };
    Ok(AlarmChange {
        alarm_arn: inside("AlarmArn")?,
        at: moment(&inside("StateChangeTime")?, &format!("{at}.StateChangeTime"))?,
        state: state(&inside("NewStateValue")?, &format!("{at}.NewStateValue"))?,
        reason: inside("NewStateReason").unwrap_or_default(),
    })
}

fn wrong(field: &str, what: &str) -> UnreadableChange {
    UnreadableChange { field: field.trim_start_matches('/').replace('/', "."), what: what.to_owned() }
}

fn text(event: &Value, pointer: &str) -> Result<String, UnreadableChange> {
    let found = event.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| wrong(pointer, "is missing, or is not a string"))
}

fn state(name: &str, field: &str) -> Result<AlarmState, UnreadableChange> {
    AlarmState::named(name)
        .ok_or_else(|| wrong(field, &format!("is `{name}`, which is not a state of an alarm")))
}

/// Reads a time. CloudWatch writes offsets without a colon (`+0000`), which RFC 3339 does not allow.
fn moment(text: &str, field: &str) -> Result<Timestamp, UnreadableChange> {
    let parsed = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text)
        .and_then(|broken| broken.to_timestamp())
        .map(|at| Timestamp::from_millis(at.as_millisecond()));
    parsed
        .or_else(|_| text.parse::<Timestamp>())
        .map_err(|error| wrong(field, &format!("is `{text}`, which is not a time: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn";

    fn sns(message: &Value) -> Value {
        json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": message.to_string() } }] })
    }

    #[test]
    fn one_change_is_the_same_change_in_all_three_shapes() {
        let state = json!({ "value": "ALARM", "reason": "r", "timestamp": "2026-11-23T19:00:00.123+0000" });
        let direct = json!({
            "source": "aws.cloudwatch", "alarmArn": ARN, "time": "2026-11-23T19:00:00.200+0000",
            // A metric-math alarm: no metricStat, and custom reason data.
            "alarmData": {
                "alarmName": "cdn", "state": state, "previousState": { "value": "OK" },
                "configuration": { "metrics": [{ "id": "e1", "expression": "m1/m2", "returnData": true }] }
            }
        });
        let bridged = json!({
            "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "resources": [ARN],
            "detail": { "alarmName": "cdn", "state": state }
        });
        let by_sns = sns(&json!({
            "AlarmName": "cdn", "AlarmArn": ARN, "NewStateValue": "ALARM", "NewStateReason": "r",
            "StateChangeTime": "2026-11-23T19:00:00.123+0000"
        }));
        let once = changes(&direct).unwrap();
        assert_eq!(once[0].at, "2026-11-23T19:00:00.123Z".parse().unwrap());
        assert_eq!(changes(&bridged).unwrap(), once);
        assert_eq!(changes(&by_sns).unwrap(), once);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |event: Value| changes(&event).unwrap_err().to_string();
        assert!(error(json!({})).contains("`Records` is missing"));
        assert!(error(json!({ "Records": [] })).contains("holds no message"));
        assert!(error(sns(&json!({ "AlarmArn": ARN }))).contains("Records[0].Sns.Message.StateChangeTime"));
        let state = json!({ "value": "RED", "timestamp": "2026-11-23T19:00:00Z" });
        let what = error(json!({ "alarmArn": ARN, "alarmData": { "state": state } }));
        assert!(what.contains("alarmData.state.value") && what.contains("`RED`"), "{what}");
        assert!(error(json!({ "source": "aws.ec2", "detail": {} })).contains("not aws.cloudwatch"));
    }

    #[test]
    fn a_run_is_known_by_the_reason_it_gave_and_by_nothing_else() {
        let id = RunId("staging/bookstore/cdn/2026-12-01T10:00:00.000Z".to_owned());
        assert_eq!(run_of(&reason_of(&id, "forces the alarm")), Some(id));
        assert_eq!(run_of("Threshold Crossed: Firedrill run [x] was here"), None);
        assert_eq!(run_of("Firedrill run []"), None);
        assert_eq!(run_of("Firedrill run [x"), None);
    }
}
