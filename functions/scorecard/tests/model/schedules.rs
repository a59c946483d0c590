//! What a schedule or a rule sends, as it is read.

use firedrill_core::Outcome::Recovered;
use firedrill_scorecard::{
    input::ScheduledDrill,
    model::{
        Scorecard,
        SegmentKind::{Detect, FailOver, Restored, UsersWell},
    },
};
use serde_json::json;

use crate::common::{days, inputs, now, only, request, result_of, scheduled};

#[test]
fn the_requests_of_the_examples_are_read_as_schedules_and_rules_send_them() {
    for document in [
        include_str!("../../../../events/instance-schedule.json"),
        include_str!("../../../../events/instance-rule.json"),
        include_str!("../../../../events/cdn-schedule.json"),
        include_str!("../../../../events/db-schedule.json"),
    ] {
        let request = ScheduledDrill::request_in(document).unwrap();
        assert!(request.execute && request.schedule.is_none());
    }
}

#[test]
fn what_the_delivery_fills_in_never_keeps_a_request_from_being_read() {
    let mut document = request();
    document["schedule"] = json!({
        "scheduledAt": "<aws.scheduler.scheduled-time>", "arn": "<aws.scheduler.schedule-arn>",
        "attempt": "<aws.scheduler.attempt-number>"
    });
    assert!(ScheduledDrill::request_in(&document.to_string()).is_ok());
    // Elsewhere, a placeholder names nothing that could be shown.
    document["environment"] = json!("<environment>");
    assert!(ScheduledDrill::request_in(&document.to_string()).is_err());
}

#[test]
fn what_is_no_request_is_never_taken_for_one_and_never_quoted_at_length() {
    let long = format!("{{\"drill\": \"{}\"}}", "x".repeat(10_000));
    for input in
        ["", "[]", "{", "{\"get\": \"a\"}", r#"{"stop": {"runId": "a", "by": "b", "reason": "c"}}"#, &long]
    {
        let why = ScheduledDrill::request_in(input).expect_err(input);
        assert!(!why.is_empty() && why.chars().count() <= 500, "{why}");
    }
}

#[test]
fn the_parts_of_a_recovery_never_overlap_or_leave_a_gap() {
    let segments = |fields: serde_json::Value| {
        let run = result_of("staging/bookstore/blue", now() - days(1), Recovered, &fields);
        let scorecard = Scorecard::of(&inputs(vec![run], vec![scheduled("rate(28 days)")]), now());
        let point = only(&scorecard).history[0].clone();
        point
            .segments
            .into_iter()
            .map(|segment| (segment.kind, segment.from_ms, segment.to_ms))
            .collect::<Vec<_>>()
    };
    let whole = json!({ "det": [10, 0], "over": [20, 0], "rec": [30, 0], "backMs": 90 });
    assert_eq!(
        segments(whole),
        [(Detect, 0, 10), (FailOver, 10, 20), (UsersWell, 20, 30), (Restored, 30, 90)]
    );
    // An alarm may go off after users were served again, and not every run has every moment.
    let late = json!({ "det": [60, 0], "rec": [30, 0], "backMs": 90 });
    assert_eq!(segments(late), [(UsersWell, 0, 30), (Detect, 30, 60), (Restored, 60, 90)]);
    assert_eq!(segments(json!({ "rec": [30, 0], "backMs": 30 })), [(UsersWell, 0, 30)]);
}
