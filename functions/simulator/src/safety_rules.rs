//! Safety rules: what forbids an injecting call, and whether a stop is missed, judged by the world's state alone.

use firedrill_core::{
    kill_switch::{Scope, Switch},
    millis,
    run::{OwnerId, RunId},
};
use serde_json::Value;

use crate::{
    aws::LookedAt,
    event::Event,
    fault_kind::FaultKind,
    operators::{APPLICATION, DRILL, PlannedCommand, RUN},
    requests::TIMING,
    store::SimulatedTable,
    world::{BEGINS, World},
};

/// How much clocks of machines may differ, in milliseconds: a switch that is about to expire has expired for some.
const MAX_CLOCK_SKEW: i64 = 3_000;

/// Whether a kill switch is engaged for this drill, by every machine's clock.
fn is_engaged(switch: &Switch, now: i64) -> bool {
    let ours = match &switch.scope {
        Scope::Account => true,
        Scope::Application(name) => name == APPLICATION,
        Scope::Drill(key) => key == DRILL,
    };
    ours && switch.until.is_none_or(|until| until.as_millis() > now + MAX_CLOCK_SKEW)
}

impl SimulatedTable {
    /// Since when a stop of the run is recorded: an operator's stop or a kill switch.
    fn stop_recorded_since(&self, now: i64) -> Option<i64> {
        let application = self.application_stops.get(APPLICATION).map(|(at, ..)| *at);
        let application = application
            .filter(|at| !self.stop_is_dated_wrong && self.began_at.is_some_and(|began| *at >= began));
        let switched = self.switches.iter().filter(|(_, switch)| is_engaged(switch, now));
        let switched = switched.map(|(since, _)| *since);
        self.stop_requested_at.into_iter().chain(application).chain(switched).min()
    }
}

impl World {
    /// Notes what the drill function answered to a command: a run that the answer names must stop, whatever the clocks show.
    pub fn note_answer(&self, order: PlannedCommand, answer: &Value) {
        let stops = matches!(order, PlannedCommand::Stop | PlannedCommand::StopApplication);
        let runs = answer["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
        if stops && runs.iter().any(|run| run["runId"] == RUN) {
            self.table.borrow_mut().stop_requested_at.get_or_insert(self.now.get());
        }
    }

    /// Since when the run must stop: by a stop, a kill switch, one that cannot be read, or the run's own deadline.
    fn stop_requested_since(&self) -> Option<i64> {
        let recorded = self.table.borrow().stop_recorded_since(self.now.get());
        let unreadable = self.scenario.unreadable_switch.filter(|span| self.is_within(Some(*span)));
        let unreadable = unreadable.map(|(from, _)| BEGINS.saturating_add_unsigned(from));
        let began = self.table.borrow().began_at;
        let within = self.scenario.run_within();
        let deadline = began.map(|began| began.saturating_add_unsigned(within) + 2 * MAX_CLOCK_SKEW);
        let deadline = deadline.filter(|at| *at <= self.now.get());
        recorded.into_iter().chain(unreadable).chain(deadline).min()
    }

    /// Whether CloudWatch showed at this moment that the stop condition of the request is tripped.
    pub fn is_condition_tripped(&self, at: i64) -> bool {
        self.scenario.condition_at.is_some_and(|tripped| BEGINS.saturating_add_unsigned(tripped) <= at)
    }

    /// The longest time in which an owner that looks reads a stop condition's alarm, in milliseconds: the pause between two
    /// reads of AWS, and two looks that wait for slow answers.
    fn condition_seen_within(&self) -> u64 {
        if self.scenario.is_calm() { 8_000 } else { 45_000 }
    }

    /// Notes that a read showed that the stop condition is tripped.
    pub fn note_condition_tripped(&self) {
        if self.occurrences.borrow().times(FaultKind::StopConditionTrips) == 0 {
            self.note_fault(FaultKind::StopConditionTrips);
            self.log(Event::ConditionTripped);
        }
    }

    /// Since when the stop condition of the request is tripped.
    fn tripped_since(&self) -> Option<i64> {
        let since = self.scenario.condition_at.map(|at| BEGINS.saturating_add_unsigned(at));
        since.filter(|at| *at <= self.now.get())
    }

    /// What forbids an injecting call at this moment, by the world's state. A reason that arose while the call was on
    /// its way does not count.
    pub fn forbids(&self, run: &RunId, by: &str) -> Option<String> {
        const IN_FLIGHT: i64 = 250;
        const GATES_VALID_FOR: i64 = 21_000;
        let now = self.now.get();
        if let Some((from, to)) = self.scenario.gate_closed {
            let (from, elapsed) = (i64::try_from(from).unwrap_or(i64::MAX), now - BEGINS);
            if elapsed < i64::try_from(to).unwrap_or(i64::MAX)
                && (elapsed - from > GATES_VALID_FOR || from == 0)
            {
                return Some("a gate was closed".to_owned());
            }
        }
        if self.tripped_since().is_some_and(|since| now - since > GATES_VALID_FOR) {
            return Some("a stop condition was tripped".to_owned());
        }
        if self.stop_requested_since().is_some_and(|since| since < now - IN_FLIGHT) {
            return Some("it had to stop, or a kill switch was engaged".to_owned());
        }
        let table = self.table.borrow();
        let heartbeat = table
            .heartbeats
            .iter()
            .rev()
            .find(|(written, _)| *written < now - IN_FLIGHT || table.heartbeats.len() == 1);
        let fresh = i64::try_from(millis(TIMING.heartbeat_fresh)).unwrap_or(i64::MAX) + 2 * MAX_CLOCK_SKEW;
        if heartbeat.is_none_or(|(_, at)| now - at.as_millis() > fresh) {
            return Some("the watchdog was absent".to_owned());
        }
        let holder = table.head(run).and_then(|head| head.owner.as_ref());
        holder.is_none_or(|holder| holder.0 != by).then(|| "another had taken the lease".to_owned())
    }

    /// Notes a look of a run's owner; logs a missed stop at the second one that could have read it.
    pub fn note_missed_stop(&self, run: &LookedAt) {
        let (Some(owner), false) = (&run.owner, run.is_stopped) else { return };
        let tripped =
            self.tripped_since().map(|since| since.saturating_add_unsigned(self.condition_seen_within()));
        let since = self.stop_requested_since().into_iter().chain(tripped).min();
        if since.is_none_or(|since| since >= self.now.get()) {
            return;
        }
        let mut table = self.table.borrow_mut();
        let known = table.looks_since_stop.iter().position(|(who, _)| who == owner);
        let index = known.unwrap_or(table.looks_since_stop.len());
        if known.is_none() {
            table.looks_since_stop.push((owner.clone(), 0));
        }
        table.looks_since_stop[index].1 += 1;
        let looks = table.looks_since_stop[index].1;
        drop(table);
        if looks == 2 {
            self.log(Event::MissedStop { owner: owner.0.clone() });
        }
    }

    /// The owner's call to the store failed: it may have been unable to read the stop, or to save that it stopped.
    pub fn reset_missed_stop(&self, owner: &OwnerId) {
        let mut table = self.table.borrow_mut();
        if let Some(looks) = table.looks_since_stop.iter_mut().find(|(who, _)| who == owner) {
            looks.1 = 0;
        }
    }
}
