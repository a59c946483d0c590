//! Ports: what the engine needs from outside: a clock, the record, drills, and in a drill function what injects.

use std::{future::Future, time::Duration};

use thiserror::Error;

use crate::{
    CallOutcome, Observation, Request, Run, Timestamp,
    evidence::Evidence,
    kill_switch::Switch,
    plan::{Permission, Plan},
    request::Release,
    run::{Datapoints, Page, RunId, Stop},
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
    /// the drill's summary, and adds their results. `Exists` if the identity is taken.
    fn record(&self, run: &Run, request: &Request) -> impl Future<Output = Result<Begun, StoreError>>;
    /// The head, read consistently.
    fn load(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, StoreError>>;
    /// The request that started the run.
    fn request(&self, id: &RunId) -> impl Future<Output = Result<Option<Request>, StoreError>>;
    /// Replaces the head of version `expected`. While a run with a trigger is injecting, the same transaction registers the
    /// trigger's alarm as this run's.
    fn save(&self, next: &Run, expected: u64) -> impl Future<Output = Result<Saved, StoreError>>;
    /// Replaces the head of version `expected` by a finished one, releases the lock and the trigger's alarm, updates the
    /// drill's summary, and adds the run's [`DrillResult`](crate::result::DrillResult), in one transaction.
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

/// Names of resources, at least one: AWS takes an empty list for *all of them*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(Vec<String>);

impl Ids {
    /// These names; none if there are none.
    #[must_use]
    pub fn new(ids: impl Into<Vec<String>>) -> Option<Self> {
        let ids = ids.into();
        (!ids.is_empty()).then_some(Self(ids))
    }

    /// This one name.
    #[must_use]
    pub fn one(id: impl Into<String>) -> Self {
        Self(vec![id.into()])
    }

    /// These names in lists of at most `most`; no list for no names.
    pub fn chunks(ids: &[String], most: usize) -> impl Iterator<Item = Self> {
        ids.chunks(most).map(|chunk| Self(chunk.to_vec()))
    }

    /// The names.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// One call that causes a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum InjectingCall {
    /// Stops these instances with one call, never with `Force`, so that file systems are flushed.
    StopInstances {
        /// Their Region.
        region: String,
        /// Their ids.
        ids: Ids,
    },
    /// Forces an alarm to ALARM. The state lasts until the alarm is next evaluated, which may be seconds; after that only the
    /// history shows it. CloudWatch starts the alarm's actions if the state changes (API reference, `SetAlarmState`).
    SetAlarmState {
        /// Its Region.
        region: String,
        /// Its name.
        name: String,
        /// The reason; cut at its end if it is too long.
        reason: String,
    },
    /// Publishes one value. A datapoint cannot be removed.
    PutMetricData {
        /// The Region of the metric.
        region: String,
        /// What is published.
        points: Box<Datapoints>,
        /// When it counts.
        at: Timestamp,
    },
}

impl InjectingCall {
    /// Its IAM action.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::StopInstances { .. } => "ec2:StopInstances",
            Self::SetAlarmState { .. } => "cloudwatch:SetAlarmState",
            Self::PutMetricData { .. } => "cloudwatch:PutMetricData",
        }
    }
}

/// One drill: it observes a run, undoes it, and says what would be injected. It cannot inject.
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
    /// Starts the watchdog, and does not wait for what it does: this run has no owner any more. The watchdog's schedule starts
    /// it all the same, within a minute.
    ///
    /// # Errors
    /// Why it is not known to be started.
    fn start_watchdog(&mut self) -> impl Future<Output = Result<(), String>>;
    /// The injecting call of this number, which is about to be sent; none if the head holds nothing to inject.
    fn injecting_call(&mut self, run: &Run, number: u32) -> Option<InjectingCall>;
    /// Reads everything that a run would need, without touching anything.
    fn plan(&mut self, run: &Run) -> impl Future<Output = Plan>;
    /// The injecting calls of a planned run that have a dry run.
    fn dry_runs(&self, plan: &Plan) -> Vec<InjectingCall>;
}

/// The drills of a function.
pub trait Drills {
    /// One of them.
    type Drill: Drill;
    /// The drill of this request.
    ///
    /// # Errors
    /// The request belongs to another function: why, and which one.
    fn drill(&self, request: &Request) -> Result<Self::Drill, WrongFunction>;
}

/// A request belongs to another function: why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WrongFunction(pub String);

/// The capability to cause a failure. Only a drill function has it.
pub trait Injector {
    /// Sends this call, once.
    fn send(&self, call: &InjectingCall) -> impl Future<Output = CallOutcome>;
    /// Asks AWS whether this call may be sent, by a dry run.
    fn permission(&self, call: &InjectingCall) -> impl Future<Output = Permission>;
}

/// No capability to cause a failure: there is no value of this type.
#[derive(Clone, Copy, Debug)]
pub enum NoInjector {}

impl Injector for NoInjector {
    async fn send(&self, _: &InjectingCall) -> CallOutcome {
        match *self {}
    }
    async fn permission(&self, _: &InjectingCall) -> Permission {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ids_never_become_a_call_for_all() {
        assert_eq!(Ids::new(Vec::new()), None);
        assert_eq!(Ids::chunks(&[], 200).count(), 0);
        let many: Vec<String> = (0..450).map(|n| format!("i-{n}")).collect();
        let sizes: Vec<usize> = Ids::chunks(&many, 200).map(|ids| ids.as_slice().len()).collect();
        assert_eq!(sizes, [200, 200, 50]);
    }
}
