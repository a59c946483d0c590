//! Order of deliveries: changes of alarms that arrive late, out of order, or with a run's id.

use std::time::Duration;

use firedrill_core::{
    Phase,
    failover::{AlarmState, Done, reason_of},
    run::RunId,
};
use firedrill_simulator::{FailoverCase, FaultEffect, Place, Shape, failover_case::Resource};

use super::check::{CROSSED, WELL, answer, goes_off, nothing_moved, why};

fn reason(run: &str) -> String {
    reason_of(&RunId(run.to_owned()), "forces this alarm to test what follows it")
}

/// A distribution whose alarm this run holds, in this phase.
fn held_by(run: &str, phase: Phase, fail_back_on_ok: bool) -> FailoverCase {
    let mut case =
        FailoverCase::with(Resource::Distribution, |setup| setup.fail_back_on_ok = fail_back_on_ok);
    case.record_run(run, phase);
    case.register(Some(run));
    case
}

#[test]
fn an_alarm_that_is_delivered_hours_later_never_moves_anything() {
    for shape in Shape::ALL {
        let mut case = FailoverCase::of(Resource::Distribution);
        let late = case.change(AlarmState::Alarm, CROSSED);
        case.wait(Duration::from_hours(2));
        case.deliver_at_once(&late, &[shape]);
        let entry = case.entry(&late);
        assert_eq!(entry.done, Some(Done::Refused), "{entry:#?}");
        assert!(why(&entry).contains("s old") && why(&entry).contains("at most 300 s"), "{entry:#?}");
        nothing_moved(&case);
    }
}

#[test]
fn a_late_change_never_keeps_the_next_one_from_counting_nor_a_real_ok_moves_traffic_back() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let late = case.change(AlarmState::Alarm, CROSSED);
    case.wait(Duration::from_hours(2));
    case.deliver(&late);
    goes_off(&mut case);
    assert_eq!(case.place(), Place::Standby);

    // After its real OK, only an operator moves traffic back.
    let ok = case.change(AlarmState::Ok, WELL);
    case.deliver(&ok);
    let entry = case.entry(&ok);
    assert_eq!(entry.done, Some(Done::Ignored), "{entry:#?}");
    assert!(why(&entry).contains("for people to decide"), "{entry:#?}");
    assert_eq!((case.place(), case.calls().len()), (Place::Standby, 1));
}

#[test]
fn an_alarm_that_comes_after_its_ok_never_moves_anything() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let alarm = case.change(AlarmState::Alarm, CROSSED);
    let ok = case.change(AlarmState::Ok, WELL);
    case.deliver(&ok);
    case.deliver(&alarm);
    let (alarm, ok) = (case.entry(&alarm), case.entry(&ok));
    assert_eq!((alarm.done, ok.done), (Some(Done::Ignored), Some(Done::Ignored)), "{alarm:#?} {ok:#?}");
    assert!(why(&alarm).contains("changed again at"), "{alarm:#?}");
    nothing_moved(&case);
    assert!(case.pages().is_empty());
}

#[test]
fn missing_data_never_moves_anything() {
    let mut case = FailoverCase::with(Resource::Distribution, |setup| setup.fail_back_on_ok = true);
    for shape in Shape::ALL {
        let missing = case.change(AlarmState::InsufficientData, "Insufficient Data: no datapoints");
        let attempt = case.invoke(&missing, &shape.event(&missing));
        assert_eq!(answer(&attempt)["done"], "ignored");
        nothing_moved(&case);
    }
}

