//! Failover of a distribution that has drifted, and calls whose answers are lost or refused.

use firedrill_core::failover::Done;
use serde_json::json;

use crate::fixture::{Case, until, with};

const CROSSED: &str = "Threshold Crossed: 2 out of the last 2 datapoints were less than the threshold (1.0).";

/// The alarm goes off, and its change is delivered once.
async fn goes_off(case: &Case<'_>) {
    case.set("ALARM", CROSSED).await;
    let told = case.delivered(1).await;
    assert_eq!(told[0].state, "delivered", "{told:#?}");
}

#[test]
fn a_lost_race_is_never_the_end_of_it() {
    with(async |fixture| {
        let case = fixture.case("race");
        let lost =
            json!({ "kind": "error", "code": "PreconditionFailed", "status": 412, "message": "changed" });
        case.fault("UpdateDistribution", lost).await;
        goes_off(&case).await;
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        assert_eq!(case.origin().await, "standby");
        assert_eq!(case.calls("UpdateDistribution").await.len(), 2);
    });
}

#[test]
fn what_somebody_else_changed_meanwhile_is_never_overwritten() {
    with(async |fixture| {
        let case = fixture.case("update");
        // Between the function's read and the effect of its call.
        let race = json!({ "kind": "race", "find": "case update", "put": "changed by a person" });
        case.fault("UpdateDistribution", race).await;
        case.set("ALARM", CROSSED).await;
        case.delivered(1).await;
        let calls = case.calls("UpdateDistribution").await;
        let codes: Vec<Option<&str>> = calls.iter().map(|call| call.code.as_deref()).collect();
        assert_eq!(codes, [Some("PreconditionFailed"), None]);
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        assert_eq!(case.origin().await, "standby");
        let (config, _) = fixture.operator.distribution(&case.id).await;
        assert!(config.contains("changed by a person"), "{config}");
    });
}

#[test]
fn a_failover_whose_answer_was_lost_is_never_taken_for_a_failed_one() {
    with(async |fixture| {
        let lost = json!({ "kind": "error", "when": "after", "code": "InternalError", "status": 500 });
        took_effect_without_an_answer(&fixture.case("lost"), lost).await;
    });
}

#[test]
fn a_failover_whose_answer_never_comes_is_never_taken_for_a_failed_one() {
    with(async |fixture| {
        took_effect_without_an_answer(&fixture.case("hangs"), json!({ "kind": "hang", "when": "after" }))
            .await;
    });
}

async fn took_effect_without_an_answer(case: &Case<'_>, how: serde_json::Value) {
    case.fault("UpdateDistribution", how).await;
    goes_off(case).await;
    let entry = case.entry().await;
    assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
    assert_eq!(case.calls("UpdateDistribution").await.len(), 1, "looked at, and not sent again");
    assert_eq!(case.origin().await, "standby");
}

#[test]
fn a_call_that_was_given_up_and_lands_late_never_takes_effect_a_second_time() {
    with(async |fixture| {
        let case = fixture.case("tardy");
        case.fault("UpdateDistribution", json!({ "kind": "delay", "hangMs": 20_000 })).await;
        goes_off(&case).await;
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        let calls = until("the first call has landed", async || {
            let calls = case.calls("UpdateDistribution").await;
            calls.iter().all(|call| call.done.is_some()).then_some(calls)
        })
        .await;
        let codes: Vec<Option<&str>> = calls.iter().map(|call| call.code.as_deref()).collect();
        assert_eq!(codes, [Some("PreconditionFailed"), None]);
        assert_eq!(case.origin().await, "standby");
    });
}

/// Refused for this reason: recorded and paged, and no call sent.
async fn refused(case: &Case<'_>, because: &str) {
    let before = case.origin().await;
    goes_off(case).await;
    let entry = case.entry().await;
    assert_eq!((entry.done, entry.called_at), (Some(Done::Refused), None), "{entry:#?}");
    let why = entry.why.unwrap();
    assert!(why.contains(because), "{why}");
    assert!(case.calls("UpdateDistribution").await.is_empty());
    assert_eq!(case.origin().await, before);
    let told = case.pages().await;
    assert!(told.len() == 1 && told[0].message.contains(because), "{told:#?}");
}

