//! The instance drill.

use std::time::Duration;

use firedrill_core::{Outcome, Verdict, kind::DrillKind};
use firedrill_simulator::{Event, PlannedCommand, scenario::Radius};
use serde_json::json;

use super::played::played;

const INSTANCE: DrillKind = DrillKind::Instance;

/// No history of the instance drill has this alarm: it never goes off.
const ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore";

fn sent(event: &Event) -> bool {
    matches!(event, Event::InjectSent { .. })
}

#[test]
fn a_calm_drill_never_ends_otherwise_than_recovered() {
    let calm = played(INSTANCE, |_| ());
    calm.ended(Outcome::Recovered);
    assert_eq!(calm.count(sent), 1);
    let times = &calm.run().times;
    let (injected, recovered) = (times.injected.unwrap().at, times.recovered.unwrap().at);
    assert_eq!(recovered.millis_since(injected) / 1_000, 10, "{}", calm.timeline());
}

#[test]
fn a_standby_that_never_takes_over_is_not_recovered_and_everything_runs_again() {
    let broken = played(INSTANCE, |scenario| scenario.takes_over_after = None);
    broken.ended(Outcome::NotRecovered);
    assert!(broken.reason().contains("version"), "the reason names the probe: {}", broken.reason());
}

#[test]
fn a_recovery_of_an_hour_is_never_left_to_one_invocation_nor_untimed() {
    let long = played(INSTANCE, |scenario| {
        scenario.takes_over_after = Some(3_600_000);
        scenario.working_time = 200_000;
        scenario.give_up_after = 7_000_000;
    });
    long.ended(Outcome::ObjectiveMissed);
    assert!(long.count(|event| matches!(event, Event::LeaseTaken { .. })) > 10, "{}", long.timeline());
}

#[test]
fn a_failure_is_never_undone_before_it_could_be_detected() {
    let kept = played(INSTANCE, |scenario| {
        scenario.change_request = Some(|request| {
            request["detection"] = json!({ "alarmArn": ALARM, "minimumOutageSeconds": 100 });
        });
    });
    kept.ended(Outcome::Recovered);
    let times = &kept.run().times;
    let (in_place, injected) = (times.in_place.unwrap().at, times.injected.unwrap().at);
    assert!(times.rollback_started_at.unwrap() - in_place >= Duration::from_secs(100), "{times:#?}");
    // That is no part of what users waited for.
    assert_eq!(times.recovered.unwrap().at.millis_since(injected) / 1_000, 10, "{}", kept.timeline());
}

#[test]
fn a_failure_that_is_kept_in_place_is_undone_at_once_when_an_operator_stops_the_run() {
    let stopped = played(INSTANCE, |scenario| {
        scenario.change_request = Some(|request| {
            request["detection"] = json!({ "alarmArn": ALARM, "minimumOutageSeconds": 1_000 });
        });
        scenario.commands = vec![(60_000, PlannedCommand::Stop)];
    });
    stopped.ended(Outcome::Stopped);
    assert!(stopped.first(|event| *event == Event::Undone) < Some(80_000), "{}", stopped.timeline());
}

#[test]
fn a_target_group_without_a_candidate_is_never_asked_again() {
    let crowded = played(INSTANCE, |scenario| {
        scenario.fleet.replaced_after = Some(1_000);
        scenario.page_size = 50;
        // From then on each of them is throttled, as hundreds of calls in each look would be.
        scenario.overrides().other_target_groups = (200, 4_000);
    });
    crowded.learned(Verdict::Recovered);
}

#[test]
fn a_stop_that_is_denied_is_never_taken_for_sent() {
    let denied = played(INSTANCE, |scenario| scenario.injection_denied = true);
    denied.ended(Outcome::NotInjected);
    assert!(denied.reason().contains("ec2:StopInstances"), "{}", denied.reason());
}

#[test]
fn a_group_that_replaced_its_member_is_never_waited_for_in_vain() {
    let replaced = played(INSTANCE, |scenario| scenario.fleet.replaced_after = Some(1_000));
    replaced.learned(Verdict::Recovered);
    assert_eq!(replaced.count(|event| *event == Event::Replaced), 1, "{}", replaced.timeline());
}

#[test]
fn an_instance_without_capacity_is_started_as_soon_as_there_is_some() {
    let waited = played(INSTANCE, |scenario| scenario.fleet.no_capacity = Some((0, 150_000)));
    waited.ended(Outcome::Recovered);
    assert!(waited.first(|event| *event == Event::Undone) > Some(150_000), "{}", waited.timeline());
}

#[test]
fn a_rollback_that_is_refused_is_never_a_pass() {
    let refused = played(INSTANCE, |scenario| scenario.undo_refused = Some((0, 1_500_000)));
    refused.ended(Outcome::RollbackFailed);
    refused.learned(Verdict::Recovered);
    assert_eq!(refused.count(|event| *event == Event::Paged), 1, "once per cause: {}", refused.timeline());
}

#[test]
fn an_instance_that_became_unfit_during_the_baseline_is_never_stopped() {
    // All but the last one: whichever was chosen first, that one is chosen in the end.
    let changed = played(INSTANCE, |scenario| {
        scenario.overrides().instance = Some(|instance, elapsed| {
            if elapsed >= 2_500 && instance.id != "i-00000000000000002" {
                instance.tags.insert("firedrill:environment".to_owned(), "production".to_owned());
            }
        });
    });
    changed.ended(Outcome::Recovered);
    assert_eq!(changed.run().undo[0].resources, ["i-00000000000000002"], "{:#?}", changed.run().undo);
}

#[test]
fn stop_protection_of_a_chosen_instance_is_never_taken_from_an_earlier_look() {
    // It is set after the baseline's last look but one.
    let set = played(INSTANCE, |scenario| {
        scenario.fleet.fit = 1;
        scenario.overrides().stop_protection = Some(|protected, elapsed| *protected = Some(elapsed >= 3_000));
    });
    set.was_refused(Outcome::NotInjected, "protected");
}

#[test]
fn an_instance_that_cannot_be_started_never_keeps_another_stopped() {
    let lacking = played(INSTANCE, |scenario| {
        scenario.fleet.fit = 2;
        scenario.fleet.radius = Radius::Count(2);
        scenario.overrides().no_capacity_for = Some((0, (0, 60_000)));
    });
    lacking.ended(Outcome::Recovered);
    // One call for both, one for the other alone, and more for the one until there is capacity.
    assert!(lacking.count(|event| matches!(event, Event::UndoSent { .. })) >= 3, "{}", lacking.timeline());
    let undone = lacking.first(|event| *event == Event::Undone);
    assert!(undone < Some(40_000), "the other was started only with the first: {}", lacking.timeline());
}
