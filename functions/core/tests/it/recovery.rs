//! Recovery: when an application recovered, and when the evidence cannot tell.

use crate::common::{answer, at, run};
use firedrill_core::{
    CallOutcome, Measured, Run, Streak, Timestamp, Tristate, Verdict, millis,
    recovery::{Judgement, judge},
    run::{Call, Injection, OwnerId, Phase},
};

/// A run injected at 10 s and seen in place at 15 s, with these answers (at milliseconds).
fn injected(answers: impl IntoIterator<Item = (i64, Tristate)>) -> Run {
    let mut run = run();
    run.phase = Phase::Recovering;
    let injection = Injection {
        owner: OwnerId("starter".to_owned()),
        deadline: at(70_000),
        calls: vec![Call {
            number: 1,
            intended: at(9_990),
            sent: Some(at(10_000)),
            answered: None,
            outcome: Some(CallOutcome::Done),
        }],
        last_absent: None,
        unobserved: false,
    };
    run.injection = Some(injection.into());
    run.times.in_place = Some(Measured::ours(at(15_000), 0));
    run.streaks = vec![Streak::default()];
    for (ms, seen) in answers {
        let rule = run.limits.probes[0].clone();
        run.streaks[0].push(&answer(ms, seen), &rule);
    }
    run
}

fn each_second(range: std::ops::Range<i64>, seen: Tristate) -> impl Iterator<Item = (i64, Tristate)> {
    range.map(move |second| (second * 1_000, seen))
}

fn decided(run: &Run, now: Timestamp) -> (Verdict, Option<Measured>, Option<bool>) {
    match judge(run, now) {
        Judgement::Decided { verdict, recovered, impaired, .. } => (verdict, recovered, impaired),
        Judgement::Wait => panic!("not decided"),
    }
}

#[test]
fn recovery_is_timed_on_the_first_yes_and_not_on_the_decision() {
    let up = each_second(0..11, Tristate::Yes);
    let run = injected(up.chain(each_second(11..20, Tristate::No)).chain(each_second(20..24, Tristate::Yes)));
    let (verdict, recovered, impaired) = decided(&run, at(24_000));
    assert_eq!((verdict, impaired), (Verdict::Recovered, Some(true)));
    assert_eq!(recovered, Some(Measured::ours(at(20_000), 1_000)), "a second after the last no");
}

#[test]
fn users_who_lost_nothing_are_never_said_to_have_waited() {
    let run = injected(each_second(0..20, Tristate::Yes));
    let (verdict, recovered, impaired) = decided(&run, at(20_000));
    assert_eq!((verdict, impaired), (Verdict::Recovered, Some(false)));
    assert_eq!(recovered.unwrap().at, at(10_000), "no time at all after the injection");
}

#[test]
fn a_relapse_reopens_the_recovery() {
    let first = each_second(11..15, Tristate::Yes).chain(each_second(15..30, Tristate::No));
    let run = injected(first.chain(each_second(30..34, Tristate::Yes)));
    assert_eq!(decided(&run, at(34_000)).1.unwrap().at, at(30_000));
}

#[test]
fn too_few_answers_or_too_short_a_time_never_decide() {
    let down = || each_second(11..20, Tristate::No);
    assert_eq!(
        judge(&injected(down().chain(each_second(20..22, Tristate::Yes))), at(22_000)),
        Judgement::Wait
    );
    let quick = [(20_000, Tristate::Yes), (20_010, Tristate::Yes), (20_020, Tristate::Yes)];
    assert_eq!(judge(&injected(down().chain(quick)), at(20_100)), Judgement::Wait);
}

#[test]
fn after_the_objective_is_missed_and_after_giving_up_is_not_recovered() {
    let down_until = |second: i64| {
        injected(each_second(11..second, Tristate::No).chain(each_second(second..second + 4, Tristate::Yes)))
    };
    assert_eq!(decided(&down_until(40), at(44_000)).0, Verdict::Recovered, "exactly at the objective");
    assert_eq!(decided(&down_until(41), at(45_000)).0, Verdict::ObjectiveMissed);
    assert_eq!(decided(&down_until(100), at(104_000)).0, Verdict::ObjectiveMissed, "exactly at giving up");
    assert_eq!(decided(&down_until(101), at(105_000)).0, Verdict::NotRecovered);
    let down = injected(each_second(11..102, Tristate::No));
    assert_eq!(decided(&down, at(102_000)).0, Verdict::NotRecovered);
}

#[test]
fn a_streak_under_way_at_giving_up_is_waited_for() {
    let run = injected(each_second(11..99, Tristate::No).chain(each_second(99..101, Tristate::Yes)));
    assert_eq!(judge(&run, at(100_500)), Judgement::Wait);
}

#[test]
fn lost_answers_around_a_limit_are_never_read_as_yes_or_no() {
    // Down at 20 s, silence, healthy at 60 s: the objective (40 s) lies in between.
    let run = injected(each_second(11..21, Tristate::No).chain(each_second(60..64, Tristate::Yes)));
    assert_eq!(decided(&run, at(64_000)), (Verdict::Inconclusive, None, None));
    // The same silence before the objective costs only resolution.
    let run = injected(each_second(11..14, Tristate::No).chain(each_second(35..39, Tristate::Yes)));
    let (verdict, recovered, _) = decided(&run, at(39_000));
    assert_eq!((verdict, recovered.unwrap().resolution_ms), (Verdict::Recovered, 22_000));
    // A silence within a streak may hide an outage.
    let run = injected(each_second(0..11, Tristate::Yes).chain(each_second(60..64, Tristate::Yes)));
    assert_eq!(decided(&run, at(64_000)).0, Verdict::Inconclusive);
    // And no answer at the end tells nothing.
    let run = injected(each_second(11..50, Tristate::No));
    let patience = i64::try_from(millis(run.limits.patience)).unwrap();
    assert_eq!(judge(&run, at(100_500)), Judgement::Wait, "one more answer will tell");
    assert_eq!(decided(&run, at(100_001 + patience)).0, Verdict::Inconclusive);
}
