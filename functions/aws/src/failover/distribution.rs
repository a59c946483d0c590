//! A distribution, from one origin to the other.

use std::time::Duration;

use firedrill_core::{
    CallOutcome,
    failover::{self, Direction, Effect, Looked, Resource, Sent, places},
    request::Arn,
};

use super::{Failover, Home, tell, within};
use crate::{
    cloudfront::{CloudFront, Config},
    facts::{distribution_facts, distribution_id, point},
    pager::Pager,
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
    seen: Option<(Config, String)>,
}

impl Failover for DistributionFailover {
    const PARAMETER: &'static str = "CdnFailovers";
    const ENTRY: &'static str = r#""distributionArn": "…", "primaryOrigin": "…", "standbyOrigin": "…""#;

    fn configured(home: &Home, _: &failover::Config, resource: &Resource) -> Result<Self, String> {
        let Resource::Distribution { arn, primary, standby, behaviors } = resource else {
            return Err(format!("this function fails over distributions, and {} is none", resource.arn()));
        };
        Ok(Self {
            cloudfront: CloudFront::new(&home.connection),
            pager: home.pager.clone(),
            deadline: home.settings.call_deadline,
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

impl Effect for DistributionFailover {
    async fn look(&mut self, direction: Direction) -> Looked {
        self.seen = None;
        let looked = within(self.deadline, distribution_facts(&self.cloudfront, &self.id)).await;
        let (facts, config, etag) = match looked {
            Ok(found) => found,
            Err(looked) => return looked,
        };
        if facts.arn != self.arn.as_str() {
            return Looked::Unfit(format!("{} is not the {} that is configured", facts.arn, self.arn));
        }
        self.seen = Some((config, etag));
        facts.may_move(&self.primary, &self.standby, &self.behaviors, direction)
    }

    async fn call(&mut self, direction: Direction) -> Sent {
        let (from, to) = self.ends(direction);
        let what = format!("cloudfront:UpdateDistribution of {}: {from} to {to}", self.id);
        let to = places(&self.behaviors, to);
        let outcome = match self.seen.take() {
            Some((config, etag)) => Box::pin(point(&self.cloudfront, config, &etag, &to)).await,
            None => CallOutcome::NotExecuted {
                code: "NotLooked".to_owned(),
                message: "nobody looked at the distribution since the last call".to_owned(),
                again: true,
            },
        };
        Sent { outcome, what }
    }

    /// It takes effect only on the version that was looked at.
    fn is_repeatable(&self) -> bool {
        true
    }

    async fn page(&mut self, text: &str) -> bool {
        tell(&self.pager, text).await
    }
}
