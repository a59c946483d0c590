//! Calls and reads without an answer: unknown is never yes, and nothing that may have landed is forgotten.

use firedrill_core::{Outcome, Phase, Verdict, evidence::Evidence, kind::DrillKind, run::StepState};
use firedrill_simulator::{Event, FaultEffect, FaultPoint, PlannedCommand, PlannedFault, overrides::Unread};
use serde_json::json;

use super::played::{Played, played};

/// The drill in which its injecting call meets this fault.
fn injected_with(kind: DrillKind, effect: FaultEffect, lasts: u64) -> Played {
    let fault = PlannedFault { point: FaultPoint::Call, nth: 0, effect, lasts };
    played(kind, |scenario| scenario.fault = Some(fault))
}

fn sent(event: &Event) -> bool {
    matches!(event, Event::InjectSent { .. })
}

#[test]
fn a_call_without_an_answer_is_never_sent_again_and_the_run_waits_until_it_cannot_land_any_more() {
    for kind in DrillKind::ALL {
        for effect in [FaultEffect::LostAfter, FaultEffect::LandsLate] {
            let lost = injected_with(kind, effect, 0);
            assert_eq!(lost.count(sent), 1, "{}", lost.timeline());
            let (run, limits) = (lost.run(), &lost.run().limits);
            assert_eq!(run.phase, Phase::Finished, "{}", lost.timeline());
            let call = &run.injection.as_ref().unwrap().calls[0];
            let settled = call.may_land_until(limits.settle).unwrap();
            assert!(run.times.finished.unwrap() >= settled, "{}", lost.timeline());
        }
    }
}

#[test]
fn a_throttled_call_is_sent_again() {
    for kind in DrillKind::ALL {
        let throttled = injected_with(kind, FaultEffect::Throttled, 3_000);
        throttled.ended(Outcome::Recovered);
        assert!(throttled.count(sent) > 1, "{}", throttled.timeline());
    }
}

#[test]
fn a_call_that_never_left_is_never_taken_for_one_that_may_have_been_executed() {
    for kind in DrillKind::ALL {
        let unsent = injected_with(kind, FaultEffect::NotConnected, 3_000);
        unsent.ended(Outcome::Recovered);
        assert!(unsent.count(sent) > 1, "{}", unsent.timeline());
        let calls = &unsent.run().injection.as_ref().unwrap().calls;
        assert_eq!(calls[0].may_land_until(unsent.run().limits.settle), None, "{calls:#?}");
    }
}

#[test]
fn what_a_killed_invocation_injected_is_never_left_nor_injected_again() {
    for kind in DrillKind::ALL {
        let killed = injected_with(kind, FaultEffect::DiesAfter, 0);
        assert_eq!((killed.run().phase, killed.count(sent)), (Phase::Finished, 1), "{}", killed.timeline());
        let by = killed.run().finished_by.clone().unwrap().0;
        assert_ne!(by, killed.run().starter.0, "{}", killed.timeline());
        assert!(killed.run().undo.iter().all(|step| step.progress.state == StepState::Done));
    }
}

/// The invocation that injected died, and the request is gone from the store.
fn without_its_request(kind: DrillKind) -> Played {
    let fault = PlannedFault { point: FaultPoint::Call, nth: 0, effect: FaultEffect::DiesAfter, lasts: 0 };
    played(kind, |scenario| {
        scenario.fault = Some(fault);
        scenario.overrides().request_lost_at = Some(6_000);
    })
}

#[test]
fn a_run_whose_request_cannot_be_read_is_rolled_back_and_verified() {
    for kind in DrillKind::ALL {
        let ended = without_its_request(kind);
        ended.ended(Outcome::Stopped);
        let reason = ended.reason();
        assert!(reason.contains("watchdog") && reason.contains("request cannot be read"), "{reason}");
        let run = ended.run();
        assert!(run.times.steady_again.is_some(), "its steady state was never verified: {:#?}", run.times);
        assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
    }
}

#[test]
fn a_run_whose_request_cannot_be_read_is_never_failed_back_onto_a_failed_primary() {
    let fault = PlannedFault { point: FaultPoint::Call, nth: 0, effect: FaultEffect::DiesAfter, lasts: 0 };
    let held = played(DrillKind::Cdn, |scenario| {
        scenario.fault = Some(fault);
        scenario.overrides().request_lost_at = Some(6_000);
        scenario.primary_unhealthy = Some((14_000, 600_000));
        scenario.commands = vec![(700_000, PlannedCommand::Release { fail_back: true })];
    });
    held.ended(Outcome::Stopped);
    assert!(held.phases().contains(&Phase::Held), "{}", held.timeline());
    assert!(held.first(|event| *event == Event::MovedBack) > Some(600_000), "{}", held.timeline());
    assert_eq!(held.pages().len(), 1);
}

