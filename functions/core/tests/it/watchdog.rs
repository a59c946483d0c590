//! Watchdog: a tick finishes the runs whose owner is gone, and never injects.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use firedrill_core::{
    CallOutcome, Outcome, Run, Verdict,
    engine::Engine,
    evidence::Evidence,
    instance::undo,
    millis,
    ports::StoreError,
    request::Mode,
    run::{OwnerId, Phase, RunId, StepState},
    timing::Timing,
    watchdog::{MAX_CONCURRENT_RUNS, Tick},
};
use futures_util::future::{join, join_all};

use crate::{
    common::{at, injected, request, run, timing},
    fakes::{Machine, World},
};

const TICK_TIME: Duration = Duration::from_secs(280);

/// A run whose target is down and whose owner died, or released the lease (`None`).
fn abandoned_run(world: &World, name: &str, owner: Option<&str>) -> RunId {
    let id = RunId(format!("staging/bookstore/d/{name}"));
    let mut run = run();
    run.run_id = id.clone();
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.owner = owner.map(|owner| OwnerId(owner.to_owned()));
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.injection = Some(injected(&run).into());
    run.unwell_since = Some(at(0));
    world.targets.down.borrow_mut().insert(id.clone(), 0);
    world.table.put(&run, Some(request()));
    id
}

fn is_restored(world: &World, id: &RunId) -> bool {
    !world.targets.down.borrow().contains_key(id) && world.table.head(id).phase == Phase::Finished
}

#[test]
fn a_run_that_was_released_is_finished_from_its_undo_without_waiting() {
    let world = World::new();
    let id = abandoned_run(&world, "released", None);
    let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert_eq!((ticked.open, ticked.finished, ticked.busy), (1, 1, 0));
    assert!(is_restored(&world, &id));
    assert!(world.targets.undone.borrow()[0].0 < 1_000, "it waited");
    let run = world.table.head(&id);
    assert_eq!(run.finished_by, Some(OwnerId("watchdog".to_owned())));
    assert_eq!(run.outcome, Some(Outcome::Recovered), "the verdict of the run that was begun");
}

#[test]
fn a_holder_that_died_is_waited_for_whatever_its_clock_or_ours_says() {
    for off in [-86_400_000, 0, 86_400_000] {
        let world = World::new();
        let id = abandoned_run(&world, "dead", Some("starter"));
        world.time.run(world.tick("watchdog", TICK_TIME, off)).unwrap();
        assert!(is_restored(&world, &id), "{off}");
        let takeover = millis(timing().takeover());
        let first = world.targets.undone.borrow()[0].0;
        assert!(
            (takeover..takeover + millis(2 * timing().renew)).contains(&first),
            "{off}: undone at {first}"
        );
    }
}

#[test]
fn a_run_that_somebody_saves_is_left_alone() {
    let world = World::new();
    let id = abandoned_run(&world, "held", Some("starter"));
    let ticked = world.time.run(async {
        let ticked = world.tick("watchdog", TICK_TIME, 0);
        let holder = async {
            for _ in 0..100 {
                world.time.sleep(timing().renew).await;
                let mut run = world.table.head(&id);
                run.version += 1;
                world.table.put(&run, None);
            }
        };
        join(ticked, holder).await.0.unwrap()
    });
    assert_eq!((ticked.busy, ticked.finished), (1, 0));
    assert!(world.targets.undone.borrow().is_empty());
    assert_eq!(world.table.head(&id).owner, Some(OwnerId("starter".to_owned())));
}

