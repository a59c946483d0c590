//! Failover of databases: a second call would move the writer back, so it is sent once whatever its outcome.

use std::time::Duration;

use firedrill_core::{
    Phase,
    failover::{AlarmState, Done, reason_of},
    run::RunId,
};
use firedrill_simulator::{
    FailoverCase, FaultEffect, Place, Shape,
    failover_case::{Attempt, COOL_DOWN, Delivery, FUNCTION_LIVES, Resource},
};

use super::check::{
    CROSSED, WELL, error, failed_over_once, goes_off, handled_at_once, logged, nothing_moved, refused, why,
};

const FAILOVER: &str = "rds:FailoverDBCluster";

#[test]
fn a_cluster_never_fails_over_to_another_reader_than_the_one_that_is_named() {
    let mut case = FailoverCase::with(Resource::Cluster, |setup| {
        setup.second_reader = true;
        setup.reader = Some("elsewhere");
    });
    let entry = handled_at_once(&mut case);
    assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
    assert!(why(&entry).contains("rds:FailoverDBCluster of bookstore to elsewhere"), "{entry:#?}");
    assert_eq!((case.calls().len(), case.place()), (1, Place::Elsewhere));
    assert_eq!(case.pages().len(), 1);
}

#[test]
fn a_second_failover_within_the_cool_down_is_never_sent() {
    let mut case = FailoverCase::of(Resource::Cluster);
    assert_eq!(handled_at_once(&mut case).done, Some(Done::FailedOver));
    case.wait(COOL_DOWN / 2);
    let ok = case.change(AlarmState::Ok, WELL);
    case.deliver(&ok);
    let (again, _) = goes_off(&mut case);
    let entry = case.entry(&again);
    assert_eq!((entry.done, entry.called_at), (Some(Done::Refused), None), "{entry:#?}");
    assert!(why(&entry).contains("failed over at") && why(&entry).contains("within 600 s"), "{entry:#?}");
    assert_eq!((case.calls().len(), case.place()), (1, Place::Standby));
    assert!(case.pages().iter().any(|page| page.contains("within 600 s")), "{:#?}", case.pages());

    // Once it is over, a real alarm counts again.
    case.wait(COOL_DOWN / 2);
    let (last, _) = goes_off(&mut case);
    assert_eq!(case.entry(&last).done, Some(Done::FailedOver));
    assert_eq!((case.calls().len(), case.place()), (2, Place::Primary));
}

/// The pages about an alarm that goes off without a run's id, right after this run failed the database over.
fn pages_about_a_rise(phase: Phase, change: impl FnOnce(&mut FailoverCase)) -> Vec<String> {
    let mut case = FailoverCase::of(Resource::Cluster);
    case.record_run("run", Phase::Injecting);
    case.register(Some("run"));
    let forced = case.change(AlarmState::Alarm, &reason_of(&RunId("run".to_owned()), "forces it"));
    case.deliver(&forced);
    assert_eq!(case.entry(&forced).done, Some(Done::FailedOver));
    case.record_run_that_failed_over("run", phase);
    case.wait(COOL_DOWN / 10);
    change(&mut case);
    let (risen, _) = goes_off(&mut case);
    assert_eq!(case.entry(&risen).done, Some(Done::Refused), "{:#?}", case.entry(&risen));
    assert_eq!((case.calls().len(), case.place()), (1, Place::Standby));
    case.pages()
}

#[test]
fn nobody_is_ever_paged_for_a_refusal_that_a_drills_own_failover_explains() {
    for phase in [Phase::Recovering, Phase::RollingBack, Phase::Verifying] {
        assert_eq!(pages_about_a_rise(phase, |_| {}), Vec::<String>::new(), "{phase}");
    }
}

#[test]
fn people_are_told_of_a_refusal_that_no_drill_is_known_to_explain() {
    let told = |phase, change: fn(&mut FailoverCase)| assert_eq!(pages_about_a_rise(phase, change).len(), 1);
    told(Phase::Held, |_| {});
    told(Phase::Recovering, |case| case.register(None));
    told(Phase::Recovering, |case| case.record_run("run", Phase::Recovering));
    told(Phase::Recovering, |case| case.fault("journal:run", 1, FaultEffect::LostBefore));
}

#[test]
fn a_cluster_whose_only_reader_is_not_available_is_never_failed_over() {
    let cold = FailoverCase::with(Resource::Cluster, |setup| setup.reader_status = "rebooting");
    refused_by_rds(cold);
}

/// RDS refuses the call: that is what is recorded and paged, and nothing moves.
fn refused_by_rds(mut case: FailoverCase) {
    let entry = handled_at_once(&mut case);
    assert_eq!((entry.done, case.place()), (Some(Done::Failed), Place::Primary), "{entry:#?}");
    assert!(why(&entry).contains("was not executed (InvalidDBClusterStateFault)"), "{entry:#?}");
    assert_eq!(case.calls().len(), 1, "what RDS refuses is not asked for again");
    assert!(case.pages().len() == 1 && case.pages()[0].contains("InvalidDBClusterStateFault"));
}

