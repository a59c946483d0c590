//! Procedure: what one kind of drill does by itself. Everything else is the [`Harness`](crate::Harness)'s.

use std::{cell::Cell, rc::Rc};

use firedrill_core::{
    CallOutcome, Measured, Readiness, Request, Run, StepObservation, Timestamp, Tristate, evidence::Evidence,
    plan::Plan, ports::InjectingCall, request::ProbeKind,
};
use futures_util::future::LocalBoxFuture;

use crate::{Failure, Proof, Settings, WrongDrill, probe::ProbeResult};

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

/// The result of one check of readiness.
#[derive(Debug)]
pub struct Preparation {
    /// Whether the failure could be injected now, and how it would be undone.
    pub readiness: Readiness,
    /// What was found, as evidence. The harness records each finding once.
    pub findings: Vec<Evidence>,
}

/// What one look at AWS showed. What was not asked for is unknown.
#[derive(Debug, Default)]
pub struct Look {
    /// When AWS was read: when the answer came if the failure is in place or unknown, when it was asked for if it is not.
    pub at: Option<Timestamp>,
    /// Whether the failure is in place; in modes `alarm` and `metric` also whether it was, because it need not last.
    pub in_place: Tristate,
    /// When it was first in place, if AWS tells by its own clock.
    pub in_place_at: Option<Measured>,
    /// Whether the trigger has had its effect.
    pub failed_over: Tristate,
    /// When the alarm that detects the failure went to ALARM, by CloudWatch's clock.
    pub detected: Option<Timestamp>,
    /// The state of each undo step, in the order of the undo.
    pub undone: Vec<StepObservation>,
    /// Whether the primary, which traffic would be moved back to, is healthy.
    pub primary: Tristate,
    /// Whether the alarm went to ALARM without this run.
    pub foreign_alarm: Tristate,
    /// What the failover function's journal says about this run's change.
    pub automation_report: Option<String>,
    /// What was found, as evidence. The harness records each finding once.
    pub findings: Vec<Evidence>,
}

/// What one kind of drill does by itself. Every method is bounded in time and never fails: what cannot be read is unknown,
/// and a failed call is a [`CallOutcome`].
pub trait Procedure {
    /// Checks whether the failure could be injected now, and touches nothing.
    fn prepare<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Preparation>;

    /// Looks at AWS, once something may have been injected.
    fn look<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Look>;

    /// Carries out one undo step with at most one call for each of its resources.
    fn undo<'a>(&'a self, run: &'a Run, step: usize) -> LocalBoxFuture<'a, CallOutcome>;

    /// The injecting call of this number; none if the head holds nothing to inject.
    fn injecting_call(&self, run: &Run, number: u32) -> Option<InjectingCall>;

    /// Asks a probe that reads AWS's state.
    fn ask_aws<'a>(&'a self, probe: &'a ProbeKind) -> LocalBoxFuture<'a, ProbeResult>;

    /// Plans a run: reads everything that it would need, and changes nothing.
    fn plan<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Plan>;

    /// The injecting calls of a planned run that have a dry run.
    fn dry_runs(&self, plan: &Plan) -> Vec<InjectingCall>;
}
