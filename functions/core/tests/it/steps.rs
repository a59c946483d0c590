//! Step: random walks that never break an invariant, and single decisions.

use std::{sync::Arc, time::Duration};

use crate::common::{answer, at, intent, run};
use fastrand::Rng;
use firedrill_core::{
    CallOutcome, Decision, DecisionResult, Measured, Observation, Outcome, Phase, PreparedInjection,
    ProbeAnswer, ProbeRole, Readiness, Run, StepObservation, Tristate, Verdict,
    gate::GateAnswer,
    instance::undo,
    request::{Mode, Release},
    run::{Call, Datapoints, OwnerId, StepState, Stop, Trigger, UndoStep},
    step,
};

fn any_seen(rng: &mut Rng) -> Tristate {
    [Tristate::Yes, Tristate::No, Tristate::Unknown][rng.usize(0..3)]
}

fn mostly(rng: &mut Rng, usual: Tristate) -> Tristate {
    if rng.u8(0..10) < 8 { usual } else { any_seen(rng) }
}

fn any_look(rng: &mut Rng, run: &Run, now: i64, results: Vec<DecisionResult>) -> Observation {
    let moves_traffic = run.reason.is_some() || rng.u8(0..4) == 0;
    let mut steps = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws");
    steps[0].moves_traffic = moves_traffic;
    if !run.mode.lasts() {
        // What sets the alarm back, and what is only awaited.
        let step = |moves_traffic, awaited| UndoStep { moves_traffic, awaited, ..steps[0].clone() };
        steps = vec![step(false, false), step(moves_traffic, false), step(false, true)];
    }
    let answer = |seen| (0, ProbeAnswer { seen, asked: at(now - 50), answered: at(now), detail: None });
    Observation {
        gates: vec![GateAnswer { gate: "g".into(), open: mostly(rng, Tristate::Yes), why: String::new() }],
        prepared: Some(match rng.u8(0..12) {
            0 => Readiness::Refused("r".into()),
            1 => Readiness::Unknown("u".into()),
            _ => Readiness::Ready(Box::new(PreparedInjection { trigger: trigger(run.mode), undo: steps })),
        }),
        answers: vec![answer(mostly(rng, Tristate::Yes))],
        looked: (rng.u8(0..3) > 0).then(|| at(now)),
        in_place: any_seen(rng),
        detected: None,
        in_place_at: None,
        failed_over: any_seen(rng),
        deployed: any_seen(rng),
        automation_report: None,
        undone: vec![
            [
                StepObservation::Done,
                StepObservation::Open,
                StepObservation::Busy,
                StepObservation::Unknown,
                StepObservation::Drifted("a, not b".into()),
            ][rng.usize(0..5)]
            .clone();
            run.undo.len()
        ],
        primary: mostly(rng, Tristate::Yes),
        foreign_alarm: mostly(rng, Tristate::No),
        own_rise: None,
        last_rise: None,
        alarm_read: None,
        stop: (rng.u8(0..60) == 0).then(|| Stop { by: "b".into(), reason: "r".into() }),
        last_command: None,
        release: (rng.u8(0..60) == 0).then(|| Release {
            run_id: run.run_id.0.clone(),
            by: "b".into(),
            reason: "r".into(),
            fail_back: rng.bool(),
            given_at: None,
        }),
        results,
    }
}

fn trigger(mode: Mode) -> Option<Trigger> {
    let datapoints = (mode == Mode::Metric).then(|| Datapoints {
        namespace: "Bookstore".into(),
        metric: "m".into(),
        dimensions: std::collections::BTreeMap::new(),
        unit: None,
        value: 0.into(),
        storage_resolution: 60,
        every: Duration::from_secs(5),
        planned: 4,
        needed: 2,
        window: Duration::from_secs(30),
    });
    (!mode.lasts()).then(|| Trigger {
        alarm_arn: "arn:aws:cloudwatch:us-east-1:1:alarm:a".into(),
        automation: "f".into(),
        acts_for: Duration::from_secs(20),
        datapoints,
        database: None,
        steady_within_ms: None,
        acts_on_rise_ms: None,
    })
}

fn any_outcome(rng: &mut Rng) -> CallOutcome {
    match rng.u8(0..6) {
        0 => CallOutcome::NotExecuted { code: "c".into(), message: "m".into(), again: true },
        1 => CallOutcome::NotExecuted { code: "c".into(), message: "m".into(), again: false },
        2 => CallOutcome::Unknown { message: "m".into() },
        _ => CallOutcome::Done,
    }
}

