//! Elastic Load Balancing: target groups, and the health of their targets.

use firedrill_drills::ports::{LoadBalancers, Next, Page, Reply, Target, TargetGroup};

use crate::{
    Cloud,
    client::{failure, page, token},
};

impl LoadBalancers for Cloud {
    async fn describe_target_groups(&self, region: &str, next: Next<'_>) -> Reply<Page<TargetGroup>> {
        let call = self.balancing.reads.at(region).describe_target_groups().set_marker(token(next));
        let answer = call.send().await.map_err(failure("elasticloadbalancing:DescribeTargetGroups"))?;
        let groups = answer.target_groups.unwrap_or_default().into_iter().map(|group| TargetGroup {
            arn: group.target_group_arn.unwrap_or_default(),
            vpc: group.vpc_id,
            target_type: group.target_type.map(|kind| kind.as_str().to_owned()),
        });
        Ok(page(groups, answer.next_marker))
    }

    async fn target_health(&self, region: &str, group: &str) -> Reply<Vec<Target>> {
        let call = self.balancing.reads.at(region).describe_target_health().target_group_arn(group);
        let answer = call.send().await.map_err(failure("elasticloadbalancing:DescribeTargetHealth"))?;
        let described = answer.target_health_descriptions.unwrap_or_default().into_iter();
        let targets = described.filter_map(|one| {
            let state = one.target_health.and_then(|health| health.state);
            let state = state.map(|state| state.as_str().to_owned()).unwrap_or_default();
            Some(Target { id: one.target?.id?, state })
        });
        Ok(targets.collect())
    }
}
