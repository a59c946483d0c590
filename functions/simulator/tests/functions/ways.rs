//! Shapes of delivery: SNS, Lambda action and EventBridge rule, and one change that arrives by several of them.

use firedrill_core::failover::{AlarmChange, AlarmState, Done};
use firedrill_simulator::{
    FailoverCase, Place, Shape,
    failover_case::{Attempt, Resource},
};
use serde_json::{Value, json};

use super::check::{CROSSED, answer, error, failed_over_once, nothing_moved, why};

const RESOURCES: [Resource; 3] = [Resource::Distribution, Resource::Cluster, Resource::Instance];

#[test]
fn no_shape_of_a_change_is_ever_unreadable() {
    for resource in RESOURCES {
        for shape in Shape::ALL {
            let mut case = FailoverCase::of(resource);
            let change = case.change(AlarmState::Alarm, CROSSED);
            case.deliver_at_once(&change, &[shape]);
            failed_over_once(&case);
            assert_eq!(case.pages().len(), 1, "{resource:?}, {shape:?}");
        }
    }
}

#[test]
fn one_change_delivered_in_three_shapes_is_never_acted_on_twice() {
    let mut case = FailoverCase::with(Resource::Distribution, |setup| setup.behaviors = vec!["/static/*"]);
    let change = case.change(AlarmState::Alarm, CROSSED);
    let delivered = case.deliver_at_once(&change, &Shape::ALL);
    assert!(delivered.iter().all(|one| one.answer().is_some()), "{delivered:#?}");
    failed_over_once(&case);
    let moved = ["/static/*", "/origins/*"].map(|path| case.behavior(path));
    assert_eq!(moved, [Some(Place::Standby), Some(Place::Primary)]);
    assert_eq!(case.comment(), "as it was");

    // Each delivery again: answered with the entry.
    let before = case.entry(&change);
    for shape in Shape::ALL {
        let again = case.invoke(&change, &shape.event(&change));
        assert_eq!(answer(&again)["duplicate"], true);
    }
    assert_eq!(case.entry(&change), before);
    failed_over_once(&case);
    assert_eq!(case.pages().len(), 1, "people are told once");
}

#[test]
fn one_change_delivered_three_times_at_once_is_never_acted_on_twice_nor_after_operators_moved_back() {
    for seed in 0..100 {
        let mut case = FailoverCase::with(Resource::Distribution, |setup| setup.seed = seed);
        let change = case.change(AlarmState::Alarm, CROSSED);
        let delivered = case.deliver_at_once(&change, &Shape::ALL);
        let first: Vec<&Attempt> = delivered.iter().map(|one| &one.attempts[0]).collect();
        let (answered, busy): (Vec<&Attempt>, Vec<&Attempt>) =
            first.into_iter().partition(|attempt| matches!(attempt, Attempt::Answered(_)));
        assert!(!answered.is_empty(), "seed {seed}: {delivered:#?}");
        assert!(
            busy.into_iter().all(|attempt| error(attempt) == "InProgress"),
            "seed {seed}: {delivered:#?}"
        );
        failed_over_once(&case);

        case.operators_move(Place::Primary);
        let entry = case.entry(&change);
        for shape in Shape::ALL {
            let again = case.invoke(&change, &shape.event(&change));
            let mut answer = answer(&again).clone();
            assert_eq!(answer["duplicate"], true);
            answer.as_object_mut().unwrap().remove("duplicate");
            assert_eq!(answer, json!(entry), "answered with its entry");
        }
        assert_eq!((case.place(), case.calls().len()), (Place::Primary, 1), "seed {seed}");
    }
}

/// This document of the repository, about this change. They are what AWS writes for alarms of each kind.
fn document(text: &str, change: &AlarmChange) -> Value {
    let mut event: Value = serde_json::from_str(text).unwrap();
    let written = Shape::Action.event(change);
    event["alarmArn"] = json!(change.alarm_arn);
    event["alarmData"]["state"] = written["alarmData"]["state"].clone();
    event
}

const METRIC_MATH: &str = include_str!("../../../../events/failover-cdn-alarm.json");
const COMPOSITE: &str = include_str!("../../../../events/failover-cdn-eventbridge.json");

#[test]
fn a_metric_math_alarm_is_never_unreadable() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let change = case.change(AlarmState::Alarm, CROSSED);
    let event = document(METRIC_MATH, &change);
    let first = &event["alarmData"]["configuration"]["metrics"][0];
    assert!(first["expression"].is_string() && first["metricStat"].is_null(), "{first:#}");
    assert_eq!(answer(&case.invoke(&change, &event))["done"], "failed-over");
    failed_over_once(&case);
}

#[test]
fn a_composite_alarm_is_never_unreadable() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let change = case.change(AlarmState::Alarm, "Its child went to ALARM");
    let mut event = document(METRIC_MATH, &change);
    let rule: Value = serde_json::from_str(COMPOSITE).unwrap();
    event["alarmData"]["configuration"] = rule["detail"]["configuration"].clone();
    let configuration = &event["alarmData"]["configuration"];
    assert!(
        configuration["alarmRule"].is_string() && configuration["metrics"].is_null(),
        "{configuration:#}"
    );
    assert_eq!(answer(&case.invoke(&change, &event))["done"], "failed-over");
    failed_over_once(&case);
}

#[test]
fn an_alarm_without_a_configured_failover_never_moves_anything_and_is_never_ignored() {
    for (resource, parameter) in
        [(Resource::Distribution, "CdnFailovers"), (Resource::Cluster, "DatabaseFailovers")]
    {
        let mut case = FailoverCase::of(resource);
        let mut change = case.change(AlarmState::Alarm, CROSSED);
        change.alarm_arn.push_str("-stranger");
        let delivery = case.deliver(&change);
        assert_eq!(delivery.attempts.len(), 3, "whoever sent it must see that nothing came of it");
        assert!(delivery.attempts.iter().all(|attempt| error(attempt) == "UnknownAlarm"), "{delivery:#?}");
        let entry = case.entry(&change);
        assert_eq!(entry.done, Some(Done::Refused), "{entry:#?}");
        assert!(why(&entry).contains(&change.alarm_arn) && why(&entry).contains(parameter), "{entry:#?}");
        nothing_moved(&case);
        assert_eq!(case.pages().len(), 1, "people are told once, though it was tried again");
    }
}

#[test]
fn a_message_that_cannot_be_read_never_keeps_another_one_from_being_acted_on() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let change = case.change(AlarmState::Alarm, CROSSED);
    let mut event = Shape::Topic.event(&change);
    let unreadable = json!({ "Sns": { "Message": "{\"AlarmName\": \"no more than that\"}" } });
    event["Records"].as_array_mut().unwrap().insert(0, unreadable);
    assert_eq!(error(&case.invoke(&change, &event)), "UnreadableEvent");
    failed_over_once(&case);
}
