//! Instance drill: stops EC2 instances, and starts them again.

mod candidates;
mod groups;
mod look;
mod plan;
mod prepare;
mod probes;
mod start;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use firedrill_core::{
    CallOutcome, Observation, Readiness, Run, Timestamp, Tristate,
    instance::Selection,
    plan::Plan,
    ports::{Clock, InjectingCall},
    request::{InstanceTarget, ProbeKind},
};
use futures_util::{FutureExt as _, future::LocalBoxFuture};

use crate::{
    Procedure, WithFindings, WrongDrill,
    ports::{Alarms, AutoScaling, Ids, Instances, Keys, LoadBalancers},
    probe::ProbeResult,
    procedure::Context,
};

/// What an instance drill asks of AWS.
pub trait Cloud: Instances + AutoScaling + LoadBalancers + Keys + Alarms {}
impl<C: Instances + AutoScaling + LoadBalancers + Keys + Alarms> Cloud for C {}

/// The procedure that stops the instances of the request's target.
///
/// # Errors
/// The request's target is no set of instances.
pub fn procedure<C: Cloud + 'static, K: Clock + 'static>(
    context: Rc<Context<C, K>>,
) -> Result<Box<dyn Procedure>, WrongDrill> {
    let Some(target) = context.request.target.instances().cloned() else {
        return Err(context.wrong_target("`target.instances`"));
    };
    Ok(Box::new(InstanceDrill::new(context, target)))
}

/// The procedure of one instance drill, for one invocation.
#[derive(Debug)]
struct InstanceDrill<C, K> {
    context: Rc<Context<C, K>>,
    target: InstanceTarget,
    /// The seed of the choice: the same for every choice, so that unchanged candidates give the same targets.
    seed: u64,
    /// The latest choice.
    latest: RefCell<Option<Selection>>,
    /// The candidates of the latest read, and the target groups in which none of them was registered.
    without_candidates: RefCell<(BTreeSet<String>, BTreeSet<String>)>,
    /// The stop protection of each instance that was asked for it.
    protections: RefCell<BTreeMap<String, Tristate>>,
    /// Every Auto Scaling group that a target was seen in.
    groups: RefCell<BTreeSet<String>>,
    /// When the detection alarm went to ALARM.
    detected: Cell<Option<Timestamp>>,
}

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    fn new(context: Rc<Context<C, K>>, target: InstanceTarget) -> Self {
        // 32 bits: the type of the request's field, which can so name a recorded seed again.
        let seed = u64::from(target.seed.unwrap_or(context.seed));
        Self {
            context,
            target,
            seed,
            latest: RefCell::default(),
            without_candidates: RefCell::default(),
            protections: RefCell::default(),
            groups: RefCell::default(),
            detected: Cell::default(),
        }
    }

    fn region(&self) -> &str {
        &self.target.region
    }
}

impl<C: Cloud, K: Clock> Procedure for InstanceDrill<C, K> {
    fn prepare<'a>(&'a self, _run: &'a Run) -> LocalBoxFuture<'a, WithFindings<Readiness>> {
        self.preparation().boxed_local()
    }

    fn look<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, WithFindings<Observation>> {
        self.look_at_targets(run).boxed_local()
    }

    fn undo<'a>(&'a self, run: &'a Run, step: usize) -> LocalBoxFuture<'a, CallOutcome> {
        let resources: &[String] = run.undo.get(step).map_or(&[], |step| &step.resources);
        self.start(resources).boxed_local()
    }

    /// Stops exactly the instances that the undo on record starts again.
    fn injecting_call(&self, run: &Run, _number: u32) -> Option<InjectingCall> {
        let ids = Ids::new(run.undo.first()?.resources.clone())?;
        Some(InjectingCall::StopInstances { region: self.region().to_owned(), ids })
    }

    fn ask_aws<'a>(&'a self, probe: &'a ProbeKind) -> LocalBoxFuture<'a, ProbeResult> {
        self.ask(probe).boxed_local()
    }

    fn plan<'a>(&'a self, _run: &'a Run) -> LocalBoxFuture<'a, Plan> {
        self.plan_run().boxed_local()
    }

    fn dry_runs(&self, plan: &Plan) -> Vec<InjectingCall> {
        let ids = Ids::new(plan.targets.clone());
        let stop = |ids| InjectingCall::StopInstances { region: self.region().to_owned(), ids };
        ids.map(stop).into_iter().collect()
    }
}
