//! Elastic Load Balancing: target groups, and the health of their targets.

use super::{Next, Page, Reply};

/// One target group, as `DescribeTargetGroups` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Its VPC; none if the answer does not say.
    pub vpc: Option<String>,
    /// What its targets are: `instance`, `ip`, `lambda`, `alb`; none if the answer does not say.
    pub target_type: Option<String>,
}

/// One target of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// An instance id or an address.
    pub id: String,
    /// `healthy`, `unhealthy`, `draining`, `unused`, …; empty if the answer does not say.
    pub state: String,
}

impl Target {
    /// Whether the load balancer sends it requests.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.state == "healthy"
    }

    /// Whether it should get requests, and does not: any state but `healthy` and those of a target that need not serve,
    /// because it is being deregistered or no load balancer uses its group. A state that this version does not know is
    /// unhealthy.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        !matches!(self.state.as_str(), "healthy" | "draining" | "unused" | "unhealthy.draining")
    }
}

/// Elastic Load Balancing.
pub trait LoadBalancers {
    /// `DescribeTargetGroups`: those of the Region.
    async fn describe_target_groups(&self, region: &str, page: Next<'_>) -> Reply<Page<TargetGroup>>;

    /// `DescribeTargetHealth`: every target of this group. The answer has no pages.
    async fn target_health(&self, region: &str, group: &str) -> Reply<Vec<Target>>;
}