#[test]
fn a_real_failover_is_never_given_up_for_a_status_in_which_rds_takes_it() {
    for resource in [Resource::Cluster, Resource::Instance] {
        for status in ["backing-up", "storage-optimization"] {
            let mut case = FailoverCase::with(resource, |setup| {
                setup.status = status;
                setup.reader_status = status;
            });
            goes_off(&mut case);
            failed_over_once(&case);
        }
    }
}

#[test]
fn a_status_in_which_rds_refuses_a_failover_is_never_guessed() {
    let stopped = |resource| FailoverCase::with(resource, |setup| setup.status = "stopped");
    refused_by_rds(stopped(Resource::Cluster));
    refused_by_rds(stopped(Resource::Instance));
}

#[test]
fn a_database_that_is_not_available_is_never_failed_over_for_a_drill() {
    let run = "test/bookstore/database/1";
    let mut case = FailoverCase::with(Resource::Cluster, |setup| setup.status = "backing-up");
    case.record_run(run, Phase::Injecting);
    case.register(Some(run));
    let change = case.change(AlarmState::Alarm, &reason_of(&RunId(run.to_owned()), "forces it"));
    case.deliver(&change);
    let entry = case.entry(&change);
    assert_eq!(entry.done, Some(Done::Refused), "{entry:#?}");
    assert!(why(&entry).contains("is backing-up, not available"), "{entry:#?}");
    nothing_moved(&case);
}

#[test]
fn a_cluster_without_the_opt_in_is_never_failed_over() {
    let untagged = FailoverCase::with(Resource::Cluster, |setup| setup.opted_in = false);
    refused(&mut { untagged }, "firedrill:allowed=true");
}

#[test]
fn an_instance_without_a_standby_is_never_restarted() {
    let single = FailoverCase::with(Resource::Instance, |setup| setup.multi_az = false);
    refused(&mut { single }, "is not Multi-AZ");
}

#[test]
fn an_instance_is_never_restarted_without_its_failover_nor_twice_for_one_change() {
    for seed in 0..100 {
        let mut case = FailoverCase::with(Resource::Instance, |setup| setup.seed = seed);
        let change = case.change(AlarmState::Alarm, CROSSED);
        case.deliver_at_once(&change, &Shape::ALL);
        failed_over_once(&case);
        assert_eq!(case.calls()[0].action, "rds:RebootDBInstance");
    }
}

#[test]
fn a_cluster_is_never_failed_over_twice_for_one_change() {
    for seed in 0..100 {
        let mut case = FailoverCase::with(Resource::Cluster, |setup| setup.seed = seed);
        let change = case.change(AlarmState::Alarm, CROSSED);
        case.deliver_at_once(&change, &Shape::ALL);
        failed_over_once(&case);
        assert_eq!(case.pages().len(), 1, "seed {seed}");
    }
}

#[test]
fn a_failover_whose_answer_is_lost_is_never_sent_a_second_time() {
    for effect in [FaultEffect::LostAfter, FaultEffect::ErrorAfter, FaultEffect::HangsAfter] {
        let mut case = FailoverCase::of(Resource::Cluster);
        case.fault(FAILOVER, 1, effect);
        let (change, _) = goes_off(&mut case);
        let entry = case.entry(&change);
        assert_eq!(entry.done, Some(Done::Failed), "{effect:?}: {entry:#?}");
        assert!(why(&entry).contains(FAILOVER) && why(&entry).contains("is not known"), "{entry:#?}");
        case.deliver(&change);
        assert_eq!((case.calls().len(), case.place()), (1, Place::Standby), "{effect:?}");
        assert_eq!(case.entry(&change), entry, "{effect:?}");
        let told = case.pages();
        assert!(told.len() == 1 && told[0].contains("is not known"), "{effect:?}: {told:#?}");
    }
}

#[test]
fn a_real_failover_is_never_given_up_because_no_connection_could_be_made() {
    for (resource, call) in [(Resource::Cluster, FAILOVER), (Resource::Instance, "rds:RebootDBInstance")] {
        let mut case = FailoverCase::of(resource);
        case.fault(call, 2, FaultEffect::NotConnected);
        let entry = handled_at_once(&mut case);
        assert_eq!((entry.done, case.place()), (Some(Done::FailedOver), Place::Standby), "{entry:#?}");
        let codes: Vec<_> = case.calls().into_iter().map(|call| call.code).collect();
        let unsent = Some("NotConnected".to_owned());
        assert_eq!(codes, [unsent.clone(), unsent, None], "the last one was executed");
        assert_eq!(case.pages().len(), 1);
    }
}

