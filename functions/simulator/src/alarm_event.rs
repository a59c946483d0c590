//! Events of an alarm's change, as the three services write them: an SNS topic, a Lambda action and an EventBridge rule.

use firedrill_core::{Timestamp, failover::AlarmChange};
use serde_json::{Value, json};

/// The shape in which a change is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The alarm's action notifies a topic to which the function is subscribed.
    Topic,
    /// The alarm's action invokes the function.
    Action,
    /// A rule of EventBridge invokes the function.
    Rule,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 3] = [Self::Topic, Self::Action, Self::Rule];

    /// The event in which this change is delivered.
    #[must_use]
    pub fn event(self, change: &AlarmChange) -> Value {
        match self {
            Self::Topic => topic(change),
            Self::Action => action(change),
            Self::Rule => rule(change),
        }
    }
}

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

/// The time as CloudWatch writes it: with an offset without a colon.
fn moment(at: Timestamp) -> String {
    at.to_string().replace('Z', "+0000")
}

fn name(change: &AlarmChange) -> &str {
    change.alarm_arn.rsplit(':').next().unwrap_or_default()
}

fn topic(change: &AlarmChange) -> Value {
    let (name, at) = (name(change), moment(change.at));
    let message = json!({
        "AlarmName": name, "AlarmArn": change.alarm_arn, "AlarmDescription": null, "AWSAccountId": ACCOUNT,
        "NewStateValue": change.state, "NewStateReason": change.reason, "StateChangeTime": at,
        "OldStateValue": "OK", "Region": "US East (N. Virginia)",
        "Trigger": { "Namespace": "Bookstore", "MetricName": "connectivity", "Statistic": "MINIMUM" }
    });
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:alarms");
    json!({ "Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0",
        "EventSubscriptionArn": format!("{topic}:21be56ed-a058-49f5-8c98-aedd2564c486"),
        "Sns": {
            "Type": "Notification", "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e", "TopicArn": topic,
            "Subject": format!("{}: \"{name}\" in US East (N. Virginia)", change.state),
            "Message": message.to_string(), "Timestamp": change.at.to_string(),
            "SignatureVersion": "1", "Signature": "EXAMPLE", "SigningCertUrl": "EXAMPLE",
            "UnsubscribeUrl": "EXAMPLE", "MessageAttributes": {}
        }
    }] })
}

/// What the events of an action and of a rule tell alike.
fn data(change: &AlarmChange) -> Value {
    let metric = json!({ "namespace": "Bookstore", "name": "connectivity", "dimensions": {} });
    json!({
        "alarmName": name(change),
        "state": { "value": change.state, "reason": change.reason, "timestamp": moment(change.at) },
        "previousState": { "value": "OK", "reason": "", "timestamp": moment(change.at) },
        "configuration": { "metrics": [{
            "id": "m1", "metricStat": { "metric": metric, "period": 10, "stat": "Minimum" }, "returnData": true
        }] }
    })
}

fn action(change: &AlarmChange) -> Value {
    json!({
        "source": "aws.cloudwatch", "alarmArn": change.alarm_arn, "accountId": ACCOUNT,
        "time": moment(change.at), "region": REGION, "alarmData": data(change)
    })
}

fn rule(change: &AlarmChange) -> Value {
    json!({
        "version": "0", "id": "2dde0eb1-528b-d2d5-9ca6-6d590caf2329", "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change", "account": ACCOUNT, "time": change.at.to_string(),
        "region": REGION, "resources": [change.alarm_arn], "detail": data(change)
    })
}
