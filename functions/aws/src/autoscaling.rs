//! Auto Scaling: who belongs to which group, and how the groups are.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::{Client, types::LifecycleState};
use firedrill_core::instance::Membership;

use crate::{client::Connection, error::Failure};

/// As many ids as `DescribeAutoScalingInstances` takes.
const MAX_IDS: usize = 50;
/// As many names as we put into one call.
const MAX_NAMES: usize = 50;

/// Auto Scaling in one Region.
#[derive(Clone, Debug)]
pub struct AutoScaling {
    reads: Client,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many members it wants.
    pub desired: usize,
    /// Its members.
    pub members: Vec<Member>,
    /// The target groups it registers them with.
    pub target_groups: Vec<String>,
}

/// One member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// `i-…`
    pub id: String,
    /// `InService`, `Terminating`, …
    pub lifecycle: String,
    /// Whether the group takes it for healthy.
    pub healthy: bool,
}

impl Member {
    /// In service and healthy.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.healthy && self.lifecycle == LifecycleState::InService.as_str()
    }
}

impl Group {
    /// How many members serve.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.members.iter().filter(|member| member.serves()).count()
    }

    /// What keeps it from being whole; nothing if it has as many members as it wants, and none that is coming,
    /// going or ill.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        if let Some(Member { id, lifecycle, healthy }) = self.members.iter().find(|member| !member.serves()) {
            let health = if *healthy { "" } else { " and not healthy" };
            return Some(format!("{id} is {lifecycle}{health}"));
        }
        let (serving, desired) = (self.serving(), self.desired);
        (serving < desired).then(|| format!("{serving} in service of {desired} desired"))
    }
}

impl AutoScaling {
    /// Auto Scaling in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }

    /// Which of these instances belong to a group, and where they stand in it.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn memberships(&self, ids: &[String]) -> Result<BTreeMap<String, Membership>, Failure> {
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(MAX_IDS) {
            let call = self.reads.describe_auto_scaling_instances().set_instance_ids(Some(chunk.to_vec()));
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page =
                    page.map_err(|error| Failure::of("autoscaling:DescribeAutoScalingInstances", &error))?;
                for member in page.auto_scaling_instances.unwrap_or_default() {
                    let membership = Membership {
                        group: member.auto_scaling_group_name.unwrap_or_default(),
                        lifecycle: member.lifecycle_state.unwrap_or_default(),
                    };
                    found.insert(member.instance_id.unwrap_or_default(), membership);
                }
            }
        }
        Ok(found)
    }

    /// Those of these groups that exist.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn groups(&self, names: &[String]) -> Result<Vec<Group>, Failure> {
        let mut found = Vec::new();
        for chunk in names.chunks(MAX_NAMES) {
            let call =
                self.reads.describe_auto_scaling_groups().set_auto_scaling_group_names(Some(chunk.to_vec()));
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page =
                    page.map_err(|error| Failure::of("autoscaling:DescribeAutoScalingGroups", &error))?;
                found.extend(page.auto_scaling_groups.unwrap_or_default().into_iter().map(read));
            }
        }
        Ok(found)
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
            .map(|member| Member {
                id: member.instance_id.unwrap_or_default(),
                lifecycle: member.lifecycle_state.map(|s| s.as_str().to_owned()).unwrap_or_default(),
                healthy: member.health_status.is_some_and(|health| health.eq_ignore_ascii_case("healthy")),
            })
            .collect(),
        target_groups,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(desired: usize, members: &[(&str, bool)]) -> Group {
        let members = members.iter().map(|(lifecycle, healthy)| Member {
            id: "i-1".to_owned(),
            lifecycle: (*lifecycle).to_owned(),
            healthy: *healthy,
        });
        Group { desired, members: members.collect(), ..Group::default() }
    }

    #[test]
    fn a_group_that_still_terminates_a_member_is_at_strength_but_not_whole() {
        let group = group(1, &[("InService", true), ("Terminating", false)]);
        assert_eq!(
            (group.serving(), group.lacks().as_deref()),
            (1, Some("i-1 is Terminating and not healthy"))
        );
    }

    #[test]
    fn a_member_in_service_that_is_ill_does_not_serve() {
        assert_eq!(group(1, &[("InService", false)]).lacks().unwrap(), "i-1 is InService and not healthy");
        assert_eq!(group(1, &[("InService", true)]).lacks(), None);
        assert_eq!(group(2, &[("InService", true)]).lacks().unwrap(), "1 in service of 2 desired");
    }
}