#[test]
fn nothing_is_injected_by_the_watchdog_wherever_a_run_was_left() {
    for phase in [Phase::Checking, Phase::Injecting, Phase::Recovering, Phase::RollingBack, Phase::Verifying]
    {
        for (outcome, down) in [
            (None, false),
            (None, true),
            (Some(CallOutcome::Done), true),
            (Some(throttled()), false),
            (Some(CallOutcome::Unknown { message: "m".to_owned() }), true),
        ] {
            let world = World::new();
            let id = abandoned_run(&world, "r", None);
            let mut run = world.table.head(&id);
            run.phase = phase;
            run.verdict = None;
            run.mode = Mode::Stop;
            run.injection_mut().unwrap().calls[0].outcome = outcome;
            if phase == Phase::Checking {
                run.injection = None;
                run.undo_mut().clear();
            }
            if phase == Phase::Checking || !down {
                world.targets.down.borrow_mut().clear();
            }
            world.table.put(&run, None);
            world.time.run(world.tick_until_nothing_is_open());
            assert!(is_restored(&world, &id), "{phase}");
            assert!(world.targets.injected.borrow().is_empty(), "{phase}: the watchdog injected");
            let tried = world.table.evidence.borrow().iter().any(
                |item| matches!(item, Evidence::Call { decision, .. } if decision.starts_with("inject")),
            );
            assert!(!tried, "{phase}: the watchdog tried to inject");
        }
    }
}

fn throttled() -> CallOutcome {
    CallOutcome::NotExecuted { code: "Throttling".to_owned(), message: "m".to_owned(), again: true }
}

#[test]
fn none_of_a_thousand_open_runs_is_starved_by_others_that_hang() {
    for (owner, seed) in [(None, 0), (Some("starter"), 1)] {
        let world = World::new();
        let ids: Vec<RunId> = (0..1_000).map(|n| abandoned_run(&world, &format!("{n:04}"), owner)).collect();
        // Enough to fill every slot twice.
        let hangs = |n: usize| (n * 7 + seed).is_multiple_of(10);
        for (n, id) in ids.iter().enumerate().filter(|(n, _)| hangs(*n)) {
            let how = if n % 20 < 10 { &world.targets.blind } else { &world.targets.mute };
            how.borrow_mut().insert(id.clone());
        }
        let stuck = (0..ids.len()).filter(|n| hangs(*n)).count();
        assert!(stuck >= 2 * MAX_CONCURRENT_RUNS);
        let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
        let limit = TICK_TIME + timing().call_deadline * 4;
        assert!(Duration::from_millis(world.time.now()) < limit, "the tick took {} ms", world.time.now());
        for (_, id) in ids.iter().enumerate().filter(|(n, _)| !hangs(*n)) {
            assert!(!world.targets.down.borrow().contains_key(id), "{id}");
        }
        // Where the holder died, its last call may still be executed for a while: until then each tick hands the run over.
        let came_to = if owner.is_some() { ticked.handed_over } else { ticked.finished };
        assert_eq!((came_to, ticked.failed.len()), (1_000 - stuck as u64, stuck));
    }
}

#[test]
fn a_run_that_panics_keeps_no_other_from_being_finished() {
    let world = World::new();
    let (bad, good) = (abandoned_run(&world, "bad", None), abandoned_run(&world, "good", None));
    world.targets.poison.borrow_mut().insert(bad.clone());
    let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert!(is_restored(&world, &good) && !is_restored(&world, &bad));
    assert_eq!(
        ticked.failed,
        [(bad, "continuing it panicked: nothing more is done for it in this tick".to_owned())]
    );
}

#[test]
fn a_head_of_an_unknown_layout_is_never_touched_and_keeps_no_other_from_being_finished() {
    let world = World::new();
    let (later, known) = (abandoned_run(&world, "later", None), abandoned_run(&world, "known", None));
    world.table.later.borrow_mut().insert(later.clone());
    let before = world.table.head(&later);
    let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert!(is_restored(&world, &known));
    assert_eq!(world.table.head(&later), before);
    assert!(world.targets.undone.borrow().iter().all(|(_, _, id)| *id == known));
    assert_eq!((ticked.failed.len(), ticked.unreadable_runs), (1, 1));
    assert!(ticked.failed[0].1.contains("layout 2"), "{:?}", ticked.failed);
}