#[test]
fn an_alarms_history_that_cannot_be_read_is_never_a_yes() {
    let blind = played(DrillKind::Cdn, |scenario| {
        // No other evidence shows that the alarm went off either.
        scenario.failover.delivery_takes = 3_600_000;
        scenario.overrides().unread =
            Some(Unread { action: "cloudwatch:DescribeAlarmHistory", span: (0, 900_000), denied: false });
        scenario.change_request = Some(|request| request["objective"]["injectWithinSeconds"] = json!(2));
    });
    blind.ended(Outcome::Inconclusive);
    assert!(blind.reason().contains("nobody could look"), "{}", blind.reason());
    let times = &blind.run().times;
    assert_eq!((times.in_place, times.recovered), (None, None));
    // A read that has no answer holds no verification of the application back.
    assert!(
        times.steady_again.unwrap() < times.rollback_started_at.unwrap().plus_millis(60_000),
        "{times:#?}"
    );
    assert_eq!(blind.count(sent), 1);
}

#[test]
fn a_distribution_that_cannot_be_read_is_never_changed() {
    let mute = played(DrillKind::Cdn, |scenario| {
        scenario.overrides().unread =
            Some(Unread { action: "cloudfront:GetDistribution", span: (4_600, 120_000), denied: false });
    });
    mute.ended(Outcome::Recovered);
    mute.learned(Verdict::Recovered);
    // The application's answers show which origin serves. Since when the configuration says so is not known any better.
    let (over, serving) = (mute.run().times.failed_over.unwrap(), mute.run().times.serving_standby.unwrap());
    assert!(over.resolution_ms > 100_000 && serving.resolution_ms < 40_000, "{:#?}", mute.run().times);
    assert!(
        mute.first(|event| matches!(event, Event::UndoSent { .. })) > Some(115_000),
        "{}",
        mute.timeline()
    );
}

#[test]
fn a_hop_that_cannot_be_read_is_never_assumed() {
    for action in [
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListAlarmMuteRules",
        "cloudwatch:ListTagsForResource",
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionConcurrency",
        "sns:ListSubscriptionsByTopic",
    ] {
        let refused = played(DrillKind::Cdn, |scenario| {
            scenario.overrides().unread = Some(Unread { action, span: (0, 900_000), denied: true });
            // Its alarm is read by the same calls as the trigger.
            scenario.change_request = Some(|request| request["stopConditions"] = json!([]));
            if action.starts_with("sns:") {
                const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alarms";
                scenario.overrides().alarm = Some(|alarm, _| alarm.alarm_actions = vec![TOPIC.to_owned()]);
            }
        });
        refused.was_refused(Outcome::NotInjected, &format!("{action} is denied: AccessDenied"));
        // It is read until the baseline's time is over.
        assert!(refused.waited_for_its_baseline(), "{action}: {}", refused.timeline());
    }
}

#[test]
fn an_unsent_page_changes_nothing_and_what_is_left_to_operators_is_never_touched_again() {
    let left = played(DrillKind::Cdn, |scenario| {
        scenario.primary_unhealthy = Some((14_000, 200_000));
        scenario.overrides().pages_denied = true;
        scenario.commands = vec![(300_000, PlannedCommand::Release { fail_back: false })];
    });
    assert!(left.phases().contains(&Phase::Held), "{}", left.timeline());
    assert_eq!(left.run().phase, Phase::Finished, "{}", left.timeline());
    assert_eq!(left.count(|event| *event == Event::MovedBack), 0, "{}", left.timeline());
    let step = left.run().undo.iter().find(|step| step.moves_traffic).unwrap();
    assert_eq!((step.progress.state, step.progress.attempts), (StepState::LeftToOperators, 0));
    assert!(left.pages().is_empty() && left.run().pages.iter().all(|page| !page.sent));
    let unsent = left.evidence().iter().find_map(|item| match item {
        Evidence::Paged { error, .. } => error.as_deref(),
        _ => None,
    });
    assert!(unsent.is_some_and(|why| why.contains("sns:Publish")), "{unsent:?}");
}
