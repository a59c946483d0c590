//! Event patterns: whether a rule of EventBridge may match a change of an alarm. What is not certain counts as a match.

use serde_json::{Value, json};

use crate::request::Arn;

/// Whether a rule with this event pattern may match a change of this alarm, whatever its new state. Only values and
/// prefixes that all differ from what the event holds exclude it (EventBridge user guide, *Comparison operators*); each
/// other comparison, and what cannot be read, counts as a match.
#[must_use]
pub fn may_match(pattern: &str, alarm: &Arn) -> bool {
    let event = json!({
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": alarm.account(),
        "region": alarm.region(),
        "resources": [alarm.as_str()],
        "detail": { "alarmName": alarm.alarm_name() },
    });
    serde_json::from_str(pattern).map_or(true, |pattern| matches(&pattern, &event))
}

/// Whether this part of a pattern may match this part of an event. A field that is not known here may hold anything.
fn matches(pattern: &Value, event: &Value) -> bool {
    match (pattern, event) {
        (Value::Object(fields), Value::Object(event)) => {
            fields.iter().all(|(name, pattern)| event.get(name).is_none_or(|value| matches(pattern, value)))
        }
        // A list of values in the event matches if one of them does.
        (Value::Array(_), Value::Array(values)) => values.iter().any(|value| matches(pattern, value)),
        (Value::Array(any_of), Value::String(value)) => any_of.iter().any(|test| holds(test, value)),
        _ => true,
    }
}

fn holds(test: &Value, value: &str) -> bool {
    match test {
        Value::String(equal) => equal == value,
        Value::Object(comparison) => match comparison.get("prefix") {
            Some(Value::String(prefix)) => value.starts_with(prefix.as_str()),
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &Value) -> bool {
        let alarm = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn".to_owned();
        may_match(&pattern.to_string(), &Arn::try_from(alarm).unwrap())
    }

    #[test]
    fn a_pattern_that_may_match_the_alarm_never_counts_as_one_that_does_not() {
        for pattern in [
            json!({ "source": ["aws.cloudwatch"] }),
            json!({ "source": [{ "prefix": "aws." }] }),
            json!({ "detail-type": ["CloudWatch Alarm State Change"], "detail": { "alarmName": ["web", "cdn"] } }),
            json!({ "resources": [{ "prefix": "arn:aws:cloudwatch:us-east-1:" }] }),
            json!({ "detail": { "alarmName": [{ "wildcard": "c*" }], "state": { "value": ["ALARM"] } } }),
            json!({ "detail": { "alarmName": [{ "anything-but": ["web"] }] } }),
            json!({ "detail": { "alarmName": [{ "prefix": { "equals-ignore-case": "CD" } }] } }),
            json!({ "$or": [{ "source": ["aws.ec2"] }, { "account": ["123456789012"] }] }),
            json!({ "detail": ["not an object"] }),
            json!({}),
        ] {
            assert!(matches(&pattern), "{pattern}");
        }
        let alarm = Arn::try_from("arn:aws:cloudwatch:us-east-1:1:alarm:cdn".to_owned()).unwrap();
        assert!(may_match("no JSON", &alarm));
    }

    #[test]
    fn a_pattern_for_something_else_matches_nothing_of_the_alarm() {
        for pattern in [
            json!({ "source": ["aws.ec2", "aws.rds"] }),
            json!({ "source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm Configuration Change"] }),
            json!({ "resources": ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:web"] }),
            json!({ "source": ["aws.cloudwatch"], "detail": { "alarmName": [{ "prefix": "web" }] } }),
            json!({ "account": ["999999999999"] }),
            json!({ "source": [] }),
        ] {
            assert!(!matches(&pattern), "{pattern}");
        }
    }
}
