//! Events: the changes of alarms in what SNS, a Lambda action or EventBridge delivered.
//!
//! The three envelopes are those of the crate `aws_lambda_events`. Its types demand more than a failover needs
//! (signatures, the state before, the alarm's configuration), and AWS leaves some of it out. A failover must not
//! wait for a field that it never reads: what is left out is filled in before the envelope is read. Demanded is
//! which alarm changed, to what state, and when. All three deliver at least once; the record tells duplicates.

use aws_lambda_events::{
    cloudwatch_alarms::{
        CloudWatchAlarm, CloudWatchAlarmData, CloudWatchAlarmState, CloudWatchAlarmStateValue,
    },
    eventbridge::EventBridgeEvent,
    sns::SnsRecord,
};
use firedrill_core::{
    Timestamp,
    failover::{AlarmChange, AlarmState, cut_reason},
    text::one_line,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use thiserror::Error;

/// The event, or one message in it, is no change of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the event is no change of an alarm: `{field}` {what}")]
pub(super) struct UnreadableChange {
    /// The path of the field, such as `Records[0].Sns.Message.NewStateValue`.
    pub(super) field: String,
    /// What is wrong with the field, as the rest of a sentence that begins with its name.
    pub(super) what: String,
}

/// The configuration as it came: the typed one demands `metricStat`, which metric math lacks, or `alarmRule`, which
/// only composite alarms have. The reason's data too: anybody who sets an alarm's state writes there what they like.
type Data = CloudWatchAlarmData<Value, Value>;
type State = CloudWatchAlarmState<Value>;

/// The most messages of one event that are read: SNS delivers one in each.
const MAX_MESSAGES: usize = 20;
/// The most characters of an alarm's ARN (API reference, `MetricAlarm`).
const MAX_ARN: usize = 1_600;

/// The kind of event that EventBridge delivers when an alarm changes its state.
const STATE_CHANGE: &str = "CloudWatch Alarm State Change";

/// The document that CloudWatch publishes through SNS. Not the crate's `CloudWatchAlarmPayload`, which demands a
/// description and a metric: alarms without a description and composite alarms have none.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlarmMessage {
    alarm_arn: String,
    state_change_time: Timestamp,
    new_state_value: AlarmState,
    new_state_reason: Option<String>,
}

/// The changes in one event: from SNS (`Records`, several at once), from an alarm's Lambda action (`alarmData`), or
/// from EventBridge (`detail`). Each is read by itself: a message that cannot be read keeps no other from being
/// acted upon. An error names the first field that is missing or cannot be read.
pub(super) fn changes(event: &Value) -> Vec<Result<AlarmChange, UnreadableChange>> {
    if let Some(records) = event.get("Records") {
        // Not as an `SnsEvent`, which is unreadable as a whole if one of its records is.
        return match records.as_array() {
            Some(records) if !records.is_empty() => {
                let read = records.iter().take(MAX_MESSAGES).enumerate();
                let read = read.map(|(index, record)| from_sns(index, record));
                let what =
                    format!("holds {} messages, of which only {MAX_MESSAGES} were read", records.len());
                let is_too_long = records.len() > MAX_MESSAGES;
                read.chain(is_too_long.then(|| Err(wrong("Records", &what)))).collect()
            }
            _ => vec![Err(wrong("Records", "holds no message"))],
        };
    }
    vec![if event.get("alarmData").is_some() {
        from_action(event)
    } else if event.get("detail").is_some() {
        from_eventbridge(event)
    } else {
        let what =
            "is missing, and so are `alarmData` and `detail`: SNS, Lambda actions and EventBridge send these";
        Err(wrong("Records", what))
    }]
}

fn from_sns(index: usize, record: &Value) -> Result<AlarmChange, UnreadableChange> {
    let at = format!("Records[{index}]");
    let record: SnsRecord = read(&at, filled_in(json!(SnsRecord::default()), record))?;
    let at = format!("{at}.Sns.Message");
    let message = present(&at, Some(record.sns.message))?;
    let message: Value =
        serde_json::from_str(&message).map_err(|error| wrong(&at, &format!("is not JSON: {error}")))?;
    demand(&at, &message, &["AlarmArn", "StateChangeTime", "NewStateValue"])?;
    let message: AlarmMessage = read(&at, message)?;
    Ok(AlarmChange {
        alarm_arn: alarm_arn(&format!("{at}.AlarmArn"), Some(message.alarm_arn))?,
        at: message.state_change_time,
        state: message.new_state_value,
        reason: cut_reason(message.new_state_reason.as_deref().unwrap_or_default()),
    })
}

