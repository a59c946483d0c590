//! Elastic Load Balancing: target groups, and the health of their targets.

use aws_sdk_elasticloadbalancingv2::{
    Client,
    types::{TargetHealthStateEnum, TargetTypeEnum},
};

use crate::{client::Connection, error::Failure};

/// Elastic Load Balancing in one Region.
#[derive(Clone, Debug)]
pub struct LoadBalancing {
    reads: Client,
}

/// One target of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// An instance id or an address.
    pub id: String,
    /// Its health.
    pub health: Health,
}

/// The health of a target, as far as a drill needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The load balancer sends it requests (`healthy`).
    Healthy,
    /// It should get requests, and does not: any state but those of the other variants, an unknown one included.
    Unhealthy,
    /// It need not serve: it is being deregistered (`draining`), or no load balancer uses the target group
    /// (`unused`).
    NotExpected,
}

impl LoadBalancing {
    /// Elastic Load Balancing in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }

    /// The ARNs of the target groups of these VPCs whose targets are instances or addresses.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn target_groups(&self, vpcs: &[&str]) -> Result<Vec<String>, Failure> {
        let mut pages = self.reads.describe_target_groups().into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| Failure::of("elasticloadbalancing:DescribeTargetGroups", &error))?;
            for group in page.target_groups.unwrap_or_default() {
                let kind =
                    matches!(group.target_type, None | Some(TargetTypeEnum::Instance | TargetTypeEnum::Ip));
                let here = group.vpc_id.as_deref().is_none_or(|vpc| vpcs.contains(&vpc));
                if kind && here {
                    found.extend(group.target_group_arn);
                }
            }
        }
        Ok(found)
    }

    /// The targets of a target group. The answer has no further pages.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn targets(&self, arn: &str) -> Result<Vec<Target>, Failure> {
        let answer = self.reads.describe_target_health().target_group_arn(arn).send().await;
        let answer =
            answer.map_err(|error| Failure::of("elasticloadbalancing:DescribeTargetHealth", &error))?;
        let described = answer.target_health_descriptions.unwrap_or_default().into_iter();
        let targets = described.filter_map(|one| {
            let id = one.target?.id?;
            let health = match one.target_health.and_then(|health| health.state) {
                Some(TargetHealthStateEnum::Healthy) => Health::Healthy,
                Some(
                    TargetHealthStateEnum::Draining
                    | TargetHealthStateEnum::Unused
                    | TargetHealthStateEnum::UnhealthyDraining,
                ) => Health::NotExpected,
                _ => Health::Unhealthy,
            };
            Some(Target { id, health })
        });
        Ok(targets.collect())
    }
}
