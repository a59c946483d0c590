//! Watchdog: a tick finishes the runs whose owner is gone, and never injects.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use firedrill_core::{
    CallOutcome, Outcome, Phase, Verdict, millis,
    ports::StoreError,
    run::{OwnerId, RunId, StepState},
    watchdog::MAX_CONCURRENT_RUNS,
};
use firedrill_simulator::{ALWAYS, Event, FaultEffect, FaultPoint, Scenario, Stage};
use futures_util::future::{join, join_all};

use super::common::{
    TICK_TIME, TIMING, abandoned_run, anybody_tried_to_inject, head, injected_run, injects, is_restored,
    moments, play, tick_until_nothing_is_open, undoes, undone_by, until,
};

/// What the store says when it gives no answer.
fn no_answer() -> StoreError {
    StoreError::Unknown("simulated".to_owned())
}

/// What the store says when it refuses a call.
fn refusal() -> StoreError {
    StoreError::Refused("simulated".to_owned())
}

#[test]
fn a_run_that_was_released_is_finished_from_its_undo_without_waiting() {
    play(
        |_| {},
        async |at: Stage| {
            let id = abandoned_run(&at, 0, None);
            let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            assert_eq!((ticked.open, ticked.finished, ticked.busy), (1, 1, 0));
            assert!(is_restored(&at, 0));
            assert!(moments(&at, undoes)[0] < 1_000, "it waited");
            let run = head(&at, &id);
            assert_eq!(run.finished_by, Some(OwnerId("watchdog".to_owned())));
            assert_eq!(run.outcome, Some(Outcome::Recovered), "the verdict of the run that was begun");
        },
    );
}

#[test]
fn a_holder_that_died_is_waited_for_whatever_its_clock_or_ours_says() {
    for off in [-86_400_000, 0, 86_400_000] {
        play(
            |_| {},
            async move |at: Stage| {
                abandoned_run(&at, 0, Some("starter"));
                for number in 0..6 {
                    at.tick_off_by(off, &format!("tick {number}"), TICK_TIME).await.unwrap();
                }
                assert!(is_restored(&at, 0), "{off}");
                let takeover = millis(TIMING.takeover());
                let first = moments(&at, undoes)[0];
                assert!(
                    (takeover..takeover + millis(2 * TIMING.renew)).contains(&first),
                    "{off}: undone at {first}"
                );
            },
        );
    }
}

#[test]
fn a_run_that_somebody_saves_is_left_alone() {
    play(
        |_| {},
        async |at: Stage| {
            let id = abandoned_run(&at, 0, Some("starter"));
            let holder = async {
                for _ in 0..100 {
                    at.wait(TIMING.renew).await;
                    let mut run = head(&at, &id);
                    run.version += 1;
                    at.put(&run, None);
                }
            };
            let ticked = join(at.tick("watchdog", TICK_TIME), holder).await.0.unwrap();
            assert_eq!((ticked.busy, ticked.finished), (1, 0));
            assert!(moments(&at, undoes).is_empty());
            assert_eq!(head(&at, &id).owner, Some(OwnerId("starter".to_owned())));
        },
    );
}

/// A run that was left in this phase, with this outcome of its one injecting call, and perhaps with its instance down, is
/// finished by the watchdog without an injection.
fn is_finished_without_an_injection(phase: Phase, outcome: Option<CallOutcome>, down: bool) {
    play(
        |_| {},
        async move |at: Stage| {
            let mut run = injected_run(&at, 0);
            run.phase = phase;
            run.owner = None;
            run.unwell_since = Some(Stage::moment(0));
            run.injection_mut().unwrap().calls[0].outcome = outcome;
            if phase == Phase::Checking {
                run.injection = None;
                run.undo_mut().clear();
            }
            if phase != Phase::Checking && down {
                at.leave_stopped(0);
            }
            at.put(&run, None);
            tick_until_nothing_is_open(&at).await;
            assert!(is_restored(&at, 0), "{phase}");
            assert!(moments(&at, injects).is_empty(), "{phase}: the watchdog injected");
            assert!(!anybody_tried_to_inject(&at), "{phase}: the watchdog tried to inject");
        },
    );
}

#[test]
fn nothing_is_injected_by_the_watchdog_wherever_a_run_was_left() {
    let throttled =
        || CallOutcome::NotExecuted { code: "Throttling".to_owned(), message: "m".to_owned(), again: true };
    for phase in [Phase::Checking, Phase::Injecting, Phase::Recovering, Phase::RollingBack, Phase::Verifying]
    {
        for (outcome, down) in [
            (None, false),
            (None, true),
            (Some(CallOutcome::Done), true),
            (Some(throttled()), false),
            (Some(CallOutcome::Unknown { message: "m".to_owned() }), true),
        ] {
            is_finished_without_an_injection(phase, outcome, down);
        }
    }
}

