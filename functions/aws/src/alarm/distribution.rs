//! A distribution that fails over from one origin to another.

use firedrill_core::{
    CallOutcome, Prepared, Run, Seen, StepSeen, Timestamp, UndoStep,
    evidence::Evidence,
    failover::{self, DEFAULT, Direction, DistributionFacts, Places, places},
    lever::{Way, distribution_step, places_of},
    request::{Arn, OPT_IN_TAG},
};

use super::{
    kit::home_of_global,
    resource::{Ground, Resource, arn_of, not_now, ready, without_a_call},
};
use crate::{
    client::Connection,
    cloudfront::CloudFront,
    error::{Failure, Proof},
    facts::{distribution_facts, distribution_id, point},
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
fn own_step(run: &Run) -> Option<(Places, Places)> {
    let step = run.undo.iter().find(|step| step.service == "cloudfront")?;
    places_of(step).ok()
}

impl Resource for Distribution {
    type Facts = DistributionFacts;

    fn arn(&self) -> &Arn {
        &self.arn
    }

    async fn read(&self, _run: &Run, _now: Timestamp) -> Result<DistributionFacts, Failure> {
        let id = distribution_id(&self.arn).map_err(|message| Failure {
            action: "cloudfront:GetDistribution",
            proof: Proof::Refused,
            code: String::new(),
            message,
        })?;
        distribution_facts(&self.cloudfront, id).await.map(|(facts, ..)| facts)
    }

    fn prepare(
        &self,
        _run: &Run,
        facts: &DistributionFacts,
        way: &Way,
        _now: Timestamp,
    ) -> Result<Ground, Prepared> {
        let refused = |why: String| Err(Prepared::Refused(why));
        let undo = match way {
            // It is DNS that moves: nothing of the distribution is touched.
            Way::HealthCheck(_) => {
                let (key, value) = OPT_IN_TAG;
                match &facts.tags {
                    None => {
                        return Err(Prepared::Unknown(format!("the tags of {} could not be read", self.arn)));
                    }
                    Some(tags) if tags.get(key).map(String::as_str) == Some(value) => Vec::new(),
                    Some(_) => {
                        return refused(format!("{} does not carry the opt-in tag {key}={value}", self.arn));
                    }
                }
            }
            Way::Function {
                resource: failover::Resource::Distribution { primary, standby, behaviors, .. },
                ..
            } => {
                ready(
                    facts.may_move(primary, standby, behaviors, Direction::Over),
                    "the standby serves now, so there is nothing to fail over from",
                )?;
                vec![distribution_step(&self.arn, &places(behaviors, primary), &places(behaviors, standby))]
            }
            Way::Function { function, .. } => {
                return refused(format!("{} fails over no distribution", function.arn));
            }
        };
        if !facts.deployed {
            return refused(format!(
                "{} is still being deployed (InProgress): who serves cannot be told",
                self.arn
            ));
        }
        Ok(Ground { undo, database: None })
    }

    fn told(&self, run: &Run, facts: &DistributionFacts) -> String {
        let all = || Places::from([(DEFAULT.to_owned(), String::new())]);
        facts.told(&own_step(run).map_or_else(all, |(before, _)| before))
    }

    fn failed_over(&self, run: &Run, facts: &DistributionFacts) -> Seen {
        own_step(run).map_or(Seen::Unknown, |(_, set)| facts.failed_over(&set))
    }

    fn undone(&self, facts: &DistributionFacts, step: &UndoStep, _now: Timestamp) -> StepSeen {
        places_of(step).map_or(StepSeen::Unknown, |(before, set)| facts.undone(&before, &set))
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
        let (id, (before, set)) = match (distribution_id(&arn), places_of(step)) {
            (Ok(id), Ok(both)) => (id, both),
            (Err(what), _) | (_, Err(what)) => return unreadable(what),
        };
        let (facts, config, etag) = match distribution_facts(&self.cloudfront, id).await {
            Ok(read) => read,
            Err(failure) => return not_now("Unreadable", failure.to_string()),
        };
        if let Some(outcome) = without_a_call(facts.undone(&before, &set)) {
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
