//! Target distribution: it fails over from its primary origin to its standby.

use std::{collections::BTreeMap, rc::Rc};

use firedrill_core::{
    CallOutcome, Run, StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{
        self, BehaviorOrigins, DEFAULT_BEHAVIOR, Direction, DistributionState, behavior_origins, check_opt_in,
    },
    request::Arn,
    trigger::{FailoverPath, distribution_step, origins_of_step},
};

use super::target::{
    AlarmDrillTarget, FailoverPlan, arn_of, check_arn, check_readiness, unreadable, without_a_call,
};
use crate::{
    Failure, NotReady,
    ports::{Distributions, Reply},
    procedure::Context,
    resource_state::{distribution_id, distribution_state, set_origins},
};

/// The read of a distribution.
const GET: &str = "cloudfront:GetDistribution";

/// A distribution that a drill fails over.
#[derive(Debug)]
pub(super) struct Distribution<C, K> {
    pub context: Rc<Context<C, K>>,
    pub arn: Arn,
}

/// The origins before and after the failover, from the run's undo step for the distribution; none if it has none.
fn recorded_origins(run: &Run) -> Option<(BehaviorOrigins, BehaviorOrigins)> {
    let step = run.undo.iter().find(|step| step.service == "cloudfront")?;
    origins_of_step(step).ok()
}

/// An undo step's distribution and its id, and its origins before and after the failover.
fn read_step(step: &UndoStep) -> Result<(Arn, String, BehaviorOrigins, BehaviorOrigins), CallOutcome> {
    let arn = arn_of(step)?;
    let (before, set) = origins_of_step(step).map_err(|error| unreadable("holds no origins", error))?;
    let id = distribution_id(&arn).map_err(|error| unreadable("names a wrong resource", error))?.to_owned();
    Ok((arn, id, before, set))
}

impl<C: Distributions, K> AlarmDrillTarget for Distribution<C, K> {
    type State = DistributionState;

    fn arn(&self) -> &Arn {
        &self.arn
    }

    async fn read(&self, _run: &Run, _now: Timestamp) -> Reply<DistributionState> {
        let id = distribution_id(&self.arn).map_err(|error| Failure::not_sent(GET, error.to_string()))?;
        let (state, ..) = distribution_state(&self.context.cloud, id).await?;
        check_arn(GET, &self.arn, &state.arn)?;
        Ok(state)
    }

    fn tags<'a>(&self, state: &'a DistributionState) -> Option<&'a BTreeMap<String, String>> {
        state.tags.as_ref()
    }

    fn prepare(
        &self,
        _run: &Run,
        state: &DistributionState,
        path: &FailoverPath,
        _now: Timestamp,
    ) -> Result<FailoverPlan, NotReady> {
        let refused = |why: String| Err(NotReady::Refused(why));
        let (undo, permissions) = match path {
            // The health check moves DNS names: the distribution is not changed, so nothing of it is undone.
            FailoverPath::HealthCheck(_) => {
                if let Err(readiness) = check_opt_in(state.tags.as_ref(), self.arn.as_str()) {
                    check_readiness(readiness, "")?;
                }
                (Vec::new(), Vec::new())
            }
            FailoverPath::Function {
                resource: failover::FailoverTarget::Distribution { primary, standby, behaviors, .. },
                ..
            } => {
                check_readiness(
                    state.may_move(primary, standby, behaviors, Direction::Over),
                    "the standby serves now, so there is nothing to fail over from",
                )?;
                let (before, set) =
                    (behavior_origins(behaviors, primary), behavior_origins(behaviors, standby));
                (vec![distribution_step(&self.arn, &before, &set)], state.attachments.permissions())
            }
            FailoverPath::Function { function, .. } => {
                return refused(format!("function {} fails over no distribution", function.arn));
            }
        };
        if !state.deployed {
            return refused(format!(
                "{} is still being deployed (InProgress): edges may serve either configuration",
                self.arn
            ));
        }
        Ok(FailoverPlan { undo, database: None, permissions })
    }

    fn describe(&self, run: &Run, state: &DistributionState) -> String {
        let all = || BehaviorOrigins::from([(DEFAULT_BEHAVIOR.to_owned(), String::new())]);
        state.describe(&recorded_origins(run).map_or_else(all, |(before, _)| before))
    }

    fn failed_over(&self, run: &Run, state: &DistributionState) -> Tristate {
        recorded_origins(run).map_or(Tristate::Unknown, |(_, set)| state.failed_over(&set))
    }

    fn completed_failover(&self, run: &Run, state: &DistributionState) -> Tristate {
        self.failed_over(run, state)
    }

    fn deployed(&self, run: &Run, state: &DistributionState) -> Tristate {
        match self.failed_over(run, state) {
            Tristate::Yes => state.deployed.into(),
            not => not,
        }
    }

    fn undone(&self, state: &DistributionState, step: &UndoStep, _now: Timestamp) -> StepObservation {
        origins_of_step(step).map_or(StepObservation::Unknown, |(before, set)| state.undone(&before, &set))
    }

    /// Sets the origins of the behaviours in the step back, in the version of a fresh read, and changes nothing else.
    async fn undo(&self, _run: &Run, step: &UndoStep, _now: Timestamp) -> CallOutcome {
        let (arn, id, before, set) = match read_step(step) {
            Ok(recorded) => recorded,
            Err(unreadable) => return unreadable,
        };
        let (state, config, etag) = match distribution_state(&self.context.cloud, &id).await {
            Ok(read) => read,
            Err(failure) => return CallOutcome::not_sent("Unreadable", failure.to_string(), true),
        };
        if let Err(another) = check_arn(GET, &arn, &state.arn) {
            return CallOutcome::not_sent(another.code(), another.to_string(), false);
        }
        if let Some(outcome) = without_a_call(state.undone(&before, &set)) {
            return outcome;
        }
        set_origins(&self.context.cloud, config, &etag, &before).await
    }

    /// None: CloudFront has no API for events.
    async fn events(&self, _run: &Run, _now: Timestamp) -> Reply<Vec<Evidence>> {
        Ok(Vec::new())
    }

    fn call(&self) -> (&'static str, String) {
        ("cloudfront:UpdateDistribution", home_of_global(self.arn.partition()).to_owned())
    }
}

/// The Region of the control planes of global services (CloudFront, Route 53) in this partition.
fn home_of_global(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}