/// So many instances, which start within three seconds.
fn instances(number: usize) -> impl FnOnce(&mut Scenario) {
    move |scenario| {
        scenario.fleet.fit = number;
        scenario.fleet.start_takes = 0;
    }
}

#[test]
fn none_of_a_thousand_open_runs_is_starved_by_others_that_hang() {
    const RUNS: usize = 1_000;
    for (owner, seed) in [(None, 0), (Some("starter"), 1)] {
        play(instances(RUNS), async move |at: Stage| {
            // Enough to fill every slot twice.
            let hangs = |n: usize| (n * 7 + seed).is_multiple_of(10);
            for n in 0..RUNS {
                let id = abandoned_run(&at, n, owner);
                match (hangs(n), n % 20 < 10) {
                    (true, true) => at.fault_of(&id, "drill:observe", FaultEffect::Hangs),
                    (true, false) => at.fault_of(&id, "ec2:StartInstances", FaultEffect::DiesBefore),
                    (false, _) => {}
                }
            }
            let stuck = (0..RUNS).filter(|n| hangs(*n)).count();
            assert!(stuck >= 2 * MAX_CONCURRENT_RUNS);
            let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            let limit = millis(TICK_TIME + TIMING.call_deadline * 4);
            assert!(at.elapsed() < limit, "the tick took {} ms", at.elapsed());
            let stays_down = || (0..RUNS).filter(|n| !hangs(*n) && !at.is_running(*n)).count();
            // What was started at the end of the tick runs a little later.
            at.wait(Duration::from_secs(3)).await;
            let down = stays_down();
            let next = at.tick("next", TICK_TIME).await.unwrap();
            if owner.is_some() {
                // Holders that died are waited for, so that time may not suffice for the last ones: the next tick continues
                // them. Their last calls may still be executed for a while: each tick hands the runs over.
                assert!(down < RUNS / 20, "{down} of them were not reached by the first tick");
                assert_eq!((ticked.finished, ticked.busy), (0, 0));
                at.wait(Duration::from_secs(3)).await;
                assert_eq!(stays_down(), 0, "not reached by two ticks");
            } else {
                assert_eq!(down, 0, "not reached by the first tick");
                assert_eq!(ticked.finished + ticked.handed_over, (RUNS - stuck) as u64);
                // What was restored and not yet verified when its share of the tick was over is finished by the next one.
                assert_eq!((next.finished, next.failed.len()), (ticked.handed_over, stuck));
            }
        });
    }
}

/// The look at instance 0 panics, always or until 30 seconds have passed.
fn panics(scenario: &mut Scenario) {
    scenario.overrides().instance = Some(|instance, _| assert_ne!(instance.id, Stage::instance(0)));
}

fn panics_at_first(scenario: &mut Scenario) {
    scenario.overrides().instance =
        Some(|instance, elapsed| assert!(elapsed >= 30_000 || instance.id != Stage::instance(0)));
}

#[test]
fn a_run_that_panics_keeps_no_other_from_being_finished() {
    play(panics, async |at: Stage| {
        let bad = abandoned_run(&at, 0, None);
        abandoned_run(&at, 1, None);
        let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
        assert!(is_restored(&at, 1) && !is_restored(&at, 0));
        assert_eq!(
            ticked.failed,
            [(bad, "continuing it panicked: nothing more is done for it in this tick".to_owned())]
        );
    });
}

#[test]
fn a_head_of_an_unknown_layout_is_never_touched_and_keeps_no_other_from_being_finished() {
    play(
        |_| {},
        async |at: Stage| {
            let (later, known) = (abandoned_run(&at, 0, None), abandoned_run(&at, 1, None));
            let mut before = head(&at, &later);
            before.layout = 2;
            at.put(&before, None);
            let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            assert!(is_restored(&at, 1));
            assert_eq!(head(&at, &later), before);
            assert!(undone_by(&at, &later).is_empty() && !undone_by(&at, &known).is_empty());
            assert_eq!((ticked.failed.len(), ticked.unreadable_runs), (1, 1));
            assert!(ticked.failed[0].1.contains("layout 2"), "{:?}", ticked.failed);
        },
    );
}