/// What must hold between a head and the next one.
fn check(run: &Run, next: &Run, decision: Decision, look: &Observation, seed: u64) {
    let may_be_injected = run.injection_began().is_some();
    if let Decision::Inject(number) = decision {
        assert_eq!(next.owner.as_ref(), Some(&next.starter), "seed {seed}: a successor injects");
        assert!(look.gates.iter().all(|g| g.open == Tristate::Yes), "seed {seed}: injects past a gate");
        assert!(run.stop.is_none() && look.stop.is_none(), "seed {seed}: injects after a stop");
        let injection = next.injection.as_ref().expect("an intent");
        assert_eq!(
            injection.calls.last().map(|c| c.number),
            Some(number),
            "seed {seed}: not the saved number"
        );
        assert!(
            run.injection.iter().flat_map(|i| &i.calls).all(|c| c.number != number),
            "seed {seed}: sends number {number} again"
        );
        assert!(!next.undo.is_empty(), "seed {seed}: injects without an undo");
        let planned = next
            .trigger
            .as_ref()
            .and_then(|trigger| trigger.datapoints.as_ref())
            .map_or(6, |p| p.planned.max(6));
        assert!(number <= planned, "seed {seed}: injects more often than planned");
    }
    if let Decision::Undo(index) = decision {
        assert!(!next.undo[index].awaited, "seed {seed}: asks for what is only awaited");
        let moves_traffic = next.undo[index].moves_traffic;
        let held = next.phase == Phase::Held && !moves_traffic;
        assert!(next.phase == Phase::RollingBack || held, "seed {seed}: undoes while {}", next.phase);
        if moves_traffic {
            assert_eq!(
                (look.primary, look.foreign_alarm),
                (Tristate::Yes, Tristate::No),
                "seed {seed}: moves traffic onto something not known to be healthy"
            );
        }
    }
    if run.verdict.is_some() {
        assert_eq!(run.verdict, next.verdict, "seed {seed}: the verdict changed");
    }
    if run.outcome == Some(Outcome::RollbackFailed) {
        assert_eq!(
            next.outcome,
            Some(Outcome::RollbackFailed),
            "seed {seed}: a failed rollback was forgotten"
        );
    }
    if run.phase != Phase::Finished && next.phase == Phase::Finished && may_be_injected {
        let closed = next.release.as_ref().is_some_and(|release| !release.fail_back)
            && next.outcome == Some(Outcome::RollbackFailed);
        let by_name =
            closed || next.undo.iter().any(|step| step.progress.state == StepState::LeftToOperators);
        let undone = next.undo.iter().all(|step| step.progress.state == StepState::Done);
        assert!(
            by_name || next.injection_began().is_none() || undone,
            "seed {seed}: finished without having seen everything undone"
        );
        let paged = next.pages.iter().all(|page| page.attempts > 0);
        assert!(paged, "seed {seed}: finished, and operators were not paged");
        if next.injection_began().is_some() {
            assert!(
                matches!(run.phase, Phase::Verifying | Phase::RollingBack),
                "seed {seed}: {} went to finished with a failure in the world",
                run.phase
            );
            assert!(
                next.nothing_can_land(next.times.finished.unwrap()),
                "seed {seed}: finished while something can still land"
            );
        }
    }
    if next.phase == Phase::RollingBack && run.phase != Phase::RollingBack {
        assert!(next.injection.is_some(), "seed {seed}: rolls back what was never intended");
    }
    if next.verdict == Some(Verdict::Skipped) {
        assert!(next.injection.is_none(), "seed {seed}: skipped after the intent");
    }
}

#[test]
fn random_walks_through_step_never_break_an_invariant() {
    let mut finished = 0;
    for seed in 0..4_000 {
        let mut rng = Rng::with_seed(seed);
        let mut run = run();
        run.mode = [Mode::Stop, Mode::Alarm, Mode::Metric][rng.usize(0..3)];
        let mut results = Vec::new();
        let mut now = 0;
        for _ in 0..400 {
            now += rng.i64(200..4_000);
            if rng.u8(0..40) == 0 {
                run.owner = Some(OwnerId(format!("successor {now}")));
                results.clear();
            }
            let seen = any_look(&mut rng, &run, now, std::mem::take(&mut results));
            let (next, decision) = step(&run, &seen, at(now));
            check(&run, &next, decision, &seen, seed);
            if decision != Decision::Wait {
                let outcome = any_outcome(&mut rng);
                results.push(DecisionResult { decision, sent: Some(at(now)), answered: at(now), outcome });
            }
            run = next;
            run.pages.iter_mut().for_each(|page| page.attempts += 1);
            if run.verdict.is_some() && run.rollback_saved_at.is_none() && rng.bool() {
                run.rollback_saved_at = Some(at(now));
            }
            if run.phase == Phase::Finished {
                finished += 1;
                break;
            }
        }
    }
    assert!(finished > 3_000, "only {finished} walks came to an end");
}

