//! Failover of a distribution: from its primary origin to its standby, or back.

use std::time::Duration;

use firedrill_core::{
    CallOutcome,
    failover::{
        CallResult, Direction, FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget,
        behavior_origins,
    },
    request::Arn,
};

use super::{CannotMove, Failover, FailoverContext, WrongRule, read_state, tell};
use crate::{
    cloudfront::{CloudFront, DistributionSettings},
    pager::Pager,
    resource_state::{distribution_id, distribution_state, point},
};

/// Sets a distribution's origins to its standby, or back to its primary.
#[derive(Clone, Debug)]
pub struct DistributionFailover {
    cloudfront: CloudFront,
    pager: Pager,
    deadline: Duration,
    arn: Arn,
    id: String,
    primary: String,
    standby: String,
    behaviors: Vec<String>,
    /// The configuration of the last look and its version, for the call that follows the look.
    last_read: Option<(DistributionSettings, String)>,
}

impl Failover for DistributionFailover {
    const PARAMETER: &'static str = "CdnFailovers";
    const ENTRY: &'static str = r#""distributionArn": "…", "primaryOrigin": "…", "standbyOrigin": "…""#;

    fn configured(
        context: &FailoverContext,
        _: &FailoverRule,
        target: &FailoverTarget,
    ) -> Result<Self, String> {
        Self::new(context, target).map_err(|error| error.to_string())
    }
}

impl DistributionFailover {
    fn new(context: &FailoverContext, target: &FailoverTarget) -> Result<Self, WrongRule> {
        let FailoverTarget::Distribution { arn, primary, standby, behaviors } = target else {
            return Err(WrongRule::NotADistribution(target.arn().clone()));
        };
        Ok(Self {
            cloudfront: CloudFront::new(&context.connection),
            pager: context.pager.clone(),
            deadline: context.settings.call_deadline,
            id: distribution_id(arn)?.to_owned(),
            arn: arn.clone(),
            primary: primary.clone(),
            standby: standby.clone(),
            behaviors: behaviors.clone(),
            last_read: None,
        })
    }

    /// The origin that traffic leaves, and the one that it moves to.
    fn origins(&self, direction: Direction) -> (&str, &str) {
        match direction {
            Direction::Over => (&self.primary, &self.standby),
            Direction::Back => (&self.standby, &self.primary),
        }
    }

    async fn readiness(&mut self, direction: Direction) -> Result<FailoverReadiness, CannotMove> {
        self.last_read = None;
        let read = distribution_state(&self.cloudfront, &self.id);
        let (state, config, etag) = read_state(self.deadline, read).await?;
        if state.arn != self.arn.as_str() {
            return Err(CannotMove::WrongResource { found: state.arn, configured: self.arn.clone() });
        }
        self.last_read = Some((config, etag));
        Ok(state.may_move(&self.primary, &self.standby, &self.behaviors, direction))
    }
}

impl FailoverAction for DistributionFailover {
    async fn look(&mut self, direction: Direction) -> FailoverReadiness {
        self.readiness(direction).await.unwrap_or_else(FailoverReadiness::from)
    }

    async fn call(&mut self, direction: Direction) -> CallResult {
        let (from, to) = self.origins(direction);
        let what = format!("cloudfront:UpdateDistribution of {}: {from} to {to}", self.id);
        let to = behavior_origins(&self.behaviors, to);
        let outcome = match self.last_read.take() {
            Some((config, etag)) => Box::pin(point(&self.cloudfront, config, &etag, &to)).await,
            None => CallOutcome::NotExecuted {
                code: "NotLooked".to_owned(),
                message: "the distribution was not read since the last call; not sent".to_owned(),
                again: true,
            },
        };
        CallResult { outcome, what }
    }

    /// Yes: the call takes effect only on the version that was read.
    fn is_repeatable(&self) -> bool {
        true
    }

    async fn page(&mut self, text: &str) -> bool {
        tell(&self.pager, text).await
    }
}