#[test]
fn a_head_that_is_refused_never_makes_a_tick_last() {
    for (refusals, restored) in [(1, true), (ALWAYS, false)] {
        play(
            |_| {},
            async move |at: Stage| {
                abandoned_run(&at, 0, None);
                at.fault("store:load", refusals, FaultEffect::Denied);
                let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
                assert_eq!(is_restored(&at, 0), restored, "one more look is worth it: {ticked:?}");
                let failed = u64::from(!restored);
                assert_eq!(
                    (ticked.failed.len() as u64, ticked.unreadable_runs),
                    (failed, failed),
                    "{ticked:?}"
                );
                if !restored {
                    let most = millis(2 * TIMING.renew);
                    assert!(at.elapsed() < most, "the tick took {} ms", at.elapsed());
                }
            },
        );
    }
}

#[test]
fn the_heartbeat_is_never_kept_waiting_by_a_run() {
    play(
        |_| {},
        async |at: Stage| {
            at.set_heartbeat(None);
            abandoned_run(&at, 0, Some("starter"));
            let round = at.begin_tick().await.unwrap();
            assert!(round.has_beaten() && at.heartbeat().is_some());
            let calls = FaultPoint::ALL.map(|point| at.operations(point));
            assert_eq!(
                calls,
                [0, 1, 1, 0],
                "the list was read and the heartbeat written: no run was looked at yet"
            );
            at.fault("store:write_heartbeat", ALWAYS, FaultEffect::Denied);
            assert!(!at.begin_tick().await.unwrap().has_beaten());
        },
    );
}

/// How a run goes wrong when it is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Panics,
    Hangs,
}

/// What an alarm on the runs that could not be continued evaluates: the lowest and the highest count of each minute in which
/// a tick ended. A tick begins every minute.
async fn failed_by_minute(at: &Stage, meanwhile: impl Future<Output = ()>) -> BTreeMap<u64, (usize, usize)> {
    let seen = RefCell::new(BTreeMap::new());
    let ticks = (0..30_u64).map(|number| {
        let seen = &seen;
        async move {
            at.wait(Duration::from_mins(number)).await;
            let ticked = at.tick(&format!("tick {number}"), Duration::from_mins(4)).await.unwrap();
            let mut seen = seen.borrow_mut();
            let count = ticked.failed.len();
            let (lowest, highest) = seen.entry(at.elapsed() / 60_000).or_insert((count, count));
            (*lowest, *highest) = (count.min(*lowest), count.max(*highest));
        }
    });
    join(join_all(ticks), meanwhile).await;
    seen.into_inner()
}

/// The alarm `abandoned-runs` of the template: N of M minutes.
const DATAPOINTS_TO_ALARM: usize = 3;
const EVALUATION_PERIODS: u64 = 10;

fn most_of_ten(failed: &BTreeMap<u64, (usize, usize)>) -> usize {
    let breaching = |from: u64| {
        failed.range(from..from + EVALUATION_PERIODS).filter(|(_, (_, highest))| *highest > 0).count()
    };
    failed.keys().map(|from| breaching(*from)).max().unwrap_or_default()
}

#[test]
fn a_run_that_always_crashes_or_hangs_is_never_missed_by_the_abandoned_runs_alarm() {
    for wrong in [Wrong::Panics, Wrong::Hangs] {
        let change = if wrong == Wrong::Panics { panics } else { |_: &mut Scenario| {} };
        play(change, async move |at: Stage| {
            let id = abandoned_run(&at, 0, None);
            if wrong == Wrong::Hangs {
                at.fault_of(&id, "drill:observe", FaultEffect::Hangs);
            }
            let failed = failed_by_minute(&at, async {}).await;
            assert!(failed.values().any(|(lowest, _)| *lowest == 0), "the lowest count would do: {failed:?}");
            assert!(most_of_ten(&failed) >= DATAPOINTS_TO_ALARM, "{wrong:?}: {failed:?}");
        });
    }
}

#[test]
fn a_run_that_is_continued_after_one_crash_never_raises_the_abandoned_runs_alarm() {
    for wrong in [Wrong::Panics, Wrong::Hangs] {
        let change = if wrong == Wrong::Panics { panics_at_first } else { |_: &mut Scenario| {} };
        play(change, async move |at: Stage| {
            let id = abandoned_run(&at, 0, None);
            if wrong == Wrong::Hangs {
                at.fault_of(&id, "drill:observe", FaultEffect::Hangs);
            }
            let failed = failed_by_minute(&at, async {
                at.wait(Duration::from_secs(30)).await;
                at.mend();
            });
            let failed = failed.await;
            assert!(is_restored(&at, 0));
            assert_eq!(most_of_ten(&failed), 1, "{wrong:?}: {failed:?}");
        });
    }
}