#[test]
fn unknown_alone_never_moves_a_run_towards_an_injection_or_an_end() {
    let blank = Observation { looked: Some(at(500)), ..Observation::default() };
    let (next, decision) = step(&run(), &blank, at(1_000));
    assert_eq!((next.phase, next.verdict, decision), (Phase::Checking, None, Decision::Wait));
    let (next, decision) = step(&run(), &blank, at(61_000));
    assert_eq!(
        (next.phase, next.verdict, decision),
        (Phase::Finished, Some(Verdict::Skipped), Decision::Wait)
    );
    for phase in [Phase::Recovering, Phase::Verifying, Phase::Held] {
        let mut before = run();
        before.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
        before.undo_mut()[0].moves_traffic = true;
        before.phase = phase;
        let (next, decision) = step(&before, &blank, at(1_000));
        assert_eq!((next.phase, decision), (phase, Decision::Wait));
    }
}

/// Datapoints carry no run id. If CloudWatch is known to have accepted fewer than the alarm needs, or the alarm changed before
/// the last of those, nobody can tell whether the drill raised it or a real failure did.
#[test]
fn an_alarm_that_may_be_a_real_one_is_never_taken_for_the_injected_failure() {
    let done = Some(CallOutcome::Done);
    let lost = Some(CallOutcome::Unknown { message: "no answer".into() });
    let not_known = (Phase::RollingBack, Some(Verdict::Inconclusive));
    let ours = (Phase::Recovering, None);
    // The calls were sent after 1, 6 and 11 s; the alarm needs two datapoints.
    for (outcomes, raised, (phase, verdict)) in [
        (vec![lost.clone()], 20_000, not_known),
        (vec![None], 20_000, not_known),
        (vec![done.clone()], 20_000, not_known),
        (vec![lost.clone(), done.clone()], 20_000, not_known),
        (vec![done.clone(), done.clone()], 900, not_known),
        (vec![done.clone(), done.clone()], 5_999, not_known),
        (vec![done.clone(), done.clone()], 6_000, ours),
        (vec![lost, done.clone(), done], 20_000, ours),
    ] {
        let mut before = run();
        before.mode = Mode::Metric;
        before.trigger = trigger(before.mode).map(Into::into);
        before.phase = Phase::Injecting;
        let calls = (1..).zip(outcomes).map(|(number, outcome)| {
            let intended = at(i64::from(number) * 5_000 - 4_000);
            Call { number, intended, sent: Some(intended), answered: None, outcome }
        });
        before.injection = Some(intent(&before, calls.collect()).into());
        let seen = Observation {
            looked: Some(at(20_000)),
            in_place: Tristate::Yes,
            in_place_at: Some(Measured::ours(at(raised), 1_000)),
            ..Observation::default()
        };
        let (next, decision) = step(&before, &seen, at(20_000));
        assert_eq!(
            (next.phase, next.verdict, decision),
            (phase, verdict, Decision::Wait),
            "raised after {raised} ms"
        );
    }
}

/// The answer of the injecting call was lost, and it is executed while a real incident keeps the run held.
#[test]
fn an_injection_that_lands_while_the_run_is_held_is_never_left_in_place() {
    let mut held = run();
    held.mode = Mode::Alarm;
    held.phase = Phase::Held;
    held.trigger = trigger(held.mode).map(Into::into);
    let steps = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws");
    held.undo =
        [false, true].map(|moves_traffic| UndoStep { moves_traffic, ..steps[0].clone() }).to_vec().into();
    for step in held.undo_mut().iter_mut() {
        step.progress.state = StepState::Done;
    }
    let seen = Observation {
        looked: Some(at(20_000)),
        undone: vec![StepObservation::Open, StepObservation::Open],
        ..Observation::default()
    };
    let (next, decision) = step(&held, &seen, at(20_000));
    assert_eq!((next.phase, decision), (Phase::Held, Decision::Undo(0)));
    assert_eq!(next.undo[1].progress.state, StepState::Done, "traffic is for operators to move");
}