#[test]
fn a_head_that_is_refused_never_makes_a_tick_last() {
    for (refusals, restored) in [(1, true), (u32::MAX, false)] {
        let world = World::new();
        let id = abandoned_run(&world, "r", None);
        let left = Cell::new(refusals);
        world.table.before_each_call(move |_, call| {
            let refused = call == "load" && left.get() > 0;
            left.set(left.get().saturating_sub(u32::from(refused)));
            refused.then(|| StoreError::Refused("it is denied".to_owned()))
        });
        let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
        assert_eq!(is_restored(&world, &id), restored, "one more look is worth it: {ticked:?}");
        let failed = u64::from(!restored);
        assert_eq!((ticked.failed.len() as u64, ticked.unreadable_runs), (failed, failed), "{ticked:?}");
        if !restored {
            let most = millis(2 * timing().renew);
            assert!(world.time.now() < most, "the tick took {} ms", world.time.now());
        }
    }
}

#[test]
fn the_heartbeat_is_never_kept_waiting_by_a_run() {
    let world = World::new();
    world.table.heartbeat.set(None);
    abandoned_run(&world, "r", Some("starter"));
    let calls = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&calls);
    world.table.before_each_call(move |_, call| {
        seen.borrow_mut().push(call.to_owned());
        None
    });
    let machine = Machine::new(&world.time);
    let drills = world.drills(&machine);
    let watchdog = world.watchdog(&machine, &drills);
    let round = world.time.run(watchdog.begin_tick()).unwrap();
    assert!(round.has_beaten() && world.table.heartbeat.get().is_some());
    assert_eq!(*calls.borrow(), ["open", "write_heartbeat"], "no run was looked at yet");
    world.table.before_each_call(|_, call| {
        (call == "write_heartbeat").then(|| StoreError::Refused("no".to_owned()))
    });
    assert!(!world.time.run(watchdog.begin_tick()).unwrap().has_beaten());
}

/// What an alarm on the runs that could not be continued evaluates: the lowest and the highest count of each minute in which
/// a tick ended. A tick begins every minute, with the stack's default timing.
fn failed_by_minute(world: &World, meanwhile: impl Future<Output = ()>) -> BTreeMap<u64, (usize, usize)> {
    let seen = RefCell::new(BTreeMap::new());
    let ticks = (0..30_u64).map(|number| {
        let seen = &seen;
        async move {
            world.time.sleep(Duration::from_mins(number)).await;
            let machine = Machine::new(&world.time);
            let drills = world.drills(&machine);
            let watchdog = Engine { timing: Timing::DEFAULT, ..world.watchdog(&machine, &drills) };
            let owner = OwnerId(format!("tick {number}"));
            let this = Tick { owner, ends_at: Duration::from_mins(4) };
            let ticked = watchdog.tick(&this).await.unwrap();
            let mut seen = seen.borrow_mut();
            let count = ticked.failed.len();
            let (lowest, highest) = seen.entry(world.time.now() / 60_000).or_insert((count, count));
            (*lowest, *highest) = (count.min(*lowest), count.max(*highest));
        }
    });
    world.time.run(join(join_all(ticks), meanwhile));
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
    for hangs in [false, true] {
        let world = World::new();
        let id = abandoned_run(&world, "bad", None);
        let how = if hangs { &world.targets.blind } else { &world.targets.poison };
        how.borrow_mut().insert(id);
        let failed = failed_by_minute(&world, async {});
        assert!(failed.values().any(|(lowest, _)| *lowest == 0), "the lowest count would do: {failed:?}");
        assert!(most_of_ten(&failed) >= DATAPOINTS_TO_ALARM, "hangs: {hangs}: {failed:?}");
    }
}

#[test]
fn a_run_that_is_continued_after_one_crash_never_raises_the_abandoned_runs_alarm() {
    for hangs in [false, true] {
        let world = World::new();
        let id = abandoned_run(&world, "bad", None);
        let how = if hangs { &world.targets.blind } else { &world.targets.poison };
        how.borrow_mut().insert(id.clone());
        let failed = failed_by_minute(&world, async {
            world.time.sleep(Duration::from_secs(30)).await;
            how.borrow_mut().clear();
        });
        assert!(is_restored(&world, &id));
        assert_eq!(most_of_ten(&failed), 1, "hangs: {hangs}: {failed:?}");
    }
}