#[test]
fn a_request_that_cannot_be_read_keeps_no_run_from_being_rolled_back() {
    play(
        |_| {},
        async |at: Stage| {
            let gone = abandoned_run(&at, 0, None);
            at.lose_request(&gone);
            at.tick("watchdog", TICK_TIME).await.unwrap();
            assert!(is_restored(&at, 0));
            // This one is of another version.
            abandoned_run(&at, 1, None);
            at.fault("store:request", 1, FaultEffect::Denied);
            at.tick("watchdog", TICK_TIME).await.unwrap();
            assert!(is_restored(&at, 1) && at.all_faults_occurred());
        },
    );
}

/// The versions of this head that another owner than `starter` saved while the run was recovering.
async fn continued_recovering(at: &Stage, id: &RunId) -> BTreeSet<u64> {
    let seen = RefCell::new(BTreeSet::new());
    until(at, "rolled back", || {
        let run = head(at, id);
        let is_recovering = run.phase == Phase::Recovering;
        if is_recovering && run.owner != Some(OwnerId("starter".to_owned())) {
            seen.borrow_mut().insert(run.version);
        }
        !is_recovering
    })
    .await;
    seen.into_inner()
}

#[test]
fn a_recovering_run_whose_request_cannot_be_read_is_never_continued_without_its_stop_conditions() {
    for lost in [false, true] {
        play(
            |_| {},
            async move |at: Stage| {
                let id = abandoned_run(&at, 0, Some("starter"));
                let mut run = head(&at, &id);
                run.phase = Phase::Recovering;
                run.verdict = None;
                run.unwell_since = None;
                at.put(&run, None);
                if lost {
                    at.lose_request(&id);
                } else {
                    at.fault("store:request", ALWAYS, FaultEffect::Denied);
                }
                let watched = continued_recovering(&at, &id);
                let ((), continued) = join(tick_until_nothing_is_open(&at), watched).await;
                assert!(is_restored(&at, 0));
                let run = head(&at, &id);
                let ended = (run.verdict, run.outcome);
                assert_eq!(ended, (Some(Verdict::Stopped), Some(Outcome::Stopped)), "{run:#?}");
                let reason = run.reason.as_deref().unwrap();
                assert!(reason.contains("request cannot be read"), "lost: {lost}: {reason}");
                let is_done = run.undo.iter().all(|step| step.progress.state == StepState::Done);
                assert!(is_done, "{:#?}", run.undo);
                assert!(run.times.steady_again.is_some(), "{:#?}", run.times);
                assert!(moments(&at, injects).is_empty());
                // Stopped by the first look: no owner waited for a recovery meanwhile.
                assert!(continued.len() <= 1, "only the save that took the lease over: {continued:?}");
            },
        );
    }
}

#[test]
fn there_is_no_heartbeat_when_the_open_runs_cannot_be_listed() {
    play(
        |_| {},
        async |at: Stage| {
            at.set_heartbeat(None);
            abandoned_run(&at, 0, None);
            at.fault("store:open", ALWAYS, FaultEffect::LostBefore);
            assert_eq!(at.tick("watchdog", TICK_TIME).await, Err(no_answer()));
            assert_eq!(at.heartbeat(), None);
            at.mend();
            at.fault("store:write_heartbeat", ALWAYS, FaultEffect::Denied);
            let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            assert_eq!(
                ticked.heartbeat_error,
                Some(refusal()),
                "the summary tells that there is no heartbeat"
            );
            assert_eq!(ticked.finished, 1, "and rolls back all the same");
        },
    );
}

#[test]
fn a_rollback_goes_on_while_the_store_is_away() {
    const AWAY_UNTIL: u64 = 12_000;
    play(
        |scenario| scenario.fleet.start_takes = 2_000,
        async |at: Stage| {
            let id = abandoned_run(&at, 0, None);
            let away = async {
                // The first save makes the run the watchdog's.
                until(&at, "taken over", || head(&at, &id).owner.is_some()).await;
                at.fault("store", ALWAYS, FaultEffect::LostBefore);
                at.wait(Duration::from_millis(AWAY_UNTIL - at.elapsed())).await;
                at.mend();
            };
            join(at.tick("watchdog", TICK_TIME), away).await.0.unwrap();
            assert!(moments(&at, undoes)[0] < 2_000, "it waited for the store");
            assert!(is_restored(&at, 0), "and recorded when it returned");
            let finished = moments(&at, |event| matches!(event, Event::Finished { .. }));
            assert!(finished[0] >= AWAY_UNTIL);
        },
    );
}