/// While no probe answered, the application may have recovered, and failed again for a reason of its own.
#[test]
fn a_no_after_a_long_silence_never_says_that_it_did_not_recover() {
    for (silence, verdict) in [(5_000, Verdict::NotRecovered), (60_000, Verdict::Inconclusive)] {
        let mut run = run();
        run.phase = Phase::Recovering;
        let call = Call {
            number: 1,
            intended: at(0),
            sent: Some(at(0)),
            answered: None,
            outcome: Some(CallOutcome::Done),
        };
        run.injection = Some(intent(&run, vec![call]).into());
        let mut now = 0;
        while run.phase == Phase::Recovering {
            now += if (20_000..21_000).contains(&now) { silence } else { 1_000 };
            let answers = vec![(
                0,
                ProbeAnswer { seen: Tristate::No, asked: at(now), answered: at(now), detail: None },
            )];
            (run, _) = step(&run, &Observation { answers, ..Observation::default() }, at(now));
        }
        assert_eq!(run.verdict, Some(verdict), "after a silence of {silence} ms");
    }
}

/// The call was proven not executed; since then something really fails.
#[test]
fn an_injecting_call_is_never_sent_again_while_the_application_is_not_well() {
    for (answers, decision) in [
        (Tristate::Yes, Decision::Inject(2)),
        (Tristate::No, Decision::Wait),
        (Tristate::Unknown, Decision::Wait),
    ] {
        let mut run = run();
        run.phase = Phase::Injecting;
        let not_executed =
            CallOutcome::NotExecuted { code: "Throttling".into(), message: "m".into(), again: true };
        let call = Call {
            number: 1,
            intended: at(0),
            sent: Some(at(0)),
            answered: None,
            outcome: Some(not_executed),
        };
        run.injection = Some(intent(&run, vec![call]).into());
        run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
        let ready = PreparedInjection { trigger: None, undo: run.undo.to_vec() };
        let mut last = Decision::Wait;
        for second in 1..=10 {
            let now = second * 1_000;
            let answer = ProbeAnswer { seen: answers, asked: at(now - 50), answered: at(now), detail: None };
            let seen = Observation {
                gates: vec![GateAnswer { gate: "g".into(), open: Tristate::Yes, why: String::new() }],
                answers: (0..run.limits.probes.len()).map(|index| (index, answer.clone())).collect(),
                prepared: Some(Readiness::Ready(Box::new(ready.clone()))),
                ..Observation::default()
            };
            let (next, decision) = step(&run, &seen, at(now));
            run = next;
            if decision != Decision::Wait {
                last = decision;
                break;
            }
        }
        assert_eq!(last, decision, "answers {answers:?}");
    }
}

/// A release to fail back that is given while nothing is held is discarded: the next real incident is held all the same.
#[test]
fn an_old_release_never_ends_a_later_hold() {
    let mut run = run();
    run.mode = Mode::Alarm;
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.outcome = Some(Outcome::RollbackFailed);
    run.trigger = trigger(run.mode).map(Into::into);
    let steps = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws");
    run.undo = vec![UndoStep { moves_traffic: true, ..steps[0].clone() }].into();
    let release = Release {
        run_id: run.run_id.0.clone(),
        by: "b".into(),
        reason: "r".into(),
        fail_back: true,
        given_at: None,
    };
    let look = |release, primary, now| Observation {
        release,
        looked: Some(at(now)),
        undone: vec![StepObservation::Open],
        primary,
        foreign_alarm: Tristate::No,
        ..Observation::default()
    };
    let (run, _) = step(&run, &look(Some(release), Tristate::No, 1_000), at(1_000));
    assert_eq!(run.phase, Phase::Held);
    let (run, decision) = step(&run, &look(None, Tristate::Yes, 2_000), at(2_000));
    assert_eq!((run.phase, decision), (Phase::Held, Decision::Wait), "only a new release ends the hold");
}

