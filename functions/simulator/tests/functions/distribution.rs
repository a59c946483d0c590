//! Failover of a distribution that has drifted, and calls whose answers are lost, late or refused.

use std::time::Duration;

use firedrill_core::{
    Phase,
    failover::{AlarmState, Done, reason_of},
    run::RunId,
};
use firedrill_simulator::{
    FailoverCase, FaultEffect, Place, Shape,
    failover_case::{ALWAYS, Attempt, FUNCTION_LIVES, Resource, Setup},
};

use super::check::{
    CROSSED, error, failed_over_once, goes_off, handled_at_once, logged, nothing_moved, refused, why,
};

const UPDATE: &str = "cloudfront:UpdateDistribution";

/// A distribution, of whose updates the first ends like this.
fn update_ends(effect: FaultEffect) -> FailoverCase {
    let mut case = FailoverCase::of(Resource::Distribution);
    case.fault(UPDATE, 1, effect);
    case
}

/// AWS's error codes of the calls, oldest first.
fn codes(case: &FailoverCase) -> Vec<Option<String>> {
    case.calls().into_iter().map(|call| call.code).collect()
}

#[test]
fn a_lost_race_is_never_the_end_of_it() {
    let mut case = update_ends(FaultEffect::LosesRace);
    assert_eq!(handled_at_once(&mut case).done, Some(Done::FailedOver));
    assert_eq!((case.place(), case.calls().len()), (Place::Standby, 2));
}

#[test]
fn what_somebody_else_changed_meanwhile_is_never_overwritten() {
    // Between the function's read and the effect of its call.
    let mut case = update_ends(FaultEffect::OthersFirst);
    assert_eq!(handled_at_once(&mut case).done, Some(Done::FailedOver));
    assert_eq!(codes(&case), [Some("PreconditionFailed".to_owned()), None]);
    assert_eq!((case.place(), case.comment().as_str()), (Place::Standby, "changed by a person"));
}

#[test]
fn a_failover_whose_answer_was_lost_is_never_taken_for_a_failed_one() {
    for effect in [FaultEffect::LostAfter, FaultEffect::ErrorAfter] {
        took_effect_without_an_answer(effect);
    }
}

#[test]
fn a_failover_whose_answer_never_comes_is_never_taken_for_a_failed_one() {
    took_effect_without_an_answer(FaultEffect::HangsAfter);
}

fn took_effect_without_an_answer(effect: FaultEffect) {
    let mut case = update_ends(effect);
    let entry = handled_at_once(&mut case);
    assert_eq!(entry.done, Some(Done::FailedOver), "{effect:?}: {entry:#?}");
    assert_eq!(case.calls().len(), 1, "{effect:?}: looked at, and not sent again");
    assert_eq!(case.place(), Place::Standby);
}

#[test]
fn a_call_that_was_given_up_and_lands_late_never_takes_effect_a_second_time() {
    let mut case = update_ends(FaultEffect::LandsLate);
    let (change, _) = goes_off(&mut case);
    assert_eq!(case.entry(&change).done, Some(Done::FailedOver));
    assert_eq!(case.calls().len(), 2, "the given up one, and another");
    assert_eq!((case.place(), case.updates()), (Place::Standby, 1), "the late one has landed by now");
}

#[test]
fn a_call_that_lands_after_operators_moved_back_never_moves_anything() {
    let mut case = update_ends(FaultEffect::LandsLate);
    let change = case.change(AlarmState::Alarm, CROSSED);
    case.send(&change, Shape::Topic.event(&change), Duration::ZERO);
    case.wait(Duration::from_mins(2));
    assert_eq!(case.entry(&change).done, Some(Done::FailedOver));
    case.operators_move(Place::Primary);
    let before = case.now();
    case.settle();
    assert!(case.now() > before, "the late one has landed by now");
    assert_eq!(case.place(), Place::Primary);
}

#[test]
fn a_distribution_that_points_elsewhere_is_never_moved() {
    let elsewhere = |setup: &mut Setup| setup.origin = Place::Elsewhere;
    refused(&mut FailoverCase::with(Resource::Distribution, elsewhere), "`default` points to `elsewhere`");
}

#[test]
fn a_distribution_without_the_opt_in_is_never_moved() {
    let untagged = |setup: &mut Setup| setup.opted_in = false;
    refused(&mut FailoverCase::with(Resource::Distribution, untagged), "firedrill:allowed=true");
}

#[test]
fn a_call_that_is_denied_is_never_silent() {
    let mut case = FailoverCase::of(Resource::Distribution);
    case.fault(UPDATE, ALWAYS, FaultEffect::Denied);
    let entry = handled_at_once(&mut case);
    assert_eq!(entry.done, Some(Done::Failed), "{entry:#?}");
    assert!(why(&entry).contains(UPDATE) && why(&entry).contains("AccessDenied"), "{entry:#?}");
    assert_eq!(case.calls().len(), 1, "what is denied is not asked again");
    assert_eq!(case.place(), Place::Primary);
    let told = case.pages();
    assert!(told.len() == 1 && told[0].contains(why(&entry)), "{told:#?}");
    let line = logged(&case, &["AccessDenied", &entry.alarm_arn]);
    assert_eq!(line.level.as_str(), "ERROR", "{line:#?}");
}