/// A run whose holder died is finished although the nth call to the store fails in this way; whether that call was made.
fn is_finished_whatever_fails(nth: u32, effect: FaultEffect) -> bool {
    let has_failed = Rc::new(Cell::new(false));
    let failed = Rc::clone(&has_failed);
    play(
        |_| {},
        async move |at: Stage| {
            abandoned_run(&at, 0, Some("starter"));
            at.fault_after(nth, "store", 1, effect);
            let first = at.tick("first", TICK_TIME).await;
            failed.set(at.all_faults_occurred());
            at.mend();
            assert!(first.is_ok() || nth == 0, "call {nth} failed: {first:?}");
            tick_until_nothing_is_open(&at).await;
            assert!(is_restored(&at, 0), "call {nth} failed: {effect:?}");
        },
    );
    has_failed.get()
}

#[test]
fn a_store_that_fails_once_at_any_call_leaves_nothing_undone() {
    // In the latter case the head is saved, and its sender does not know.
    for effect in [FaultEffect::LostBefore, FaultEffect::LostAfter] {
        let calls = (0..1_000).take_while(|nth| is_finished_whatever_fails(*nth, effect)).count();
        assert!(calls > 20, "only {calls} calls were failed");
    }
}

#[test]
fn two_ticks_that_overlap_never_both_act() {
    const RUNS: usize = 20;
    let apart = (0..40).map(|number| Duration::from_millis(number * 5));
    for (owner, apart) in
        [None, Some("starter")].into_iter().flat_map(|owner| apart.clone().map(move |it| (owner, it)))
    {
        play(instances(RUNS), async move |at: Stage| {
            let ids: Vec<RunId> = (0..RUNS).map(|n| abandoned_run(&at, n, owner)).collect();
            let second = async {
                at.wait(apart).await;
                at.tick("second", TICK_TIME).await
            };
            let (first, second) = join(at.tick("first", TICK_TIME), second).await;
            assert!(first.is_ok() && second.is_ok());
            tick_until_nothing_is_open(&at).await;
            for (n, id) in ids.iter().enumerate() {
                assert!(is_restored(&at, n));
                let by = undone_by(&at, id);
                assert_eq!(by.len(), 1, "{apart:?} apart: {id} was undone by {by:?}");
            }
        });
    }
}

#[test]
fn held_runs_and_failed_rollbacks_are_counted_whichever_invocation_owns_them() {
    play(
        |_| {},
        async |at: Stage| {
            let held = abandoned_run(&at, 0, None);
            let mut run = head(&at, &held);
            run.phase = Phase::Held;
            run.undo_mut()[0].moves_traffic = true;
            at.put(&run, None);
            let failed = abandoned_run(&at, 1, None);
            let mut run = head(&at, &failed);
            run.outcome = Some(Outcome::RollbackFailed);
            at.put(&run, None);
            at.fault_of(&failed, "ec2:StartInstances", FaultEffect::DiesBefore);
            let ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            assert_eq!((ticked.held, ticked.rollback_failed), (1, 1));
            // Once its calls are answered again, the run restores itself, and finishes when nothing can land any more.
            at.mend();
            let mut ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            while ticked.finished == 0 {
                assert_eq!((ticked.held, ticked.rollback_failed), (1, 1));
                ticked = at.tick("watchdog", TICK_TIME).await.unwrap();
            }
            assert_eq!((ticked.held, ticked.rollback_failed, ticked.finished), (1, 0, 1));
            let outcome = head(&at, &failed).outcome;
            assert_eq!(outcome, Some(Outcome::RollbackFailed), "it never counts as a pass");
        },
    );
}

/// A rollback does not wait for the store, so calls of a dead holder may not be on record.
#[test]
fn a_run_whose_holder_died_is_never_finished_while_a_call_of_that_one_may_land() {
    play(
        |_| {},
        async |at: Stage| {
            let id = abandoned_run(&at, 0, Some("starter"));
            tick_until_nothing_is_open(&at).await;
            let taken = millis(TIMING.takeover());
            let finished = head(&at, &id).times.finished.unwrap().millis_since(Stage::moment(0));
            assert!(is_restored(&at, 0));
            assert!(finished >= taken + millis(TIMING.settle), "finished after {finished} ms");
        },
    );
}