#[test]
fn the_ok_of_a_forced_alarm_never_hides_the_alarm_that_it_overtook() {
    let run = "test/cases/mine/1";
    let mut case = held_by(run, Phase::Recovering, false);
    let alarm = case.change(AlarmState::Alarm, &reason(run));
    let ok = case.change(AlarmState::Ok, WELL);
    case.deliver(&ok);
    let overtook = case.entry(&ok);
    assert_eq!(overtook.done, Some(Done::Ignored), "{overtook:#?}");
    assert!(why(&overtook).contains(run), "{overtook:#?}");
    case.deliver(&alarm);
    let entry = case.entry(&alarm);
    assert_eq!((entry.done, entry.run_id), (Some(Done::FailedOver), Some(RunId(run.to_owned()))));
    assert_eq!(case.place(), Place::Standby);
    assert!(case.pages().is_empty(), "a drill pages for itself");

    // While the run holds the alarm, a real change, without the run's id, is acted on.
    let (real, _) = goes_off(&mut case);
    let entry = case.entry(&real);
    assert_eq!((entry.done, entry.run_id), (Some(Done::Already), None), "the drill configured the standby");
    assert_eq!(case.calls().len(), 1);
}

#[test]
fn a_real_alarm_is_never_ignored_because_a_run_holds_the_alarm() {
    // Not even when the run is rolling back already.
    for phase in [Phase::Checking, Phase::Injecting, Phase::RollingBack, Phase::Held] {
        let mut case = held_by("test/cases/mine/1", phase, false);
        let (real, _) = goes_off(&mut case);
        assert_eq!(case.entry(&real).done, Some(Done::FailedOver), "{phase}");
        assert_eq!((case.place(), case.pages().len()), (Place::Standby, 1), "{phase}");
    }
}

/// A change that this run forced is refused in every shape, without a call; why.
fn forced(case: &mut FailoverCase, run: &str) -> String {
    let reasons = Shape::ALL.map(|shape| {
        let change = case.change(AlarmState::Alarm, &reason(run));
        let attempt = case.invoke(&change, &shape.event(&change));
        let answer = answer(&attempt);
        assert_eq!(answer["done"], "refused", "{answer:#}");
        assert!(answer["calledAt"].is_null(), "no call was sent: {answer:#}");
        answer["why"].as_str().unwrap_or_default().to_owned()
    });
    assert!(reasons.iter().all(|why| *why == reasons[0]), "{reasons:#?}");
    reasons[0].clone()
}

#[test]
fn a_forced_alarm_never_moves_anything_unless_its_run_holds_it_and_wants_it_now() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let (mine, other) = ("test/cases/nobody/1", "test/cases/nobody/2");
    assert!(forced(&mut case, mine).contains("does not hold this alarm"), "nobody registered");
    case.record_run(mine, Phase::Recovering);
    assert!(forced(&mut case, mine).contains("does not hold this alarm"), "not registered");
    case.register(Some(other));
    assert!(forced(&mut case, mine).contains("does not hold this alarm"), "another run's");
    assert!(forced(&mut case, other).contains("there is no run"));
    for phase in
        [Phase::Pending, Phase::Checking, Phase::RollingBack, Phase::Verifying, Phase::Held, Phase::Finished]
    {
        case.record_run(other, phase);
        let why = forced(&mut case, other);
        assert!(why.contains(&format!("is {phase}: it wants no failover")), "{why}");
    }
    // As a run leaves it: finished, and the alarm held by no run.
    case.register(None);
    assert!(forced(&mut case, other).contains("it is over, or never was"));
    nothing_moved(&case);
    assert!(case.pages().is_empty(), "a drill pages for itself");
}

#[test]
fn a_forced_alarm_of_no_run_never_hides_a_real_one_that_came_before_it() {
    let mut case = FailoverCase::of(Resource::Distribution);
    let real = case.change(AlarmState::Alarm, CROSSED);
    let forced = case.change(AlarmState::Alarm, &reason("test/cases/nobody/1"));
    case.deliver(&forced);
    case.deliver(&real);
    assert_eq!(case.entry(&forced).done, Some(Done::Refused));
    assert_eq!(case.entry(&real).done, Some(Done::FailedOver));
}

