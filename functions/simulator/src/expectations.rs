//! What forbids an injection, and whether a stop is heard: as the world knows it, whatever the code under test says.

use firedrill_core::{
    Run,
    kill_switch::{Scope, Switch},
    run::OwnerId,
};

use crate::{
    event::Event,
    operators::{APPLICATION, DRILL},
    requests::TIMING,
    store::StoredTable,
    world::{BEGINS, World},
};

/// The deadline of a whole run, from its beginning: what the limits of its request come to together, and five minutes.
pub(crate) const RUN_WITHIN: u64 = 544_000;

/// Clocks of machines differ: one that is about to end by itself may be over for some.
const CLOCKS: i64 = 3_000;

/// For this drill, whatever the clock.
fn is_engaged(switch: &Switch, now: i64) -> bool {
    let ours = match &switch.scope {
        Scope::Account => true,
        Scope::Application(name) => name == APPLICATION,
        Scope::Drill(key) => key == DRILL,
    };
    ours && switch.until.is_none_or(|until| until.as_millis() > now + CLOCKS)
}

impl StoredTable {
    /// Since when somebody or something wants the run to stop.
    fn stop_wanted_since(&self, now: i64) -> Option<i64> {
        let application = self.application_stop.as_ref().map(|(at, ..)| *at);
        let application = application.filter(|at| self.began_at.is_some_and(|began| *at >= began));
        let switched = self.switches.iter().filter(|(_, switch)| is_engaged(switch, now));
        let switched = switched.map(|(since, _)| *since);
        self.stop_said_at.into_iter().chain(application).chain(switched).min()
    }
}

impl World {
    /// Since when the run should stop: by a word, by a switch or one that cannot be read, or by its own deadline.
    fn stop_wanted(&self) -> Option<i64> {
        let wanted = self.table.borrow().stop_wanted_since(self.now.get());
        let unreadable = self.scenario.unreadable_switch.filter(|span| self.is_within(Some(*span)));
        let unreadable = unreadable.map(|(from, _)| BEGINS.saturating_add_unsigned(from));
        let began = self.table.borrow().began_at;
        let deadline = began.map(|began| began.saturating_add_unsigned(RUN_WITHIN) + 2 * CLOCKS);
        let deadline = deadline.filter(|at| *at <= self.now.get());
        wanted.into_iter().chain(unreadable).chain(deadline).min()
    }

    /// Since when a stop condition of the request is tripped.
    fn tripped_since(&self) -> Option<i64> {
        let since = self.scenario.condition_at.map(|at| BEGINS.saturating_add_unsigned(at));
        since.filter(|at| *at <= self.now.get())
    }

    /// What forbids an injecting call at this moment, as the world knows it. What came up while the call was on its
    /// way does not count.
    pub fn forbids(&self, run: &Run, by: &str) -> Option<String> {
        const ON_ITS_WAY: i64 = 250;
        const GATES_ARE_GOOD_FOR: i64 = 21_000;
        let now = self.now.get();
        if let Some((from, to)) = self.scenario.gate_closed {
            let (from, elapsed) = (i64::try_from(from).unwrap_or(i64::MAX), now - BEGINS);
            if elapsed < i64::try_from(to).unwrap_or(i64::MAX)
                && (elapsed - from > GATES_ARE_GOOD_FOR || from == 0)
            {
                return Some("a gate was closed".to_owned());
            }
        }
        if self.tripped_since().is_some_and(|since| now - since > GATES_ARE_GOOD_FOR) {
            return Some("a stop condition was tripped".to_owned());
        }
        if self.stop_wanted().is_some_and(|since| since < now - ON_ITS_WAY) {
            return Some("it was to stop, or a kill switch was engaged".to_owned());
        }
        let table = self.table.borrow();
        let beat = table
            .beats
            .iter()
            .rev()
            .find(|(written, _)| *written < now - ON_ITS_WAY || table.beats.len() == 1);
        let fresh = i64::try_from(TIMING.heartbeat_fresh_ms).unwrap_or(i64::MAX) + 2 * CLOCKS;
        if beat.is_none_or(|(_, at)| now - at.as_millis() > fresh) {
            return Some("the watchdog was away".to_owned());
        }
        let holder = table.head(&run.run_id).and_then(|head| head.owner.as_ref());
        holder.is_none_or(|holder| holder.0 != by).then(|| "another had taken the run up".to_owned())
    }

    /// One more look of somebody who could have heard of a stop before it.
    pub fn check_missed_stop(&self, run: &Run) {
        let (Some(owner), None) = (&run.owner, &run.stop) else { return };
        let since = self.stop_wanted().into_iter().chain(self.tripped_since()).min();
        if since.is_none_or(|since| since >= self.now.get()) {
            return;
        }
        let mut table = self.table.borrow_mut();
        let known = table.deaf.iter().position(|(who, _)| who == owner);
        let index = known.unwrap_or(table.deaf.len());
        if known.is_none() {
            table.deaf.push((owner.clone(), 0));
        }
        table.deaf[index].1 += 1;
        let looks = table.deaf[index].1;
        drop(table);
        if looks == 2 {
            self.log(Event::Deaf { owner: owner.0.clone() });
        }
    }

    /// Who could not read the orders could not hear of it; who could not save that it is over looks on.
    pub fn note_excuse(&self, owner: &OwnerId) {
        let mut table = self.table.borrow_mut();
        if let Some(deaf) = table.deaf.iter_mut().find(|(who, _)| who == owner) {
            deaf.1 = 0;
        }
    }
}
