//! What the loop needs of the world: a clock, a store, a drill.

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

/// The clock of the machine that runs the loop.
pub trait Clock {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// Time since this invocation began, by a clock that is never set.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn sleep(&self, span: Duration) -> impl Future<Output = ()>;
}

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// It answered that it did not, and will not.
    #[error("the store refused: {0}")]
    Refused(String),
    /// No answer, or one that proves nothing: it may have been done.
    #[error("the store gave no answer: {0}")]
    Unknown(String),
    /// The head was written by a version that this one does not know. Nothing may be touched.
    #[error("the record of {run_id} has layout {layout}, which this version does not know")]
    UnknownLayout {
        /// Which run.
        run_id: RunId,
        /// Its layout.
        layout: u64,
    },
}

/// What came of beginning a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Head and lock are ours.
    Begun,
    /// This identity has a head already.
    Exists(Box<Run>),
    /// Another run holds the application in this environment.
    Locked(RunId),
}

/// What came of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is on record.
    Saved,
    /// The head is not of the version that was expected.
    Conflict,
}

/// What people last said about a run. Whoever carries the run on hears it, whatever invocation it was said to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunCommands {
    /// Grows with every word: one is heard once.
    pub number: u64,
    /// The word on a run that is held, or whose rollback failed.
    pub release: Option<Release>,
    /// The word that ends a run early.
    pub stop: Option<Stop>,
}

/// A person's word on one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorCommand {
    /// On a run that is held, or whose rollback failed.
    Release(Release),
    /// It ends early and is rolled back.
    Stop(Stop),
}

/// What the record says to whoever carries a run on, beside the run itself: people's words, the kill switches,
/// the watchdog's sign of life. Read consistently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlState {
    /// What people last said about the run; none if nobody said anything.
    pub commands: Option<RunCommands>,
    /// The last stop of the whole application, and when it was said.
    pub application_stop: Option<(Timestamp, Stop)>,
    /// The switches that are there, of the account, the application and the drill.
    pub switches: Vec<Switch>,
    /// When the watchdog last said that it is there; none if it never did.
    pub heartbeat: Option<Timestamp>,
}

/// Where runs are kept. Every call is bounded in time.
pub trait Store {
    /// Creates head, request and lock in one transaction. A head that is only announced
    /// (`pending`) is replaced.
    fn begin(&self, run: &Run, request: &Request) -> impl Future<Output = Result<Begun, StoreError>>;
    /// Creates a head that is finished already (skipped, planned), without a lock; counts skipped ones in
    /// the drill's summary. `Exists` if the identity is taken.
    fn record(&self, run: &Run, request: &Request) -> impl Future<Output = Result<Begun, StoreError>>;
    /// The head, read consistently.
    fn load(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, StoreError>>;
    /// The request that the run was begun with.
    fn request(&self, id: &RunId) -> impl Future<Output = Result<Option<Request>, StoreError>>;
    /// Replaces the head of version `expected`. While a run with a trigger is injecting, the record also says,
    /// in the same transaction, that the trigger's alarm is this run's.
    fn save(&self, next: &Run, expected: u64) -> impl Future<Output = Result<Saved, StoreError>>;
    /// Replaces the head of version `expected` by a finished one, gives the lock and the trigger's alarm back
    /// and brings the drill's summary up to date, in one transaction.
    fn finish(&self, next: &Run, expected: u64) -> impl Future<Output = Result<Saved, StoreError>>;
    /// Adds evidence. The keys are the caller's, so that adding twice adds once.
    fn append(
        &self,
        id: &RunId,
        items: &[(String, Evidence)],
    ) -> impl Future<Output = Result<(), StoreError>>;
    /// What the record says to whoever carries this run on. Whatever of it cannot be read fails the whole.
    fn control_state(&self, run: &Run) -> impl Future<Output = Result<ControlState, StoreError>>;
    /// Writes a person's word down, over an earlier one of its kind; answers its number. A stop takes back a release
    /// that was said before it: whoever hears of the stop would otherwise hear the release once more.
    fn record_command(
        &self,
        id: &RunId,
        word: &OperatorCommand,
    ) -> impl Future<Output = Result<u64, StoreError>>;
    /// Writes down that every run of this application that began before `at` ends early.
    fn stop_application(
        &self,
        application: &str,
        stop: &Stop,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>>;
    /// Engages a kill switch, or takes away whichever there is of its scope; answers the one that is engaged then.
    /// Engaging never shortens: one that is there stays, unless the new one outlasts it.
    fn switch(
        &self,
        switch: &Switch,
        engaged: bool,
    ) -> impl Future<Output = Result<Option<Switch>, StoreError>>;
    /// The runs that are not finished, as an index has them: a hint, to be read again before anything is done.
    fn open(&self) -> impl Future<Output = Result<Vec<RunId>, StoreError>>;
    /// The watchdog says that it is there.
    fn write_heartbeat(&self, at: Timestamp) -> impl Future<Output = Result<(), StoreError>>;
    /// A drill's runs, the newest first.
    fn list(&self, drill_key: &str, most: u32) -> impl Future<Output = Result<Vec<Run>, StoreError>>;
}

/// One kind of drill, once its failure may have been caused: what can be seen of it, and how it is taken back.
/// Every method is bounded in time and never fails: what cannot be seen is unknown, what cannot be done is a
/// [`CallOutcome`]. It is all that the watchdog has of a drill.
pub trait Drill {
    /// Looks. `run` says what is worth looking at; findings for the record come with it.
    fn observe(&mut self, run: &Run) -> impl Future<Output = (Observation, Vec<Evidence>)>;
    /// Asks for one step of the undo, once.
    fn undo(&mut self, run: &Run, step: usize) -> impl Future<Output = CallOutcome>;
    /// Sends one message to people; if it could not be sent, why.
    fn page(&mut self, run: &Run, page: &Page) -> impl Future<Output = Result<(), String>>;
}

/// A drill that can also be begun. Only the function that starts a run has one.
pub trait Inject: Drill {
    /// Sends the one injecting call of this number, once.
    fn inject(&mut self, run: &Run, number: u32) -> impl Future<Output = CallOutcome>;
    /// Looks at everything a run would need, without touching anything.
    fn plan(&mut self, run: &Run) -> impl Future<Output = Plan>;
}

/// A drill in the hands of somebody who never injects.
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
        let message = "whoever carries a run on never injects; not sent".to_owned();
        CallOutcome::NotExecuted { code: "NeverInjects".to_owned(), message, again: false }
    }
    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}