#[test]
fn a_request_that_cannot_be_read_keeps_no_run_from_being_rolled_back() {
    let world = World::new();
    let gone = abandoned_run(&world, "gone", None);
    let odd = abandoned_run(&world, "odd", None);
    world.table.requests.borrow_mut().remove(&gone);
    let mut first = true;
    world.table.before_each_call(move |_, call| {
        let refused = call == "request" && std::mem::take(&mut first);
        refused.then(|| StoreError::Refused("it is of another version".to_owned()))
    });
    world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert!(is_restored(&world, &gone) && is_restored(&world, &odd));
}

#[test]
fn a_recovering_run_whose_request_cannot_be_read_is_never_continued_without_its_stop_conditions() {
    for lost in [false, true] {
        let world = World::new();
        let id = abandoned_run(&world, "r", Some("starter"));
        let mut run = world.table.head(&id);
        run.phase = Phase::Recovering;
        run.verdict = None;
        run.unwell_since = None;
        world.table.put(&run, None);
        if lost {
            world.table.requests.borrow_mut().remove(&id);
        } else {
            world.table.before_each_call(|_, call| {
                (call == "request").then(|| StoreError::Refused("it is of another version".to_owned()))
            });
        }
        world.time.run(world.tick_until_nothing_is_open());
        assert!(is_restored(&world, &id));
        let run = world.table.head(&id);
        assert_eq!((run.verdict, run.outcome), (Some(Verdict::Stopped), Some(Outcome::Stopped)), "{run:#?}");
        let reason = run.reason.as_deref().unwrap();
        assert!(reason.contains("request cannot be read"), "lost: {lost}: {reason}");
        assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
        assert!(run.times.steady_again.is_some(), "{:#?}", run.times);
        assert!(world.targets.injected.borrow().is_empty());
        // Stopped by the first look: no owner waited for a recovery meanwhile.
        let history = world.table.history.borrow();
        let continued = history.iter().filter(|(_, run)| {
            run.phase == Phase::Recovering && run.owner.as_ref().is_some_and(|owner| owner.0 != "starter")
        });
        assert!(continued.count() <= 1, "only the save that took the lease over");
    }
}

#[test]
fn there_is_no_heartbeat_when_the_open_runs_cannot_be_listed() {
    let world = World::new();
    world.table.heartbeat.set(None);
    abandoned_run(&world, "r", None);
    world.table.before_each_call(|_, call| (call == "open").then(|| StoreError::Unknown("away".to_owned())));
    assert_eq!(
        world.time.run(world.tick("watchdog", TICK_TIME, 0)),
        Err(StoreError::Unknown("away".to_owned()))
    );
    assert_eq!(world.table.heartbeat.get(), None);
    world.table.before_each_call(|_, call| {
        (call == "write_heartbeat").then(|| StoreError::Refused("no".to_owned()))
    });
    let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert_eq!(
        ticked.heartbeat_error,
        Some(StoreError::Refused("no".to_owned())),
        "the summary tells that there is no heartbeat"
    );
    assert_eq!(ticked.finished, 1, "and rolls back all the same");
}

#[test]
fn a_rollback_goes_on_while_the_store_is_away() {
    let world = World::new();
    let id = abandoned_run(&world, "r", None);
    world.targets.start_takes.set(Duration::from_secs(2));
    let claimed = Rc::new(Cell::new(false));
    let away_until = 12_000;
    let time = Rc::clone(&world.time);
    world.table.before_each_call(move |_, call| {
        // The first save makes the run ours.
        if call == "save" && !claimed.replace(true) {
            return None;
        }
        let away = claimed.get() && time.now() < away_until;
        away.then(|| StoreError::Unknown("away".to_owned()))
    });
    world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert!(world.targets.undone.borrow()[0].0 < 2_000, "it waited for the store");
    assert!(is_restored(&world, &id), "and recorded when it returned");
    assert!(world.table.first(Phase::Finished).unwrap() >= away_until);
}