fn from_action(event: &Value) -> Result<AlarmChange, UnreadableChange> {
    let mut defaults = CloudWatchAlarm::<Value, Value>::default();
    defaults.alarm_data = default_data();
    let alarm: CloudWatchAlarm<Value, Value> = read("", filled_in(json!(defaults), event))?;
    let alarm_arn = alarm_arn("alarmArn", alarm.alarm_arn)?;
    changed("alarmData", &event["alarmData"], alarm.alarm_data, alarm_arn)
}

/// An event's `detail` has the form of an action's `alarmData`.
fn from_eventbridge(event: &Value) -> Result<AlarmChange, UnreadableChange> {
    // CloudWatch also tells when somebody changes an alarm, with the state that it is in. Not demanded: a rule that transforms
    // its event may leave it out.
    if let Some(other) = event.get("detail-type").and_then(Value::as_str).filter(|kind| *kind != STATE_CHANGE)
    {
        return Err(wrong("detail-type", &format!("is `{}`, not {STATE_CHANGE}", one_line(other, 100))));
    }
    let event: EventBridgeEvent = read("", filled_in(json!(EventBridgeEvent::<Value>::default()), event))?;
    let source = present("source", Some(event.source))?;
    if source != "aws.cloudwatch" {
        return Err(wrong("source", &format!("is `{source}`, not aws.cloudwatch")));
    }
    let alarm_arn = alarm_arn("resources[0]", event.resources.unwrap_or_default().into_iter().next())?;
    let data = read("detail", filled_in(json!(default_data()), &event.detail))?;
    changed("detail", &event.detail, data, alarm_arn)
}

fn changed(at: &str, given: &Value, data: Data, alarm_arn: String) -> Result<AlarmChange, UnreadableChange> {
    let at = format!("{at}.state");
    // The defaults of both are wrong in the worst way: OK, and 1970.
    demand(&at, &given["state"], &["timestamp", "value"])?;
    let State { value, reason, timestamp, .. } = data.state.unwrap_or_default();
    let state = match value {
        CloudWatchAlarmStateValue::Ok => AlarmState::Ok,
        CloudWatchAlarmStateValue::Alarm => AlarmState::Alarm,
        CloudWatchAlarmStateValue::InsufficientData => AlarmState::InsufficientData,
        other => {
            return Err(wrong(&format!("{at}.value"), &format!("is `{other:?}`, which is unknown here")));
        }
    };
    let at = Timestamp::from_millis(timestamp.timestamp_millis());
    Ok(AlarmChange { alarm_arn, at, state, reason: cut_reason(&reason) })
}

/// One that is longer than any names no alarm, and no item of the journal could have it for a key.
fn alarm_arn(field: &str, text: Option<String>) -> Result<String, UnreadableChange> {
    let arn = present(field, text)?;
    match arn.chars().count() {
        length if length > MAX_ARN => {
            Err(wrong(field, &format!("has {length} characters: an ARN has at most {MAX_ARN}")))
        }
        _ => Ok(arn),
    }
}

/// With both states, so that what either leaves out can be filled in.
fn default_data() -> Data {
    let mut data = Data::default();
    data.state = Some(State::default());
    data.previous_state = Some(State::default());
    data
}

/// `given`, with `defaults` where it has no field or `null`. Fields without a default are dropped: no type reads them,
/// and some are another spelling (`SigningCertURL`) of one that is filled in.
fn filled_in(defaults: Value, given: &Value) -> Value {
    match (defaults, given) {
        (defaults, Value::Null) => defaults,
        (Value::Object(defaults), Value::Object(given)) => {
            let fields = defaults.into_iter().map(|(name, default)| {
                let field = filled_in(default, given.get(&name).unwrap_or(&Value::Null));
                (name, field)
            });
            Value::Object(fields.collect())
        }
        (_, given) => given.clone(),
    }
}

/// Reads a document, and names the field under `at` that cannot be read.
fn read<T: DeserializeOwned>(at: &str, document: Value) -> Result<T, UnreadableChange> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let field = match path.as_str() {
            "." => at.to_owned(),
            path if at.is_empty() => path.to_owned(),
            path => format!("{at}.{path}"),
        };
        wrong(&field, &format!("cannot be read: {}", error.inner()))
    })
}

/// Fields that nothing may be filled in for.
fn demand(at: &str, given: &Value, names: &[&str]) -> Result<(), UnreadableChange> {
    let missing = names.iter().find(|name| given.get(**name).is_none_or(Value::is_null));
    missing.map_or(Ok(()), |name| Err(wrong(&format!("{at}.{name}"), "is missing")))
}

/// What was filled in for text is empty.
fn present(field: &str, text: Option<String>) -> Result<String, UnreadableChange> {
    text.filter(|text| !text.is_empty()).ok_or_else(|| wrong(field, "is missing"))
}

/// Of what was sent at most a line is quoted.
fn wrong(field: &str, what: &str) -> UnreadableChange {
    UnreadableChange { field: one_line(field, 200), what: one_line(what, 400) }
}

#[cfg(test)]
mod tests;
