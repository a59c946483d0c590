//! Auto Scaling: groups and their members.

use firedrill_drills::ports::{AutoScaling, Group, GroupMember, Ids, Membership, Next, Page, Reply};

use crate::{
    Cloud,
    client::{failure, page, token},
};

impl AutoScaling for Cloud {
    async fn describe_members(&self, region: &str, ids: &Ids, next: Next<'_>) -> Reply<Page<Membership>> {
        let call = self.autoscaling.reads.at(region).describe_auto_scaling_instances();
        let call = call.set_instance_ids(Some(ids.as_slice().to_vec())).set_next_token(token(next));
        let answer = call.send().await.map_err(failure("autoscaling:DescribeAutoScalingInstances"))?;
        let members = answer.auto_scaling_instances.unwrap_or_default().into_iter();
        let memberships = members.map(|member| Membership {
            instance: member.instance_id.unwrap_or_default(),
            group: member.auto_scaling_group_name.unwrap_or_default(),
            lifecycle: member.lifecycle_state.unwrap_or_default(),
        });
        Ok(page(memberships, answer.next_token))
    }

    async fn describe_groups(&self, region: &str, names: &Ids, next: Next<'_>) -> Reply<Page<Group>> {
        let call = self.autoscaling.reads.at(region).describe_auto_scaling_groups();
        let call = call.set_auto_scaling_group_names(Some(names.as_slice().to_vec()));
        let sent = call.set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("autoscaling:DescribeAutoScalingGroups"))?;
        Ok(page(answer.auto_scaling_groups.unwrap_or_default().into_iter().map(read), answer.next_token))
    }
}

fn read(group: aws_sdk_autoscaling::types::AutoScalingGroup) -> Group {
    let mut target_groups = group.target_group_arns.unwrap_or_default();
    let sources = group.traffic_sources.unwrap_or_default().into_iter();
    target_groups.extend(sources.filter_map(|source| source.identifier));
    target_groups.retain(|arn| arn.contains(":targetgroup/"));
    target_groups.sort();
    target_groups.dedup();
    let members = group.instances.unwrap_or_default().into_iter();
    Group {
        name: group.auto_scaling_group_name.unwrap_or_default(),
        desired: group.desired_capacity.and_then(|desired| usize::try_from(desired).ok()).unwrap_or(0),
        members: members
            .map(|member| GroupMember {
                id: member.instance_id.unwrap_or_default(),
                lifecycle: member.lifecycle_state.map(|s| s.as_str().to_owned()).unwrap_or_default(),
                healthy: member.health_status.is_some_and(|health| health.eq_ignore_ascii_case("healthy")),
            })
            .collect(),
        target_groups,
    }
}