#[test]
fn a_store_that_fails_once_at_any_call_leaves_nothing_undone() {
    for lost_after in [false, true] {
        for nth in 0.. {
            let world = World::new();
            let id = abandoned_run(&world, "r", Some("starter"));
            let seen = Rc::new(Cell::new(0));
            let count = Rc::clone(&seen);
            world.table.before_each_call(move |table, call| {
                let hit = count.replace(count.get() + 1) == nth;
                if hit && lost_after && matches!(call, "save" | "finish") {
                    // The answer is lost: the head is saved, and its sender does not know.
                    table.lose_the_answer();
                    return None;
                }
                hit.then(|| StoreError::Unknown("simulated".to_owned()))
            });
            let first = world.time.run(world.tick("first", TICK_TIME, 0));
            if seen.get() <= nth {
                assert!(nth > 20, "only {nth} calls were failed");
                break;
            }
            assert!(first.is_ok() || nth == 0, "call {nth} failed: {first:?}");
            world.time.run(world.tick("next", TICK_TIME, 0)).unwrap();
            assert!(is_restored(&world, &id), "call {nth} failed, lost after: {lost_after}");
        }
    }
}

#[test]
fn two_ticks_that_overlap_never_both_act() {
    for (owner, apart) in [None, Some("starter")].into_iter().flat_map(|o| (0..40).map(move |ms| (o, ms))) {
        let world = World::new();
        let ids: Vec<RunId> = (0..20).map(|n| abandoned_run(&world, &format!("{n}"), owner)).collect();
        world.targets.start_takes.set(Duration::from_secs(3));
        world.time.run(async {
            let second = async {
                world.time.sleep(Duration::from_millis(apart)).await;
                world.tick("second", TICK_TIME, 0).await
            };
            let (first, second) = join(world.tick("first", TICK_TIME, 0), second).await;
            assert!(first.is_ok() && second.is_ok());
        });
        for id in &ids {
            assert!(is_restored(&world, id));
            let undone = world.targets.undone.borrow();
            let by: Vec<&String> = undone.iter().filter(|(_, _, of)| of == id).map(|(_, by, _)| by).collect();
            assert_eq!(by.len(), 1, "{apart} ms apart: {id} was undone by {by:?}");
        }
    }
}

#[test]
fn held_runs_and_failed_rollbacks_are_counted_whichever_invocation_owns_them() {
    let world = World::new();
    let held = abandoned_run(&world, "held", None);
    let failed = abandoned_run(&world, "failed", None);
    let change = |id: &RunId, change: &dyn Fn(&mut Run)| {
        let mut run = world.table.head(id);
        change(&mut run);
        world.table.put(&run, None);
    };
    change(&held, &|run| {
        run.phase = Phase::Held;
        run.undo_mut()[0].moves_traffic = true;
    });
    change(&failed, &|run| run.outcome = Some(Outcome::RollbackFailed));
    world.targets.mute.borrow_mut().insert(failed.clone());
    let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert_eq!((ticked.held, ticked.rollback_failed), (1, 1));
    // Once its calls are answered again, the run restores itself and finishes, with the first tick after the longest pause
    // between two attempts.
    world.targets.mute.borrow_mut().clear();
    world.time.run(world.time.sleep(Duration::from_mins(5)));
    let ticked = world.time.run(world.tick("watchdog", TICK_TIME, 0)).unwrap();
    assert_eq!((ticked.held, ticked.rollback_failed, ticked.finished), (1, 0, 1));
    assert_eq!(world.table.head(&failed).outcome, Some(Outcome::RollbackFailed), "it never counts as a pass");
}

/// A rollback does not wait for the store, so calls of a dead holder may not be on record.
#[test]
fn a_run_whose_holder_died_is_never_finished_while_a_call_of_that_one_may_land() {
    let world = World::new();
    let id = abandoned_run(&world, "dead", Some("starter"));
    world.time.run(world.tick_until_nothing_is_open());
    let run = world.table.head(&id);
    let taken = millis(timing().takeover());
    let finished = run.times.finished.unwrap().millis_since(at(0));
    assert!(is_restored(&world, &id));
    assert!(finished >= taken + millis(timing().settle), "finished after {finished} ms");
}