#[test]
fn a_call_that_is_denied_in_a_drill_is_never_silent_though_nobody_is_paged() {
    let run = "test/cases/denied/1";
    let mut case = FailoverCase::of(Resource::Distribution);
    case.fault(UPDATE, 1, FaultEffect::Denied);
    case.record_run(run, Phase::Recovering);
    case.register(Some(run));
    let change = case.change(AlarmState::Alarm, &reason_of(&RunId(run.to_owned()), "forces it"));
    case.deliver(&change);
    assert_eq!((case.entry(&change).done, case.pages().len()), (Some(Done::Failed), 0));
    let line = logged(&case, &["AccessDenied", &change.alarm_arn]);
    assert_eq!(line.level.as_str(), "ERROR", "{line:#?}");
}

#[test]
fn a_call_that_is_throttled_is_never_given_up_at_once_nor_asked_for_ever() {
    let mut once = update_ends(FaultEffect::Throttled);
    assert_eq!(handled_at_once(&mut once).done, Some(Done::FailedOver));
    assert_eq!((once.place(), once.calls().len()), (Place::Standby, 2));

    let mut always = FailoverCase::of(Resource::Distribution);
    always.fault(UPDATE, ALWAYS, FaultEffect::Throttled);
    let entry = handled_at_once(&mut always);
    assert_eq!((entry.done, always.calls().len()), (Some(Done::Failed), 5), "{entry:#?}");
    assert_eq!(always.pages().len(), 1);
}

#[test]
fn a_message_that_cannot_be_sent_never_changes_what_was_done() {
    let mut case = FailoverCase::of(Resource::Distribution);
    case.fault("sns:Publish", ALWAYS, FaultEffect::Denied);
    assert_eq!(handled_at_once(&mut case).done, Some(Done::FailedOver));
    assert_eq!(case.place(), Place::Standby);
    assert!(case.pages().is_empty());
    let line = logged(&case, &["nobody was told", "AuthorizationError"]);
    assert_eq!(line.level.as_str(), "ERROR", "{line:#?}");
}

#[test]
fn a_change_whose_record_could_not_be_read_is_never_kept_from_the_next_delivery() {
    // The function has claimed the change, and cannot read which run holds the alarm.
    for operation in ["journal:holder", "journal:newest"] {
        let mut case = FailoverCase::of(Resource::Distribution);
        case.fault(operation, 1, FaultEffect::LostBefore);
        let (_, delivery) = goes_off(&mut case);
        let [first, Attempt::Answered(_)] = &delivery.attempts[..] else { panic!("{delivery:#?}") };
        assert_eq!(error(first), "StoreFailed", "{operation}");
        failed_over_once(&case);
    }
}

#[test]
fn a_change_that_an_ended_invocation_had_claimed_is_never_lost() {
    let mut case = FailoverCase::of(Resource::Distribution);
    // Each call is given up in time, and sent again after a read, until Lambda ends the invocation.
    case.fault(UPDATE, 5, FaultEffect::Hangs);
    let change = case.change(AlarmState::Alarm, CROSSED);
    let event = Shape::Topic.event(&change);
    let number = case.send(&change, event.clone(), Duration::ZERO);
    case.wait(FUNCTION_LIVES + Duration::from_secs(1));
    assert_eq!(case.delivery(number).attempts, [Attempt::Killed]);
    let in_hand = case.entry(&change);
    assert!(in_hand.done.is_none() && in_hand.called_at.is_some(), "{in_hand:#?}");
    assert_eq!(case.place(), Place::Primary);

    // Another invocation may take over the change only once the ended one is certainly dead: this one may not, but
    // Lambda's own retry may.
    let too_early = case.send(&change, event, Duration::ZERO);
    case.wait(Duration::from_secs(1));
    assert_eq!(error(&case.delivery(too_early).attempts[0]), "InProgress");
    case.settle();
    assert!(case.delivery(number).answer().is_some(), "{:#?}", case.delivery(number));
    let entry = case.entry(&change);
    assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
    assert_ne!(entry.by, in_hand.by);
    let dead_after = FUNCTION_LIVES + Duration::from_secs(10);
    assert!(entry.claimed_at - in_hand.claimed_at > dead_after, "{in_hand:#?} {entry:#?}");
    assert_eq!((case.place(), case.calls().len()), (Place::Standby, 6));
    assert_eq!(case.pages().len(), 1);
}

#[test]
fn a_function_that_dies_before_or_after_its_call_never_leaves_users_where_they_were() {
    for (effect, calls) in [(FaultEffect::DiesBefore, 2), (FaultEffect::DiesAfter, 1)] {
        let mut case = update_ends(effect);
        let (change, delivery) = goes_off(&mut case);
        assert_eq!(delivery.attempts[0], Attempt::Killed, "{effect:?}");
        let entry = case.entry(&change);
        assert_eq!(entry.done, Some(Done::FailedOver), "{effect:?}: {entry:#?}");
        assert_eq!((case.place(), case.calls().len()), (Place::Standby, calls), "{effect:?}");
        assert_eq!((case.updates(), case.pages().len()), (1, 1), "{effect:?}");
    }
}

#[test]
fn a_distribution_that_cannot_be_read_is_never_moved_blindly() {
    let mut case = FailoverCase::of(Resource::Distribution);
    case.fault("cloudfront:GetDistribution", ALWAYS, FaultEffect::LostBefore);
    let (change, delivery) = goes_off(&mut case);
    assert!(delivery.attempts.iter().all(|attempt| error(attempt) == "NotNow"), "{delivery:#?}");
    assert_eq!((delivery.attempts.len(), case.entry(&change).done), (3, None));
    nothing_moved(&case);
}