/// A call that was never sent does not lengthen the back-off.
#[test]
fn what_was_never_sent_never_makes_the_next_attempt_wait_longer() {
    let mut run = run();
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    let mut results = Vec::new();
    let mut asked = Vec::new();
    for second in 0..120 {
        let seen = Observation {
            looked: Some(at(second * 1_000)),
            undone: vec![StepObservation::Open],
            results: std::mem::take(&mut results),
            ..Observation::default()
        };
        let (next, decision) = step(&run, &seen, at(second * 1_000));
        run = next;
        if decision == Decision::Undo(0) {
            asked.push(second);
            let outcome =
                CallOutcome::NotExecuted { code: "LeaseOver".into(), message: "m".into(), again: true };
            results.push(DecisionResult { decision, sent: None, answered: at(second * 1_000), outcome });
        }
    }
    let pauses: Vec<i64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.len() > 5 && pauses.iter().all(|pause| *pause == pauses[0]), "{asked:?}");
}

/// The call was proven not executed; since then its target has changed.
#[test]
fn an_injecting_call_is_never_sent_again_for_what_has_changed_meanwhile() {
    let undo_of = |id: &str| undo(&[id.to_owned()], "eu-west-2", "", "aws");
    let (chosen, other) = (undo_of("i-0123456789abcdef0"), undo_of("i-00000000000000000"));
    let ready = |undo: &[UndoStep]| {
        Some(Readiness::Ready(Box::new(PreparedInjection { trigger: None, undo: undo.to_vec() })))
    };
    let ended = (Phase::Finished, Some(Verdict::NotInjected), Decision::Wait);
    for (prepared, expected) in [
        (ready(&chosen), (Phase::Injecting, None, Decision::Inject(2))),
        (ready(&other), ended),
        (Some(Readiness::Refused("it is the last that serves".into())), ended),
        (Some(Readiness::Unknown("u".into())), (Phase::Injecting, None, Decision::Wait)),
        (None, (Phase::Injecting, None, Decision::Wait)),
    ] {
        let mut run = run();
        run.phase = Phase::Injecting;
        run.undo = chosen.clone().into();
        let outcome =
            Some(CallOutcome::NotExecuted { code: "Throttling".into(), message: "m".into(), again: true });
        let call = Call { number: 1, intended: at(0), sent: Some(at(0)), answered: None, outcome };
        run.injection = Some(intent(&run, vec![call]).into());
        Arc::make_mut(&mut run.limits).probes.clear();
        let gates = vec![GateAnswer { gate: "g".into(), open: Tristate::Yes, why: String::new() }];
        let seen = Observation { gates, prepared, ..Observation::default() };
        let (next, decision) = step(&run, &seen, at(20_000));
        assert_eq!((next.phase, next.verdict, decision), expected);
    }
}

/// A release given while the run is held, and applied minutes later by its next owner: the operator did not know of alarms
/// raised in between.
#[test]
fn a_release_that_is_applied_late_never_covers_an_alarm_raised_since() {
    let mut held = run();
    held.mode = Mode::Alarm;
    held.phase = Phase::Held;
    held.trigger = trigger(held.mode).map(Into::into);
    let (run_id, by, reason) = (held.run_id.0.clone(), "b".to_owned(), "r".to_owned());
    let release = Release { run_id, by, reason, fail_back: true, given_at: Some(at(60_000)) };
    let seen = Observation { release: Some(release), ..Observation::default() };
    let (next, _) = step(&held, &seen, at(300_000));
    assert_eq!(next.phase, Phase::RollingBack);
    assert!(next.released_at.is_some_and(|known| known <= at(60_000)), "{:?}", next.released_at);
}

/// One look asks users and AWS at once, and AWS may answer later: undone, and users were not back when they were asked.
#[test]
fn when_the_primary_served_again_is_never_told_more_exactly_than_it_was_seen() {
    let mut run = run();
    run.mode = Mode::Alarm;
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.times.rollback_started_at = Some(at(0));
    Arc::make_mut(&mut run.limits).probes[0].role = ProbeRole::Primary;
    let steps = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws");
    run.undo = vec![UndoStep { moves_traffic: true, ..steps[0].clone() }].into();
    run.undo_mut()[0].progress.attempts = 1;
    for (now, primary) in
        [(1_000, Tristate::No), (2_000, Tristate::Yes), (3_000, Tristate::Yes), (4_000, Tristate::Yes)]
    {
        let seen = Observation {
            looked: Some(at(now)),
            undone: vec![StepObservation::Done],
            answers: vec![(0, answer(now, primary))],
            ..Observation::default()
        };
        run = step(&run, &seen, at(now)).0;
    }
    assert_eq!(run.times.failed_back, Some(Measured::ours(at(2_000), 1_000)));
}
