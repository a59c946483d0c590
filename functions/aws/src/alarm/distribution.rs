//! A distribution that fails over from one origin to another.

use firedrill_core::{
    CallOutcome, Readiness, Run, StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{self, BehaviorOrigins, DEFAULT_BEHAVIOR, Direction, DistributionState, behavior_origins},
    request::{Arn, OPT_IN_TAG},
    trigger::{FailoverPath, distribution_step, origins_of_step},
};

use super::{
    kit::home_of_global,
    target::{AlarmDrillTarget, FailoverPlan, arn_of, not_now, ready, without_a_call},
};
use crate::{
    client::Connection,
    cloudfront::CloudFront,
    error::{Failure, Proof},
    resource_state::{distribution_id, distribution_state, point},
};

/// A distribution, as a drill fails it over.
#[derive(Clone, Debug)]
pub struct Distribution {
    cloudfront: CloudFront,
    arn: Arn,
}

impl Distribution {
    pub(super) const fn new(cloudfront: CloudFront, arn: Arn) -> Self {
        Self { cloudfront, arn }
    }
}

/// The step that points it back, if the run has one.
fn own_step(run: &Run) -> Option<(BehaviorOrigins, BehaviorOrigins)> {
    let step = run.undo.iter().find(|step| step.service == "cloudfront")?;
    origins_of_step(step).ok()
}

impl AlarmDrillTarget for Distribution {
    type State = DistributionState;

    fn arn(&self) -> &Arn {
        &self.arn
    }

    async fn read(&self, _run: &Run, _now: Timestamp) -> Result<DistributionState, Failure> {
        let id = distribution_id(&self.arn).map_err(|message| Failure {
            action: "cloudfront:GetDistribution",
            proof: Proof::Refused,
            code: String::new(),
            message,
        })?;
        distribution_state(&self.cloudfront, id).await.map(|(state, ..)| state)
    }

    fn prepare(
        &self,
        _run: &Run,
        state: &DistributionState,
        path: &FailoverPath,
        _now: Timestamp,
    ) -> Result<FailoverPlan, Readiness> {
        let refused = |why: String| Err(Readiness::Refused(why));
        let undo = match path {
            // It is DNS that moves: nothing of the distribution is touched.
            FailoverPath::HealthCheck(_) => {
                let (key, value) = OPT_IN_TAG;
                match &state.tags {
                    None => {
                        return Err(Readiness::Unknown(format!(
                            "the tags of {} could not be read",
                            self.arn
                        )));
                    }
                    Some(tags) if tags.get(key).map(String::as_str) == Some(value) => Vec::new(),
                    Some(_) => {
                        return refused(format!("{} does not carry the opt-in tag {key}={value}", self.arn));
                    }
                }
            }
            FailoverPath::Function {
                resource: failover::AlarmDrillTarget::Distribution { primary, standby, behaviors, .. },
                ..
            } => {
                ready(
                    state.may_move(primary, standby, behaviors, Direction::Over),
                    "the standby serves now, so there is nothing to fail over from",
                )?;
                vec![distribution_step(
                    &self.arn,
                    &behavior_origins(behaviors, primary),
                    &behavior_origins(behaviors, standby),
                )]
            }
            FailoverPath::Function { function, .. } => {
                return refused(format!("{} fails over no distribution", function.arn));
            }
        };
        if !state.deployed {
            return refused(format!(
                "{} is still being deployed (InProgress): who serves cannot be told",
                self.arn
            ));
        }
        Ok(FailoverPlan { undo, database: None })
    }

    fn describe(&self, run: &Run, state: &DistributionState) -> String {
        let all = || BehaviorOrigins::from([(DEFAULT_BEHAVIOR.to_owned(), String::new())]);
        state.describe(&own_step(run).map_or_else(all, |(before, _)| before))
    }

    fn failed_over(&self, run: &Run, state: &DistributionState) -> Tristate {
        own_step(run).map_or(Tristate::Unknown, |(_, set)| state.failed_over(&set))
    }

    fn undone(&self, state: &DistributionState, step: &UndoStep, _now: Timestamp) -> StepObservation {
        origins_of_step(step).map_or(StepObservation::Unknown, |(before, set)| state.undone(&before, &set))
    }

    /// On a fresh look and its version, changing our places alone.
    async fn undo(&self, _run: &Run, step: &UndoStep, _now: Timestamp) -> CallOutcome {
        let unreadable = |message: String| CallOutcome::NotExecuted {
            code: "UnreadableRecord".to_owned(),
            message,
            again: false,
        };
        let arn = match arn_of(step) {
            Ok(arn) => arn,
            Err(outcome) => return outcome,
        };
        let (id, (before, set)) = match (distribution_id(&arn), origins_of_step(step)) {
            (Ok(id), Ok(both)) => (id, both),
            (Err(what), _) | (_, Err(what)) => return unreadable(what),
        };
        let (state, config, etag) = match distribution_state(&self.cloudfront, id).await {
            Ok(read) => read,
            Err(failure) => return not_now("Unreadable", failure.to_string()),
        };
        if let Some(outcome) = without_a_call(state.undone(&before, &set)) {
            return outcome;
        }
        point(&self.cloudfront, config, &etag, &before).await
    }

    /// CloudFront tells of none.
    async fn events(&self, _run: &Run, _now: Timestamp) -> Result<Vec<Evidence>, Failure> {
        Ok(Vec::new())
    }

    fn call(&self) -> (&'static str, String) {
        ("cloudfront:UpdateDistribution", home_of_global(self.arn.partition()).to_owned())
    }
}

/// CloudFront, reached where it is signed for.
pub(super) fn cloudfront(connection: &Connection, partition: &str) -> CloudFront {
    CloudFront::new(&connection.in_region(home_of_global(partition)))
}
