//! Ports: what the run loop, dispatch and the watchdog need from outside: a clock, a store, a drill.

use std::{future::Future, time::Duration};

use thiserror::Error;

use crate::{
    CallOutcome, Observation, Request, Run, Timestamp,
    evidence::Evidence,
    kill_switch::Switch,
    plan::Plan,
    request::Release,
    run::{Page, RunId, Stop},
};

/// The clocks of the machine that runs the loop.
pub trait Clock {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// The time since this invocation began, by a monotonic clock.
    fn elapsed(&self) -> Duration;
    /// Waits for this long.
    fn sleep(&self, span: Duration) -> impl Future<Output = ()>;
}

/// Why a call to the store failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The store answered that it did not execute the call, and will not.
    #[error("the store refused: {0}")]
    Refused(String),
    /// No answer, or one that proves nothing: the call may have been executed.
    #[error("the store gave no answer: {0}")]
    Unknown(String),
    /// The head was written by a version whose layout this one does not know. Nothing of the run may be touched.
    #[error("the record of {run_id} has layout {layout}, which this version does not know")]
    UnknownLayout {
        /// The run.
        run_id: RunId,
        /// The layout of its head.
        layout: u64,
    },
}

/// The result of beginning a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The head is created, and the lock is ours.
    Begun,
    /// A head with this identity exists.
    Exists(Box<Run>),
    /// This other run holds the lock of the application in this environment.
    Locked(RunId),
}

/// The result of a conditional save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The head is saved.
    Saved,
    /// The stored head has another version than expected; nothing was saved.
    Conflict,
}

/// The latest operator commands for a run. The run's owner applies them, whichever invocation received them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunCommands {
    /// Counts the commands of this run: each is applied once.
    pub number: u64,
    /// The release of a run that is held, or whose rollback failed.
    pub release: Option<Release>,
    /// The stop that ends the run early.
    pub stop: Option<Stop>,
}

/// An operator command for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorCommand {
    /// Ends the hold of a run, or closes one whose rollback failed.
    Release(Release),
    /// Ends the run early and rolls it back.
    Stop(Stop),
}

/// What a run's owner reads from the record beside the head: operator commands, kill switches and the watchdog's heartbeat.
/// Read consistently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlState {
    /// The operator commands for the run; `None` if there are none.
    pub commands: Option<RunCommands>,
    /// The last stop of the whole application, and when it was given.
    pub application_stop: Option<(Timestamp, Stop)>,
    /// The kill switches on record for the account, the application and the drill, engaged or over.
    pub switches: Vec<Switch>,
    /// The watchdog's last heartbeat, by its clock; `None` if there was none yet.
    pub heartbeat: Option<Timestamp>,
}

