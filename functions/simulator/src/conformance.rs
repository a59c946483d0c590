//! What every drill has to pass. It is played undisturbed; its calls, its reads and writes of the record and its looks
//! are counted; then each of them fails, one after the other, in each way in which it can.

use firedrill_core::{Outcome, Phase, Timestamp, Verdict, run::StepState};

use crate::{
    event::Event,
    event_queue::Due,
    executor,
    history::{HORIZON, History, ended, play, stage},
    oracle,
    planned_fault::{FaultEffect, FaultPoint, PlannedFault},
    scenario::{Failover, Kind, Scenario},
    world::{BEGINS, World},
};

/// Nothing can be looked at for so long: longer than a run waits for recovery.
const BLIND_FOR: u64 = 300_000;
/// A decision may follow from looks up to this long before it.
const A_LOOK: u64 = 2_500;

/// A drill in a world in which nothing goes wrong.
pub struct Subject {
    name: String,
    scenario: Scenario,
    undisturbed: History,
}

impl Subject {
    /// The first history of this drill in which nothing goes wrong and the application recovers.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn of(kind: Kind, fits: impl Fn(&Failover) -> bool) -> Self {
        let drawn = (0..100_000).map(|seed| Scenario::draw(kind, seed));
        let calm = drawn.filter(|scenario| scenario.is_undisturbed() && fits(&scenario.failover));
        let played = calm.map(|scenario| (play(scenario.clone()), scenario));
        let (undisturbed, scenario) = played
            .into_iter()
            .find(|(history, _)| {
                history.run.as_ref().is_some_and(|run| run.outcome == Some(Outcome::Recovered))
            })
            .expect("a history of this drill in which nothing goes wrong");
        Self { name: format!("{kind:?}, seed {}", scenario.seed), scenario, undisturbed }
    }

    /// A run injects at most once, whatever call fails in whatever way, and what was injected is taken back. Answers
    /// how many histories that took.
    ///
    /// # Errors
    /// The failure, and what became of it.
    pub fn unwinds_at_each_call(&self) -> Result<u32, String> {
        let mut played = 0;
        for point in [FaultPoint::Call, FaultPoint::Read, FaultPoint::Write] {
            for nth in 0..self.undisturbed.counted[point as usize] {
                for effect in point.effects() {
                    played += 1;
                    self.fails(PlannedFault { point, nth, effect: *effect, lasts: 0 }, unwound)?;
                }
            }
        }
        Ok(played)
    }

    /// What a look does not show is never taken for a yes: nothing is injected, nobody has recovered, nothing is
    /// restored, no traffic is moved.
    ///
    /// # Errors
    /// The look, and what was made of it.
    pub fn takes_no_unknown_for_a_yes(&self) -> Result<u32, String> {
        let looks = self.undisturbed.counted[FaultPoint::Look as usize];
        for nth in 0..looks {
            let fault =
                |lasts| PlannedFault { point: FaultPoint::Look, nth, effect: FaultEffect::Unknown, lasts };
            self.fails(fault(0), unwound)?;
            // People who are told that nobody can see may take the rest over.
            self.fails(fault(BLIND_FOR), |history| {
                oracle::check(history).and_then(|()| stood_still(history))
            })?;
        }
        Ok(2 * looks)
    }

    /// Whoever finds a run that was rolled back already, without being able to know it, succeeds, and moves nothing.
    ///
    /// # Errors
    /// What became of it.
    pub fn rolls_back_twice(&self) -> Result<(), String> {
        let fail = |what: String| Err(format!("{}, rolled back again: {what}", self.name));
        let (world, mut actors) = stage(self.scenario.clone());
        executor::run(&world.now, BEGINS + HORIZON, &mut actors);
        let before = world.log.borrow().len();
        forget_the_rollback(&world);
        world.later(1_000, Due::Tick);
        executor::run(&world.now, BEGINS + 2 * HORIZON, &mut actors);
        let again = world.log.borrow()[before..].to_vec();
        let history = ended(&world);
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
        unwound(&History { finishes: history.finishes - 1, ..history }).or_else(fail)
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

impl Scenario {
    /// Whether nothing in it disturbs a run, whenever it ends.
    fn is_undisturbed(&self) -> bool {
        self.is_calm()
            && !(self.ill_at_start || self.refused || self.denied || self.late)
            && self.deliveries == 1
            && self.control_state.is_empty()
            && self.gate_closed.is_none()
            && self.condition_at.is_none()
            && self.unreadable_switch.is_none()
            && self.restored_by_others_at.is_none()
            && self.fleet.replaced_after.is_none()
            && self.fleet.no_capacity.is_none()
            && self.watchdog.away.is_none()
            && self.watchdog.throttled == 0
            && self.watchdog.last_beat.is_some_and(|age| age < 60_000)
            && !(self.failover.function_denied || self.failover.standby_broken)
    }
}

/// Nothing is left of it, as the oracle sees it; and it came to its end.
fn unwound(history: &History) -> Result<(), String> {
    oracle::check(history)?;
    let Some(run) = &history.run else { return Ok(()) };
    if run.phase != Phase::Finished {
        return Err(format!("it is still {}", run.phase));
    }
    if history.down || !history.well {
        return Err("the application is not as it was".to_owned());
    }
    Ok(())
}

/// Nothing went forward while nothing could be seen.
fn stood_still(history: &History) -> Result<(), String> {
    let Some(since) = history.failing_since else { return Ok(()) };
    let until = since.plus_millis(BLIND_FOR);
    let of_instances = history.scenario.kind == Kind::Instances;
    let injected = |by: Timestamp| {
        history.log.iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }) && logged.at < by)
    };
    let left_to_people = history.log.iter().any(|logged| logged.what == Event::Released { fail_back: false });
    for logged in
        history.log.iter().filter(|logged| logged.at > since.plus_millis(A_LOOK) && logged.at < until)
    {
        match logged.what {
            Event::InjectSent { .. } => {
                return Err(format!("it was injected at {}, and nobody could see since {since}", logged.at));
            }
            // A person may have taken the rest over.
            Event::Finished { .. } if injected(since) && !left_to_people => {
                return Err(format!("it was finished at {}, and nobody could see since {since}", logged.at));
            }
            Event::UndoSent { .. } if !of_instances => {
                return Err(format!(
                    "traffic was moved at {}, and nobody could see since {since}",
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
            Err(format!("it recovered by {at}, and nobody could see since {since}"))
        }
        _ => Ok(()),
    }
}

/// The record is as it was when the rollback began: its success was never written down.
fn forget_the_rollback(world: &World) {
    let mut table = world.table.borrow_mut();
    let Some(run) = table.heads.first_mut() else { return };
    run.phase = Phase::RollingBack;
    run.outcome = None;
    run.version += 1;
    run.finished_by = None;
    run.unwell_since = Some(world.time());
    for step in run.undo.iter_mut() {
        step.progress.state = StepState::Open;
    }
    let (id, trigger) = (run.run_id.clone(), run.trigger.is_some());
    table.lock = Some(id.clone());
    table.finished_at = None;
    drop(table);
    if trigger {
        world.cloud.borrow_mut().holder = Some(id);
    }
}
