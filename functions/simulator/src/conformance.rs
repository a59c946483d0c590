//! Conformance suite of every drill. A run is played undisturbed; its calls, its reads and writes of the table and its
//! looks are counted; then each of them fails, one after the other, in each way in which it can.

use firedrill_core::{Outcome, Phase, Timestamp, Verdict, kind::DrillKind, run::StepState};

use crate::{
    event::Event,
    event_queue::Due,
    executor,
    history::{HORIZON, History, collect, play, set_up},
    oracle,
    planned_fault::{FaultEffect, FaultPoint, PlannedFault},
    scenario::{Failover, Scenario},
    store::lock_of,
    world::{BEGINS, World},
};

/// How long every look answers unknown, in milliseconds: longer than a run waits for recovery.
const BLIND_FOR: u64 = 300_000;
/// The longest time between a look and the decision that rests on it, in milliseconds: AWS is read every five seconds.
const A_LOOK: u64 = 7_500;

/// A drill kind, with a scenario in which nothing goes wrong.
pub struct Subject {
    name: String,
    scenario: Scenario,
    undisturbed: History,
}

impl Subject {
    /// The first history of this drill kind in which nothing goes wrong and the application recovers.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(kind: DrillKind, fits: impl Fn(&Failover) -> bool) -> Self {
        let drawn = (0..100_000).map(|seed| Scenario::draw(kind, seed));
        // An alarm that goes off again by what the failover cut is a real one unless recovery is seen soon: a fault may hide that.
        let quiet = |failover: &Failover| fits(failover) && !failover.alarm_sees_cuts;
        let calm = drawn.filter(|scenario| scenario.is_undisturbed() && quiet(&scenario.failover));
        let played = calm.map(|scenario| (play(scenario.clone()), scenario));
        let (undisturbed, scenario) = played
            .into_iter()
            .find(|(history, _)| {
                history.run.as_ref().is_some_and(|run| run.outcome == Some(Outcome::Recovered))
            })
            .expect("a history of this drill in which nothing goes wrong");
        Self { name: format!("{}, seed {}", kind.row().target, scenario.seed), scenario, undisturbed }
    }

    /// A run injects at most once, whatever call fails in whatever way, and the injection is undone. Answers
    /// how many histories were played.
    ///
    /// # Errors
    /// The planned fault, and what is wrong with the history.
    pub fn rolls_back_whatever_call_fails(&self) -> Result<u32, String> {
        let mut played = 0;
        for point in [FaultPoint::Call, FaultPoint::Read, FaultPoint::Write] {
            for nth in 0..self.undisturbed.counted[point as usize] {
                for effect in point.effects() {
                    played += 1;
                    self.fails(PlannedFault { point, nth, effect: *effect, lasts: 0 }, is_rolled_back)?;
                }
            }
        }
        Ok(played)
    }

    /// Unknown is never taken for yes: nothing is injected, no recovery is decided, nothing is restored, no traffic
    /// is moved.
    ///
    /// # Errors
    /// The look, and what is wrong with the history.
    pub fn takes_no_unknown_for_yes(&self) -> Result<u32, String> {
        let looks = self.undisturbed.counted[FaultPoint::Look as usize];
        for nth in 0..looks {
            let fault =
                |lasts| PlannedFault { point: FaultPoint::Look, nth, effect: FaultEffect::Unknown, lasts };
            self.fails(fault(0), is_rolled_back)?;
            // Operators who are paged may take the rest over.
            self.fails(fault(BLIND_FOR), |history| {
                oracle::check(history).and_then(|()| nothing_moved_while_blind(history))
            })?;
        }
        Ok(2 * looks)
    }

    /// A rollback of a run that was rolled back already, without a record of it, succeeds and moves nothing.
    ///
    /// # Errors
    /// What is wrong with the history.
    pub fn rolls_back_twice(&self) -> Result<(), String> {
        let fail = |what: String| Err(format!("{}, rolled back again: {what}", self.name));
        let (world, mut actors) = set_up(self.scenario.clone());
        executor::run(&world.now, BEGINS + HORIZON, &mut actors);
        let before = world.log.borrow().len();
        forget_the_rollback(&world);
        world.schedule(1_000, Due::Tick);
        executor::run(&world.now, BEGINS + 2 * HORIZON, &mut actors);
        let again = world.log.borrow()[before..].to_vec();
        let history = collect(&world);
        let moved = |what: &Event| {
            matches!(
                what,
                Event::InjectSent { .. }
                    | Event::Injected
                    | Event::UndoSent { .. }
                    | Event::Undone
                    | Event::MovedBack
                    | Event::FailedOver { .. }
            )
        };
        if let Some(logged) = again.iter().find(|logged| moved(&logged.what)) {
            return fail(format!("{} at {}", logged.what, logged.at));
        }
        if !again.iter().any(|logged| logged.what == Event::Finished { back: true, served: true }) {
            return fail("it was not finished again".to_owned());
        }
        // Everything about the end of a run is on record twice.
        let results = history.results.iter().skip(1).cloned().collect();
        is_rolled_back(&History { finishes: history.finishes - 1, results, ..history }).or_else(fail)
    }

    fn fails(
        &self,
        fault: PlannedFault,
        check: impl Fn(&History) -> Result<(), String>,
    ) -> Result<(), String> {
        let history = play(Scenario { fault: Some(fault), ..self.scenario.clone() });
        if history.failing_since.is_none() {
            return Err(format!("{}, {fault:?}: nothing failed", self.name));
        }
        check(&history).map_err(|what| format!("{}, {fault:?}: {what}", self.name))
    }
}

