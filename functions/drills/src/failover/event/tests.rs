use firedrill_core::failover::{FailoverTarget, parse_rules, run_of};

use super::*;

const ARN: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn";

fn read_all(event: &Value) -> Result<Vec<AlarmChange>, UnreadableChange> {
    changes(event).into_iter().collect()
}

fn only(event: &Value) -> AlarmChange {
    let read = read_all(event).unwrap_or_else(|error| panic!("{error}: {event:#}"));
    let [change] = &read[..] else { panic!("{read:?}") };
    change.clone()
}

fn error(event: &Value) -> String {
    read_all(event).unwrap_err().to_string()
}

fn event(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Nothing but what is needed to act.
fn sns(message: &Value) -> Value {
    json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": message.to_string() } }] })
}

/// Nothing but what is needed to act.
fn action(state: &Value) -> Value {
    json!({ "alarmArn": ARN, "alarmData": { "state": state } })
}

/// Nothing but what is needed to act.
fn eventbridge(state: &Value) -> Value {
    json!({ "source": "aws.cloudwatch", "resources": [ARN], "detail": { "state": state } })
}

/// The same change in all three shapes.
fn shapes(state: &str, timestamp: &str) -> [Value; 3] {
    let message = json!({ "AlarmArn": ARN, "NewStateValue": state, "StateChangeTime": timestamp });
    let state = json!({ "value": state, "timestamp": timestamp });
    [sns(&message), action(&state), eventbridge(&state)]
}

/// `event` without the field that `pointer` names.
fn without(event: &Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut event = event.clone();
    let parent = event.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.and_then(|parent| parent.remove(name)).unwrap_or_else(|| panic!("{pointer} is not there"));
    event
}

#[test]
fn one_change_is_the_same_change_in_all_three_shapes() {
    let state = json!({ "value": "ALARM", "reason": "r", "timestamp": "2026-11-23T19:00:00.123+0000" });
    let action_event = json!({
        "source": "aws.cloudwatch", "alarmArn": ARN, "time": "2026-11-23T19:00:00.200+0000",
        // A metric-math alarm: no metricStat, and custom reason data.
        "alarmData": {
            "alarmName": "cdn", "state": state, "previousState": { "value": "OK" },
            "configuration": { "metrics": [{ "id": "e1", "expression": "m1/m2", "returnData": true }] }
        }
    });
    let rule_event = json!({
        "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "resources": [ARN],
        "detail": { "alarmName": "cdn", "state": state }
    });
    let topic_event = sns(&json!({
        "AlarmName": "cdn", "AlarmArn": ARN, "NewStateValue": "ALARM", "NewStateReason": "r",
        "StateChangeTime": "2026-11-23T19:00:00.123+0000"
    }));
    let once = read_all(&action_event).unwrap();
    assert_eq!(once[0].at, "2026-11-23T19:00:00.123Z".parse().unwrap());
    assert_eq!((once[0].state, once[0].reason.as_str()), (AlarmState::Alarm, "r"));
    assert_eq!(read_all(&rule_event).unwrap(), once);
    assert_eq!(read_all(&topic_event).unwrap(), once);
}

#[test]
fn what_is_missing_is_named() {
    assert!(error(&json!({})).contains("`Records` is missing"));
    assert!(error(&json!({ "Records": [] })).contains("holds no message"));
    assert!(error(&sns(&json!({ "AlarmArn": ARN }))).contains("Records[0].Sns.Message.StateChangeTime"));
    let state = json!({ "value": "RED", "timestamp": "2026-11-23T19:00:00Z" });
    let what = error(&action(&state));
    assert!(what.contains("alarmData.state.value") && what.contains("`RED`"), "{what}");
    assert!(error(&json!({ "source": "aws.ec2", "detail": {} })).contains("not aws.cloudwatch"));
}

#[test]
fn what_is_needed_to_act_is_demanded_by_name_and_never_filled_in() {
    let [sns, action, eventbridge] = shapes("ALARM", "2026-11-23T19:00:00.123+0000");
    for (event, pointer, field) in [
        (&sns, "/Records/0/Sns/Message", "Records[0].Sns.Message"),
        (&sns, "/Records/0/Sns", "Records[0].Sns.Message"),
        (&action, "/alarmArn", "alarmArn"),
        // The crate's default is OK, which would fail back.
        (&action, "/alarmData/state/value", "alarmData.state.value"),
        (&action, "/alarmData/state/timestamp", "alarmData.state.timestamp"),
        (&action, "/alarmData/state", "alarmData.state.timestamp"),
        (&eventbridge, "/source", "source"),
        (&eventbridge, "/resources", "resources[0]"),
        (&eventbridge, "/detail/state/value", "detail.state.value"),
        (&eventbridge, "/detail/state/timestamp", "detail.state.timestamp"),
        (&eventbridge, "/detail/state", "detail.state.timestamp"),
    ] {
        let what = error(&without(event, pointer));
        assert!(what.contains(&format!("`{field}` is missing")), "without {pointer}: {what}");
        let mut null = event.clone();
        *null.pointer_mut(pointer).unwrap() = Value::Null;
        assert_eq!(error(&null), what, "{pointer} is null");
    }
    let message: Value = serde_json::from_str(sns["Records"][0]["Sns"]["Message"].as_str().unwrap()).unwrap();
    for name in ["AlarmArn", "NewStateValue", "StateChangeTime"] {
        let what = error(&self::sns(&without(&message, &format!("/{name}"))));
        assert!(what.contains(&format!("`Records[0].Sns.Message.{name}` is missing")), "{what}");
    }
}

#[test]
fn what_is_of_another_form_is_named() {
    let [topic_event, action_event, rule_event] = shapes("RED", "2026-11-23T19:00:00Z");
    for (event, field) in [
        (&topic_event, "`Records[0].Sns.Message.NewStateValue`"),
        (&action_event, "`alarmData.state.value`"),
        (&rule_event, "`detail.state.value`"),
    ] {
        let what = error(event);
        assert!(what.contains(field) && what.contains("`RED`"), "{what}");
    }
    let [topic_event, action_event, rule_event] = shapes("ALARM", "yesterday");
    for (event, field) in [
        (&topic_event, "`Records[0].Sns.Message.StateChangeTime`"),
        (&action_event, "`alarmData.state.timestamp`"),
        (&rule_event, "`detail.state.timestamp`"),
    ] {
        let what = error(event);
        assert!(what.contains(field), "{what}");
    }
    let garbled = json!({ "Records": [{ "Sns": { "Message": "hello" } }] });
    assert!(error(&garbled).contains("`Records[0].Sns.Message` is not JSON"), "{}", error(&garbled));
    let ec2 = json!({ "source": "aws.ec2", "detail": { "instance-id": "i-1", "state": "running" } });
    assert!(error(&ec2).contains("`source` is `aws.ec2`, not aws.cloudwatch"), "{}", error(&ec2));
}

#[test]
fn an_event_of_cloudwatch_about_anything_else_is_never_read_as_a_change_of_state() {
    let state_change = event("failover-cdn-eventbridge");
    assert_eq!(state_change["detail-type"], "CloudWatch Alarm State Change");
    for other in
        ["CloudWatch Alarm Configuration Change", "CloudWatch Alarm State Change ", "", "Scheduled Event"]
    {
        let mut event = state_change.clone();
        event["detail-type"] = json!(other);
        let what = error(&event);
        assert!(
            what.contains(&format!("`detail-type` is `{other}`, not CloudWatch Alarm State Change")),
            "{what}"
        );
    }
}

#[test]
fn every_field_that_is_not_needed_may_be_left_out_or_null() {
    fn inside(at: &str, value: &Value, found: &mut Vec<String>) {
        let Value::Object(fields) = value else { return };
        for (name, field) in fields {
            let pointer = format!("{at}/{name}");
            inside(&pointer, field, found);
            found.push(pointer);
        }
    }
    let needed = [
        "/alarmArn",
        "/alarmData",
        "/alarmData/state",
        "/alarmData/state/timestamp",
        "/alarmData/state/value",
        "/detail",
        "/detail/state",
        "/detail/state/timestamp",
        "/detail/state/value",
        "/resources",
        "/source",
        "/Records/0/Sns",
        "/Records/0/Sns/Message",
        "/AlarmArn",
        "/NewStateValue",
        "/StateChangeTime",
    ];
    let check = |name: &str, document: &Value, at: &str, event_of: &dyn Fn(Value) -> Value| {
        let whole = only(&event_of(document.clone()));
        let mut pointers = Vec::new();
        inside(at, document.pointer(at).unwrap(), &mut pointers);
        // An action's source is not looked at: EventBridge's is.
        let is_needed =
            |pointer: &str| needed.contains(&pointer) && !(pointer == "/source" && name.ends_with("alarm"));
        let mut left_out = document.clone();
        for pointer in pointers.iter().filter(|pointer| !is_needed(pointer)) {
            let mut null = document.clone();
            *null.pointer_mut(pointer).unwrap() = Value::Null;
            for changed in [without(document, pointer), null] {
                let read = only(&event_of(changed));
                let reason = if pointer.ends_with("/state/reason") || pointer == "/NewStateReason" {
                    String::new()
                } else {
                    whole.reason.clone()
                };
                assert_eq!(read, AlarmChange { reason, ..whole.clone() }, "{name} without {pointer}");
            }
            left_out = without(&left_out, pointer);
        }
        // All of them at once.
        let read = only(&event_of(left_out));
        assert!(pointers.len() > 5, "{pointers:?}");
        assert_eq!((read.alarm_arn, read.at, read.state), (whole.alarm_arn, whole.at, whole.state), "{name}");
    };
    for failover in ["failover-cdn", "failover-db"] {
        let name = |shape: &str| format!("{failover}-{shape}");
        for shape in ["alarm", "eventbridge"] {
            check(&name(shape), &event(&name(shape)), "", &|event| event);
        }
        let topic_event = event(&name("sns"));
        check(&name("sns"), &topic_event, "/Records/0", &|event| event);
        let message = topic_event["Records"][0]["Sns"]["Message"].as_str().unwrap();
        check(&name("sns"), &serde_json::from_str(message).unwrap(), "", &|message| sns(&message));
    }
}

#[test]
fn a_record_of_sns_is_read_without_subject_and_signature_and_in_either_spelling() {
    let change = only(&event("failover-cdn-sns"));
    let mut topic_event = event("failover-cdn-sns");
    let message = topic_event["Records"][0]["Sns"].as_object_mut().unwrap();
    message.retain(|name, _| !["Subject", "Signature", "SignatureVersion"].contains(&name.as_str()));
    assert_eq!(only(&topic_event), change);
    let message = topic_event["Records"][0]["Sns"].as_object_mut().unwrap();
    for (one, other) in [("SigningCertUrl", "SigningCertURL"), ("UnsubscribeUrl", "UnsubscribeURL")] {
        let url = message.remove(one).unwrap();
        message.insert(other.to_owned(), url);
    }
    assert_eq!(only(&topic_event), change);
}

#[test]
fn whatever_the_reason_data_and_the_configuration_hold_the_change_is_read() {
    let mut event = event("failover-cdn-alarm");
    for anything in [json!({ "drill": "ours" }), json!("no JSON"), json!("{\"version\":\"1.0\"}"), json!([1])]
    {
        event["alarmData"]["state"]["reasonData"] = anything.clone();
        event["alarmData"]["previousState"]["reasonData"] = anything.clone();
        event["alarmData"]["configuration"] = anything;
        assert_eq!(only(&event).state, AlarmState::Alarm);
    }
    // A composite alarm, whose suppressor may be absent.
    event["alarmData"]["configuration"] = json!({ "alarmRule": "ALARM(a) OR ALARM(b)" });
    event["alarmData"]["state"]["actionsSuppressedBy"] = json!("WaitPeriod");
    assert_eq!(only(&event).state, AlarmState::Alarm);
}

#[test]
fn every_state_is_read_as_itself_in_every_shape() {
    for (word, state) in [
        ("OK", AlarmState::Ok),
        ("ALARM", AlarmState::Alarm),
        ("INSUFFICIENT_DATA", AlarmState::InsufficientData),
    ] {
        for event in shapes(word, "2026-11-23T19:00:00.123+0000") {
            assert_eq!(only(&event).state, state, "{event}");
        }
    }
}

#[test]
fn a_time_is_read_with_and_without_a_colon_in_its_offset() {
    let at: Timestamp = "2026-11-23T19:00:00.123Z".parse().unwrap();
    for text in [
        "2026-11-23T19:00:00.123+0000",
        "2026-11-23T19:00:00.123Z",
        "2026-11-23T19:00:00.123+00:00",
        "2026-11-23T14:00:00.123-0500",
    ] {
        for event in shapes("ALARM", text) {
            assert_eq!(only(&event).at, at, "{event}");
        }
    }
    for event in shapes("ALARM", "2026-11-23T19:00:00+0000") {
        assert_eq!(only(&event).at, "2026-11-23T19:00:00Z".parse().unwrap(), "{event}");
    }
}

#[test]
fn the_name_of_an_alarm_may_hold_spaces_and_any_letters() {
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:Bücher: 本 / \"down\" 🔥";
    let [mut topic_event, mut action_event, mut rule_event] = shapes("ALARM", "2026-11-23T19:00:00.123+0000");
    let message = json!({
        "AlarmArn": arn, "NewStateValue": "ALARM", "StateChangeTime": "2026-11-23T19:00:00.123+0000"
    });
    topic_event["Records"][0]["Sns"]["Message"] = json!(message.to_string());
    action_event["alarmArn"] = json!(arn);
    rule_event["resources"] = json!([arn]);
    for event in [topic_event, action_event, rule_event] {
        assert_eq!(only(&event).alarm_arn, arn);
    }
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_keeps_no_other_from_being_read() {
    let [topic_event, ..] = shapes("ALARM", "2026-11-23T19:00:00.123+0000");
    let whole = &topic_event["Records"][0];
    let read = changes(&json!({ "Records": [whole, { "Sns": 1 }, null, whole] }));
    let [Ok(first), Err(form), Err(missing), Ok(last)] = &read[..] else { panic!("{read:?}") };
    assert_eq!(first, last);
    assert_eq!(form.field, "Records[1].Sns");
    assert_eq!(missing.field, "Records[2].Sns.Message");
}

#[test]
fn every_change_of_an_alarm_is_read_and_its_alarm_is_in_the_configuration() {
    let drill = "staging/bookstore/database-failover/2026-12-15T10:00:00.000Z";
    for (name, config, state, run) in [
        ("failover-cdn-sns", "failover-cdn-config", AlarmState::Alarm, None),
        // Metric math: no `metricStat` beside the expression.
        ("failover-cdn-alarm", "failover-cdn-config", AlarmState::Alarm, None),
        // A composite alarm: no metrics at all.
        ("failover-cdn-eventbridge", "failover-cdn-config", AlarmState::Alarm, None),
        // Forced by a drill.
        ("failover-db-sns", "failover-db-config", AlarmState::Alarm, Some(drill)),
        ("failover-db-alarm", "failover-db-config", AlarmState::Alarm, None),
        // CloudWatch takes the forced state back: without the drill's name.
        ("failover-db-eventbridge", "failover-db-config", AlarmState::Ok, None),
    ] {
        let read = read_all(&event(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [change] = &read[..] else { panic!("{name}: {read:?}") };
        assert_eq!(change.state, state, "{name}");
        assert_eq!(run_of(&change.reason).map(|id| id.to_string()).as_deref(), run, "{name}");
        let configs =
            parse_rules(&event(config).to_string()).unwrap_or_else(|error| panic!("{config}: {error}"));
        assert_eq!(configs.wrong, [], "{config}");
        let found = configs.rules.iter().find(|(config, _)| config.alarm_arn.as_str() == change.alarm_arn);
        let (_, resource) = found.unwrap_or_else(|| panic!("{config} does not know {}", change.alarm_arn));
        let distribution = matches!(resource, FailoverTarget::Distribution { .. });
        assert_eq!(distribution, name.starts_with("failover-cdn"), "{name}: {resource:?}");
    }
}