#[test]
fn a_run_that_turned_back_never_gets_its_failover_whenever_it_turns_back() {
    let (run, mut sent_before) = ("test/cases/mine/1", Vec::new());
    for after in (0..400).step_by(4).map(Duration::from_millis) {
        let mut case = held_by(run, Phase::Recovering, false);
        let change = case.change(AlarmState::Alarm, &reason(run));
        case.send(&change, Shape::Topic.event(&change), Duration::ZERO);
        case.wait(after);
        let sent = case.calls().len();
        case.record_run(run, Phase::RollingBack);
        case.settle();
        assert_eq!(case.calls().len(), sent, "it turned back after {after:?}");
        let done = if sent == 0 { Done::Refused } else { Done::FailedOver };
        assert_eq!(case.entry(&change).done, Some(done), "it turned back after {after:?}");
        sent_before.push(sent == 1);
    }
    assert!(
        sent_before.contains(&true) && sent_before.contains(&false),
        "too early or too late: {sent_before:?}"
    );
}

#[test]
fn a_call_that_was_given_up_before_its_run_turned_back_is_never_denied() {
    let run = "test/cases/mine/1";
    for (effect, place) in [(FaultEffect::Hangs, Place::Primary), (FaultEffect::LandsLate, Place::Standby)] {
        let mut case = held_by(run, Phase::Recovering, false);
        case.fault("cloudfront:UpdateDistribution", 1, effect);
        let change = case.change(AlarmState::Alarm, &reason(run));
        case.send(&change, Shape::Topic.event(&change), Duration::ZERO);
        // After the call was sent, and before another is.
        case.wait(Duration::from_millis(500));
        assert_eq!(case.calls().len(), 1, "{effect:?}");
        case.record_run(run, Phase::RollingBack);
        case.settle();
        assert_eq!((case.calls().len(), case.place()), (1, place), "{effect:?}");
        let entry = case.entry(&change);
        assert_eq!(entry.done, Some(Done::Failed), "{effect:?}: {entry:#?}");
        assert!(why(&entry).contains("may have been executed"), "{entry:#?}");
        assert!(why(&entry).contains("wants no failover") && entry.called_at.is_some(), "{entry:#?}");
    }
}

#[test]
fn a_call_that_was_given_up_before_the_distribution_changed_is_never_denied() {
    let mut case = FailoverCase::of(Resource::Distribution);
    case.fault("cloudfront:UpdateDistribution", 1, FaultEffect::Hangs);
    let change = case.change(AlarmState::Alarm, CROSSED);
    case.send(&change, Shape::Topic.event(&change), Duration::ZERO);
    case.wait(Duration::from_secs(5));
    case.operators_move(Place::Elsewhere);
    case.settle();
    let entry = case.entry(&change);
    assert_eq!((entry.done, case.place()), (Some(Done::Failed), Place::Elsewhere), "{entry:#?}");
    assert!(why(&entry).contains("may have been executed"), "{entry:#?}");
    assert!(why(&entry).contains("points to `elsewhere`"), "{entry:#?}");
}

#[test]
fn traffic_moves_back_by_itself_only_where_configured_and_never_for_a_drill() {
    let mut real = FailoverCase::with(Resource::Distribution, |setup| setup.fail_back_on_ok = true);
    goes_off(&mut real);
    assert_eq!(real.place(), Place::Standby);
    let ok = real.change(AlarmState::Ok, WELL);
    real.deliver(&ok);
    assert_eq!(real.entry(&ok).done, Some(Done::FailedBack));
    assert_eq!((real.place(), real.pages().len()), (Place::Primary, 2), "both are news");

    let run = "test/cases/back/1";
    let mut drill = held_by(run, Phase::Injecting, true);
    let alarm = drill.change(AlarmState::Alarm, &reason(run));
    drill.deliver(&alarm);
    let ok = drill.change(AlarmState::Ok, WELL);
    drill.deliver(&ok);
    assert_eq!(drill.entry(&ok).done, Some(Done::Ignored));
    assert_eq!((drill.place(), drill.calls().len()), (Place::Standby, 1), "the run fails back by itself");
}