/// The oracle accepts the history, its run is finished, and the application is as before.
fn is_rolled_back(history: &History) -> Result<(), String> {
    oracle::check(history)?;
    let Some(run) = &history.run else { return Ok(()) };
    if run.phase != Phase::Finished {
        return Err(format!("it is still {}", run.phase));
    }
    if history.down || !history.healthy {
        return Err("the application is not as it was".to_owned());
    }
    Ok(())
}

/// Nothing was injected, decided or moved while every look answered unknown.
fn nothing_moved_while_blind(history: &History) -> Result<(), String> {
    let Some(since) = history.failing_since else { return Ok(()) };
    let until = since.plus_millis(BLIND_FOR);
    let of_instances = history.scenario.kind == DrillKind::Instance;
    let injected = |by: Timestamp| {
        history.log.iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }) && logged.at < by)
    };
    let left_to_operators =
        history.log.iter().any(|logged| logged.what == Event::Released { fail_back: false });
    for logged in
        history.log.iter().filter(|logged| logged.at > since.plus_millis(A_LOOK) && logged.at < until)
    {
        match logged.what {
            Event::InjectSent { .. } => {
                return Err(format!(
                    "it was injected at {}, and every look answered unknown since {since}",
                    logged.at
                ));
            }
            // An operator may have taken the rest over.
            Event::Finished { .. } if injected(since) && !left_to_operators => {
                return Err(format!(
                    "it was finished at {}, and every look answered unknown since {since}",
                    logged.at
                ));
            }
            Event::UndoSent { .. } if !of_instances => {
                return Err(format!(
                    "traffic was moved at {}, and every look answered unknown since {since}",
                    logged.at
                ));
            }
            _ => {}
        }
    }
    let Some(run) = &history.run else { return Ok(()) };
    let recovered = matches!(run.verdict, Some(Verdict::Recovered | Verdict::ObjectiveMissed));
    match run.times.rollback_started_at {
        Some(at) if recovered && at > since.plus_millis(A_LOOK) => {
            Err(format!("it recovered by {at}, and every look answered unknown since {since}"))
        }
        _ => Ok(()),
    }
}

/// Resets the head to the beginning of its rollback: the success of the rollback was never saved.
fn forget_the_rollback(world: &World) {
    let mut table = world.table.borrow_mut();
    let Some(run) = table.heads.first_mut() else { return };
    run.phase = Phase::RollingBack;
    run.outcome = None;
    run.version += 1;
    run.finished_by = None;
    run.unwell_since = Some(world.time());
    for step in run.undo_mut().iter_mut() {
        step.progress.state = StepState::Open;
    }
    let (id, trigger, lock) = (run.run_id.clone(), run.trigger.clone(), lock_of(run));
    table.locks.insert(lock, id.clone());
    if let Some((_, over)) = table.index.get_mut(&id) {
        *over = None;
    }
    drop(table);
    if let Some(trigger) = trigger {
        world.cloud.borrow_mut().holders.insert(trigger.alarm_arn.clone(), id);
    }
}