#[test]
fn a_distribution_that_points_elsewhere_is_never_moved() {
    with(async |fixture| refused(&fixture.case("elsewhere"), "`default` points to `third`").await);
}

#[test]
fn a_distribution_without_the_opt_in_is_never_moved() {
    with(async |fixture| refused(&fixture.case("untagged"), "firedrill:allowed=true").await);
}

#[test]
fn a_call_that_is_denied_is_never_silent() {
    with(async |fixture| {
        let case = fixture.case("denied");
        let denied = json!({
            "kind": "error", "code": "AccessDenied", "status": 403, "times": -1,
            "message": "User is not authorized to perform: cloudfront:UpdateDistribution"
        });
        case.fault("UpdateDistribution", denied).await;
        goes_off(&case).await;
        let entry = case.entry().await;
        assert_eq!(entry.done, Some(Done::Failed), "{entry:#?}");
        let why = entry.why.unwrap();
        assert!(why.contains("cloudfront:UpdateDistribution") && why.contains("AccessDenied"), "{why}");
        assert_eq!(case.calls("UpdateDistribution").await.len(), 1, "what is denied is not asked again");
        assert_eq!(case.origin().await, "primary");
        let told = case.pages().await;
        assert!(told.len() == 1 && told[0].message.contains(&why), "{told:#?}");
        let log = fixture.aws.function_log(&case.function);
        let line = log.lines().find(|line| line.contains("AccessDenied") && line.contains(&case.alarm_arn));
        assert!(line.is_some_and(|line| line.contains("\"ERROR\"")), "{log}");
    });
}

#[test]
fn a_message_that_cannot_be_sent_never_changes_what_was_done() {
    with(async |fixture| {
        let case = fixture.case("unpaged");
        let denied = json!({ "kind": "error", "code": "AuthorizationError", "status": 403, "times": -1 });
        case.fault("Publish", denied).await;
        goes_off(&case).await;
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        assert_eq!(case.origin().await, "standby");
        assert!(case.pages().await.is_empty());
        let log = fixture.aws.function_log(&case.function);
        assert!(log.contains("nobody was told") && log.contains("AuthorizationError"), "{log}");
    });
}

#[test]
fn a_change_whose_record_could_not_be_read_is_never_kept_from_the_next_delivery() {
    with(async |fixture| {
        let case = fixture.case("hiccup");
        // As often as the SDK tries: the function has claimed the change, and cannot read which run holds the alarm.
        let hiccup = json!({ "kind": "error", "code": "InternalServerError", "status": 500, "times": 3 });
        case.fault("GetItem", hiccup).await;
        case.set("ALARM", CROSSED).await;
        let told = case.delivered(1).await;
        assert_eq!((told[0].state.as_str(), told[0].attempts), ("delivered", 2), "{told:#?}");
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        assert_eq!(case.origin().await, "standby");
    });
}

#[test]
fn a_change_that_an_ended_invocation_had_claimed_is_never_lost() {
    with(async |fixture| {
        let case = fixture.case("ended");
        // Each call is given up in time, and sent again after a read, until Lambda ends the invocation.
        case.fault("UpdateDistribution", json!({ "kind": "hang", "times": 4 })).await;
        case.set("ALARM", CROSSED).await;
        let told = case.delivered(1).await;
        assert_eq!(
            told[0].state, "failed",
            "its retries found the change in the ended one's hand: {told:#?}"
        );
        assert_eq!(case.origin().await, "primary");
        let in_hand = case.entry().await;
        assert!(in_hand.done.is_none() && in_hand.called_at.is_some(), "{in_hand:#?}");
        // Another invocation may take over the change only once the ended one is certainly dead.
        let entry = case.delivered_until_concluded().await;
        assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
        assert_ne!(entry.by, in_hand.by);
        assert!(entry.claimed_at.millis_since(in_hand.claimed_at) > 41_000, "{in_hand:#?} {entry:#?}");
        assert_eq!(case.origin().await, "standby");
        assert_eq!(case.pages().await.len(), 1);
    });
}
