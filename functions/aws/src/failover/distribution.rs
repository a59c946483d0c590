//! A distribution, from one origin to the other.

use std::time::Duration;

use firedrill_core::{
    CallOutcome,
    failover::{
        self, CallResult, Direction, FailoverAction, FailoverReadiness, FailoverTarget, behavior_origins,
    },
    request::Arn,
};

use super::{Failover, FailoverContext, tell, within};
use crate::{
    cloudfront::{CloudFront, DistributionConfig},
    pager::Pager,
    resource_state::{distribution_id, distribution_state, point},
};

/// Points a distribution to its standby, or back.
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
    /// The configuration of the last look, and its version.
    seen: Option<(DistributionConfig, String)>,
}

impl Failover for DistributionFailover {
    const PARAMETER: &'static str = "CdnFailovers";
    const ENTRY: &'static str = r#""distributionArn": "…", "primaryOrigin": "…", "standbyOrigin": "…""#;

    fn configured(
        context: &FailoverContext,
        _: &failover::FailoverRule,
        resource: &FailoverTarget,
    ) -> Result<Self, String> {
        let FailoverTarget::Distribution { arn, primary, standby, behaviors } = resource else {
            return Err(format!("this function fails over distributions, and {} is none", resource.arn()));
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
            seen: None,
        })
    }
}

impl DistributionFailover {
    fn ends(&self, direction: Direction) -> (&str, &str) {
        match direction {
            Direction::Over => (&self.primary, &self.standby),
            Direction::Back => (&self.standby, &self.primary),
        }
    }
}

impl FailoverAction for DistributionFailover {
    async fn look(&mut self, direction: Direction) -> FailoverReadiness {
        self.seen = None;
        let looked = within(self.deadline, distribution_state(&self.cloudfront, &self.id)).await;
        let (state, config, etag) = match looked {
            Ok(found) => found,
            Err(looked) => return looked,
        };
        if state.arn != self.arn.as_str() {
            return FailoverReadiness::Unfit(format!(
                "{} is not the {} that is configured",
                state.arn, self.arn
            ));
        }
        self.seen = Some((config, etag));
        state.may_move(&self.primary, &self.standby, &self.behaviors, direction)
    }

    async fn call(&mut self, direction: Direction) -> CallResult {
        let (from, to) = self.ends(direction);
        let what = format!("cloudfront:UpdateDistribution of {}: {from} to {to}", self.id);
        let to = behavior_origins(&self.behaviors, to);
        let outcome = match self.seen.take() {
            Some((config, etag)) => Box::pin(point(&self.cloudfront, config, &etag, &to)).await,
            None => CallOutcome::NotExecuted {
                code: "NotLooked".to_owned(),
                message: "nobody looked at the distribution since the last call".to_owned(),
                again: true,
            },
        };
        CallResult { outcome, what }
    }

    /// It takes effect only on the version that was looked at.
    fn is_repeatable(&self) -> bool {
        true
    }

    async fn page(&mut self, text: &str) -> bool {
        tell(&self.pager, text).await
    }
}