#[test]
fn a_reply_that_never_comes_never_holds_the_function_until_it_is_ended() {
    for operation in ["rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeEvents"] {
        let mut case = FailoverCase::of(Resource::Cluster);
        case.fault(operation, 1, FaultEffect::Hangs);
        let (change, delivery) = goes_off(&mut case);
        // The function's own error: Lambda would have killed it.
        let [first, Attempt::Answered(_)] = &delivery.attempts[..] else { panic!("{delivery:#?}") };
        assert_eq!(error(first), "NotNow", "{operation}");
        logged(&case, &["did not answer", "NotNow", &change.alarm_arn]);
        failed_over_once(&case);
    }
}

/// Delivers the alarm's change, of whose journal this write fails once it was preceded by so many others: it is delivered
/// once more, and concluded with one call.
fn one_call_though_a_write_fails(skip: u32) -> FailoverCase {
    let mut case = FailoverCase::of(Resource::Cluster);
    case.fault_after(skip, "journal:write", 1, FaultEffect::LostBefore);
    let (_, delivery) = goes_off(&mut case);
    let [first, Attempt::Answered(_)] = &delivery.attempts[..] else { panic!("{delivery:#?}") };
    assert_eq!(error(first), "StoreFailed");
    failed_over_once(&case);
    case
}

#[test]
fn a_call_that_was_not_sent_because_its_intent_was_not_written_is_never_taken_for_sent() {
    one_call_though_a_write_fails(0);
}

#[test]
fn a_call_that_was_sent_is_never_sent_again_nor_denied_because_its_conclusion_was_not_written() {
    // The write of the intent succeeds; that of the conclusion does not.
    let case = one_call_though_a_write_fails(1);
    assert_eq!(case.pages().len(), 1);
}

/// What an invocation left behind that may have sent the call is concluded by one of Lambda's retries.
fn is_never_sent_again(mut case: FailoverCase, first: impl Fn(&Delivery)) {
    let (change, delivery) = goes_off(&mut case);
    first(&delivery);
    let entry = case.entry(&change);
    assert_eq!(entry.done, Some(Done::Failed), "{entry:#?}");
    assert!(why(&entry).contains("may have sent the call"), "{entry:#?}");
    assert!(why(&entry).contains("failed over at"), "{entry:#?}");
    assert_eq!((case.calls().len(), case.place()), (1, Place::Standby));
    assert_eq!(case.pages().len(), 1);
}

#[test]
fn a_call_that_a_dead_invocation_may_have_sent_is_never_sent_again() {
    // From the call on every write fails: the conclusion's, and that of the released claim.
    let mut mute = FailoverCase::of(Resource::Cluster);
    mute.fault_after(1, "journal:write", 2, FaultEffect::LostBefore);
    is_never_sent_again(mute, |delivery| assert_eq!(error(&delivery.attempts[0]), "StoreFailed"));

    let mut dead = FailoverCase::of(Resource::Cluster);
    dead.fault(FAILOVER, 1, FaultEffect::DiesAfter);
    is_never_sent_again(dead, |delivery| assert_eq!(delivery.attempts[0], Attempt::Killed));
}

#[test]
fn a_change_that_a_dead_invocation_held_is_never_taken_over_by_two() {
    for seed in 0..100 {
        let mut case = FailoverCase::with(Resource::Cluster, |setup| setup.seed = seed);
        case.fault("journal:newest", 1, FaultEffect::DiesBefore);
        let change = case.change(AlarmState::Alarm, CROSSED);
        case.send(&change, Shape::Topic.event(&change), Duration::ZERO);
        // By now that invocation is certainly dead, and Lambda has not yet retried it.
        case.wait(FUNCTION_LIVES + Duration::from_secs(15));
        assert_eq!(case.entry(&change).done, None);
        case.deliver_at_once(&change, &Shape::ALL);
        failed_over_once(&case);
        assert_eq!(case.pages().len(), 1, "seed {seed}");
    }
}

#[test]
fn a_call_that_a_dead_invocation_did_not_send_is_never_sent_by_a_guess() {
    let mut case = FailoverCase::of(Resource::Cluster);
    case.fault(FAILOVER, 1, FaultEffect::DiesBefore);
    let (change, delivery) = goes_off(&mut case);
    assert_eq!(delivery.attempts[0], Attempt::Killed);
    let entry = case.entry(&change);
    assert_eq!(entry.done, Some(Done::Failed), "{entry:#?}");
    assert!(why(&entry).contains("may have sent the call"), "{entry:#?}");
    assert_eq!((case.calls().len(), case.place()), (1, Place::Primary));
    assert_eq!(case.pages().len(), 1, "operators know that they have to look");
}
