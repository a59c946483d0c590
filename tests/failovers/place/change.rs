//! A change of an alarm, as the repository's events tell it.

use std::fs;

use firedrill_core::Timestamp;
use serde_json::{Value, json};

use super::root;

/// A change of an alarm, to be told in any shape.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of a `cdn` or a `db`.
    pub kind: &'static str,
    pub alarm_arn: String,
    pub at: Timestamp,
    pub state: &'static str,
    pub reason: String,
}

/// How a change arrives.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Topic,
    Action,
    Rule,
}

impl Shape {
    pub const ALL: [Self; 3] = [Self::Topic, Self::Action, Self::Rule];
}

impl Change {
    /// CloudWatch writes offsets without a colon.
    fn moment(&self) -> String {
        self.at.to_string().replace('Z', "+0000")
    }

    /// The event of `events/failover-….json` that has this shape, telling this change.
    pub fn event(&self, shape: Shape) -> Value {
        let read = |name: &str| -> Value {
            let path = root().join(format!("events/failover-{}-{name}.json", self.kind));
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let state = json!({ "value": self.state, "reason": self.reason, "timestamp": self.moment() });
        match shape {
            Shape::Topic => {
                let mut event = read("sns");
                let message = event["Records"][0]["Sns"]["Message"].as_str().unwrap();
                let mut message: Value = serde_json::from_str(message).unwrap();
                message["AlarmArn"] = json!(self.alarm_arn);
                message["NewStateValue"] = json!(self.state);
                message["NewStateReason"] = json!(self.reason);
                message["StateChangeTime"] = json!(self.moment());
                event["Records"][0]["Sns"]["Message"] = json!(message.to_string());
                event
            }
            Shape::Action => {
                let mut event = read("alarm");
                event["alarmArn"] = json!(self.alarm_arn);
                event["alarmData"]["state"] = state;
                event
            }
            Shape::Rule => {
                let mut event = read("eventbridge");
                event["resources"] = json!([self.alarm_arn]);
                event["detail"]["state"] = state;
                event
            }
        }
    }
}
