//! Procedure: what one kind of drill does by itself. Everything else is the [`Harness`](crate::Harness)'s.

use std::{cell::Cell, rc::Rc};

use firedrill_core::{
    CallOutcome, Observation, Readiness, Request, Run, Tristate,
    environment::Environment,
    evidence::Evidence,
    plan::Plan,
    ports::{Clock, InjectingCall},
    request::ProbeKind,
};
use futures_util::{FutureExt as _, future::LocalBoxFuture};

use crate::{
    Failure, Proof, Settings, WrongDrill,
    deadline::{ReadError, read_within},
    ports::Reply,
    probe::ProbeResult,
};

/// What one invocation works with.
#[derive(Debug)]
pub struct Context<C, K> {
    /// AWS and the application, behind the ports.
    pub cloud: C,
    /// The invocation's clock.
    pub clock: K,
    /// The stack's settings.
    pub settings: Rc<Settings>,
    /// The request that started the run.
    pub request: Rc<Request>,
    /// A random number, for choices that nothing else decides.
    pub seed: u32,
    /// Whether AWS throttled a read since this was last taken: the next look then waits longer.
    throttled: Cell<bool>,
}

impl<C, K> Context<C, K> {
    /// The context of one invocation.
    pub const fn new(cloud: C, clock: K, settings: Rc<Settings>, request: Rc<Request>, seed: u32) -> Self {
        Self { cloud, clock, settings, request, seed, throttled: Cell::new(false) }
    }

    /// The environment of the request, as the stack's policy sees it.
    pub(crate) fn environment(&self) -> Environment<'_> {
        self.settings.policy.environment(&self.request)
    }

    /// The error of a request without this field in its target.
    pub(crate) fn wrong_target(&self, field: &'static str) -> WrongDrill {
        WrongDrill::Target { drill: self.request.drill.to_string(), field }
    }

    /// Notes a failed read.
    pub(crate) fn note_failure(&self, failure: &Failure) {
        if failure.proof() == Proof::Again {
            self.throttled.set(true);
        }
    }

    /// Whether AWS throttled a read since the last call of this.
    pub(crate) fn take_throttled(&self) -> bool {
        self.throttled.take()
    }
}

impl<C, K: Clock> Context<C, K> {
    /// Awaits a read of this many calls, one after the other and each within a call deadline. Notes a failed one.
    ///
    /// # Errors
    /// A call failed, or the read took too long.
    pub(crate) async fn read<T>(
        &self,
        calls: u32,
        read: impl Future<Output = Reply<T>>,
    ) -> Result<T, ReadError> {
        let read = read_within(&self.clock, self.settings.timing.call_deadline * calls, read).await;
        if let Err(ReadError::Failed(failure)) = &read {
            self.note_failure(failure);
        }
        read
    }
}

/// The answer to one question, with what was found on the way, as evidence. The harness records each finding once.
pub type WithFindings<T> = (T, Vec<Evidence>);

/// What one kind of drill does by itself. Every method is bounded in time and never fails: what cannot be read is unknown,
/// and a failed call is a [`CallOutcome`].
pub trait Procedure {
    /// Checks whether the failure could be injected now, and touches nothing.
    fn prepare<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, WithFindings<Readiness>>;

    /// Looks at AWS, once something may have been injected. The observation is of the state of AWS only.
    fn look<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, WithFindings<Observation>>;

    /// Carries out one undo step with at most one call for each of its resources.
    fn undo<'a>(&'a self, run: &'a Run, step: usize) -> LocalBoxFuture<'a, CallOutcome>;

    /// The injecting call of this number; none if the head holds nothing to inject.
    fn injecting_call(&self, run: &Run, number: u32) -> Option<InjectingCall>;

    /// Asks a probe that reads AWS's state. The parser refuses such probes where a drill has none.
    fn ask_aws<'a>(&'a self, _probe: &'a ProbeKind) -> LocalBoxFuture<'a, ProbeResult> {
        let detail = "this drill asks the application, not AWS".to_owned();
        std::future::ready((Tristate::Unknown, detail)).boxed_local()
    }

    /// Plans a run: reads everything that it would need, and changes nothing.
    fn plan<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Plan>;

    /// The injecting calls of a planned run that have a dry run; none unless a drill names some.
    fn dry_runs(&self, _plan: &Plan) -> Vec<InjectingCall> {
        Vec::new()
    }
}
