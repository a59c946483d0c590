//! Record: a test puts into the table what an earlier invocation left there, or what somebody else writes at this very moment,
//! and reads what is in it. None of it takes time or can fail.

use firedrill_core::{
    Request, Run, Timestamp,
    dispatch::{Invocation, new_run},
    evidence::Evidence,
    kill_switch::Switch,
    ports::{OperatorCommand, RunCommands},
    request::Name,
    run::{OwnerId, RunId, Stop},
};

use super::Stage;
use crate::{
    operators::APPLICATION,
    requests::{TIMING, policy, request},
    world::BEGINS,
};

/// The heads.
impl Stage {
    /// A run in `checking` that `starter` began with the history, and its request. Each number is that of an application of
    /// its own: `bookstore`, `bookstore-1`, `bookstore-2`.
    ///
    /// # Panics
    /// Never: each is a name.
    #[must_use]
    pub fn run_of(&self, application: usize) -> (Run, Request) {
        let mut request = (*request(&self.world.scenario)).clone();
        if application > 0 {
            let name = Name::try_from(format!("{APPLICATION}-{application}"));
            request.application = name.expect("it is a name");
        }
        let invocation = Invocation {
            request_id: "starter".to_owned(),
            owner: OwnerId("starter".to_owned()),
            ends_at: TIMING.function_timeout,
            policy: policy(&self.world.scenario),
        };
        (new_run(&request, &invocation, &TIMING, Timestamp::from_millis(BEGINS)), request)
    }

    /// Puts a head on record, with its request, or leaves the request as it was.
    pub fn put(&self, run: &Run, request: Option<&Request>) {
        self.world.table.borrow_mut().put(run, request);
    }

    /// The request of this run is lost.
    pub fn lose_request(&self, id: &RunId) {
        self.world.table.borrow_mut().requests.remove(id);
    }

    /// All heads.
    #[must_use]
    pub fn heads(&self) -> Vec<Run> {
        self.world.table.borrow().heads.clone()
    }

    /// The head of this run; none if it is not on record.
    #[must_use]
    pub fn head(&self, id: &RunId) -> Option<Run> {
        self.world.table.borrow().head(id).cloned()
    }

    /// The evidence about all runs.
    #[must_use]
    pub fn all_evidence(&self) -> Vec<Evidence> {
        self.world.table.borrow().evidence.values().cloned().collect()
    }
}

/// What a run's owner reads beside its head.
impl Stage {
    /// The watchdog's one heartbeat states this time; there is none, if none.
    pub fn set_heartbeat(&self, at: Option<Timestamp>) {
        let mut table = self.world.table.borrow_mut();
        table.heartbeats.clear();
        table.heartbeats.extend(at.map(|at| (self.world.now.get(), at)));
    }

    /// The time that the watchdog's last heartbeat states.
    #[must_use]
    pub fn heartbeat(&self) -> Option<Timestamp> {
        self.world.table.borrow().heartbeats.last().map(|(_, at)| *at)
    }

    /// A kill switch is engaged.
    pub fn engage(&self, switch: &Switch) {
        self.world.note_switch(switch, true);
    }

    /// The kill switches that are engaged.
    #[must_use]
    pub fn switches(&self) -> Vec<Switch> {
        self.world.table.borrow().switches.iter().map(|(_, switch)| switch.clone()).collect()
    }

    /// An operator's command for this run is recorded.
    pub fn command(&self, id: &RunId, command: &OperatorCommand) {
        self.world.note_command(id, command);
    }

    /// The operators' commands for this run; none if there never was one.
    #[must_use]
    pub fn commands(&self, id: &RunId) -> Option<RunCommands> {
        self.world.table.borrow().commands.get(id).cloned()
    }

    /// An operator's stop of this application, given at this moment, is recorded.
    pub fn stop_application(&self, application: &str, stop: &Stop, at: Timestamp) {
        self.world.note_application_stop(application, stop, at);
    }
}
