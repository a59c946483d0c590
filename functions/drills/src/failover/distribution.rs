//! Failover of a distribution: from its primary origin to its standby, or back.

use std::rc::Rc;

use firedrill_core::{
    CallOutcome,
    failover::{CallResult, Direction, FailoverAction, FailoverReadiness, FailoverTarget, behavior_origins},
    ports::Clock,
    request::Arn,
};

use super::{Failover, FailoverContext, WrongRule, check_arn};
use crate::{
    ports::{Distributions, Topics},
    resource_state::{distribution_id, distribution_state, set_origins},
};

/// Sets a distribution's origins to its standby, or back to its primary.
#[derive(Clone, Debug)]
pub struct DistributionFailover<C: Distributions, K> {
    context: Rc<FailoverContext<C, K>>,
    arn: Arn,
    id: String,
    primary: String,
    standby: String,
    behaviors: Vec<String>,
    /// The configuration of the last look and its version, for the call that follows the look.
    last_read: Option<(C::Config, String)>,
}

impl<C: Distributions<Config: Clone> + Topics + Clone, K: Clock + Clone> Failover
    for DistributionFailover<C, K>
{
    const PARAMETER: &'static str = "CdnFailovers";
    const ENTRY: &'static str = r#""distributionArn": "…", "primaryOrigin": "…", "standbyOrigin": "…""#;
}

impl<C: Distributions + Topics, K: Clock> DistributionFailover<C, K> {
    /// The failover of this target.
    ///
    /// # Errors
    /// The target is no distribution.
    pub fn new(context: Rc<FailoverContext<C, K>>, target: &FailoverTarget) -> Result<Self, WrongRule> {
        let FailoverTarget::Distribution { arn, primary, standby, behaviors } = target else {
            return Err(WrongRule::NotADistribution(target.arn().clone()));
        };
        Ok(Self {
            context,
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

    async fn readiness(&mut self, direction: Direction) -> Result<FailoverReadiness, FailoverReadiness> {
        self.last_read = None;
        let read = distribution_state(&self.context.cloud, &self.id);
        let (state, config, etag) = self.context.read(read).await?;
        check_arn(&state.arn, &self.arn)?;
        self.last_read = Some((config, etag));
        Ok(state.may_move(&self.primary, &self.standby, &self.behaviors, direction))
    }
}

impl<C: Distributions + Topics, K: Clock> FailoverAction for DistributionFailover<C, K> {
    async fn look(&mut self, direction: Direction, _: bool) -> FailoverReadiness {
        self.readiness(direction).await.unwrap_or_else(|unread| unread)
    }

    async fn call(&mut self, direction: Direction) -> CallResult {
        let (from, to) = self.origins(direction);
        let what = format!("cloudfront:UpdateDistribution of {}: {from} to {to}", self.id);
        let to = behavior_origins(&self.behaviors, to);
        let message = "the distribution was not read since the last call; not sent";
        let outcome = match self.last_read.take() {
            Some((config, etag)) => set_origins(&self.context.cloud, config, &etag, &to).await,
            None => CallOutcome::not_sent("NotLooked", message, true),
        };
        CallResult { outcome, what }
    }

    /// Yes: the call takes effect only on the version that was read.
    fn is_repeatable(&self) -> bool {
        true
    }

    async fn page(&mut self, text: &str) -> bool {
        self.context.tell(text).await
    }
}