/// The record: where runs are kept. Every call is bounded in time.
pub trait Store {
    /// Creates head, request and lock in one transaction. A head that is only announced
    /// (`pending`) is replaced.
    fn begin(&self, run: &Run, request: &Request) -> impl Future<Output = Result<Begun, StoreError>>;
    /// Creates a head that is finished already (skipped, planned), without a lock; counts skipped ones in
    /// the drill's summary. `Exists` if the identity is taken.
    fn record(&self, run: &Run, request: &Request) -> impl Future<Output = Result<Begun, StoreError>>;
    /// The head, read consistently.
    fn load(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, StoreError>>;
    /// The request that started the run.
    fn request(&self, id: &RunId) -> impl Future<Output = Result<Option<Request>, StoreError>>;
    /// Replaces the head of version `expected`. While a run with a trigger is injecting, the same transaction registers the
    /// trigger's alarm as this run's.
    fn save(&self, next: &Run, expected: u64) -> impl Future<Output = Result<Saved, StoreError>>;
    /// Replaces the head of version `expected` by a finished one, releases the lock and the trigger's alarm, and updates the
    /// drill's summary, in one transaction.
    fn finish(&self, next: &Run, expected: u64) -> impl Future<Output = Result<Saved, StoreError>>;
    /// Adds evidence. The keys are the caller's, so that adding twice adds once.
    fn append(
        &self,
        id: &RunId,
        items: &[(String, Evidence)],
    ) -> impl Future<Output = Result<(), StoreError>>;
    /// The control state of this run. If any part of it cannot be read, the whole call fails.
    fn control_state(&self, run: &Run) -> impl Future<Output = Result<ControlState, StoreError>>;
    /// Records an operator command, replacing an earlier one of its kind, and returns its number. A stop deletes an earlier
    /// release, which the run's owner would otherwise apply a second time along with the stop.
    fn record_command(
        &self,
        id: &RunId,
        command: &OperatorCommand,
    ) -> impl Future<Output = Result<u64, StoreError>>;
    /// Records that every run of this application that began before `at` ends early.
    fn stop_application(
        &self,
        application: &str,
        stop: &Stop,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>>;
    /// Engages a kill switch, or disengages the one of its scope; returns the one that is engaged then. Engaging never
    /// shortens: an earlier one stays, unless the new one outlasts it.
    fn switch(
        &self,
        switch: &Switch,
        engaged: bool,
    ) -> impl Future<Output = Result<Option<Switch>, StoreError>>;
    /// The runs that are not finished, from an index that is eventually consistent: read each head before acting on it.
    fn open(&self) -> impl Future<Output = Result<Vec<RunId>, StoreError>>;
    /// Writes the watchdog's heartbeat.
    fn write_heartbeat(&self, at: Timestamp) -> impl Future<Output = Result<(), StoreError>>;
    /// At most `most` runs of a drill (`environment/application/drill`), the newest first.
    fn list(&self, drill_key: &str, most: u32) -> impl Future<Output = Result<Vec<Run>, StoreError>>;
}

/// One kind of drill, without the capability to inject: it observes a run and undoes it. The watchdog has no more than this.
/// Every method is bounded in time and never fails: what cannot be read is unknown, and a failed call is a [`CallOutcome`].
pub trait Drill {
    /// Takes one look at what matters in the run's phase; returns the observation, and evidence for the record.
    fn observe(&mut self, run: &Run) -> impl Future<Output = (Observation, Vec<Evidence>)>;
    /// Sends the call of one undo step, by its index, once.
    fn undo(&mut self, run: &Run, step: usize) -> impl Future<Output = CallOutcome>;
    /// Sends one page to operators.
    ///
    /// # Errors
    /// Why it could not be sent.
    fn page(&mut self, run: &Run, page: &Page) -> impl Future<Output = Result<(), String>>;
}

/// A drill that can also inject. Only a drill function has one.
pub trait Inject: Drill {
    /// Sends the one injecting call of this number, once.
    fn inject(&mut self, run: &Run, number: u32) -> impl Future<Output = CallOutcome>;
    /// Reads everything that a run would need, without touching anything.
    fn plan(&mut self, run: &Run) -> impl Future<Output = Plan>;
}

/// Runs the loop on a drill that cannot inject: an injecting call is answered as not executed.
#[derive(Debug)]
pub struct NeverInjects<D>(pub D);

impl<D: Drill> Drill for NeverInjects<D> {
    fn observe(&mut self, run: &Run) -> impl Future<Output = (Observation, Vec<Evidence>)> {
        self.0.observe(run)
    }
    fn undo(&mut self, run: &Run, step: usize) -> impl Future<Output = CallOutcome> {
        self.0.undo(run, step)
    }
    fn page(&mut self, run: &Run, page: &Page) -> impl Future<Output = Result<(), String>> {
        self.0.page(run, page)
    }
}

impl<D: Drill> Inject for NeverInjects<D> {
    async fn inject(&mut self, _: &Run, _: u32) -> CallOutcome {
        let message = "only the drill function that started the run injects; nothing was sent".to_owned();
        CallOutcome::NotExecuted { code: "NeverInjects".to_owned(), message, again: false }
    }
    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}
