//! Auto Scaling: groups and their members.

use super::{Ids, Next, Page, Reply};

/// One group, as `DescribeAutoScalingGroups` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its desired capacity.
    pub desired: usize,
    /// Its members.
    pub members: Vec<GroupMember>,
    /// The ARNs of the target groups in which it registers its members.
    pub target_groups: Vec<String>,
}

/// One member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMember {
    /// `i-…`
    pub id: String,
    /// `InService`, `Terminating`, …
    pub lifecycle: String,
    /// Whether Auto Scaling counts it as healthy.
    pub healthy: bool,
}

/// The group of one instance, as `DescribeAutoScalingInstances` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The instance, `i-…`.
    pub instance: String,
    /// The group's name.
    pub group: String,
    /// The instance's state there: `InService`, `Standby`, …
    pub lifecycle: String,
}

/// Auto Scaling.
pub trait AutoScaling {
    /// `DescribeAutoScalingInstances`: the groups of those of these, at most 50, that are in one.
    async fn describe_members(&self, region: &str, ids: &Ids, page: Next<'_>) -> Reply<Page<Membership>>;

    /// `DescribeAutoScalingGroups`: those of these, at most 50, that exist.
    async fn describe_groups(&self, region: &str, names: &Ids, page: Next<'_>) -> Reply<Page<Group>>;
}

impl GroupMember {
    /// Whether it is in service and healthy.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.healthy && self.lifecycle == "InService"
    }
}

impl Group {
    /// How many members serve.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.members.iter().filter(|member| member.serves()).count()
    }

    /// What it lacks to be whole; none if it has its desired capacity, and every member is in service and healthy.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        if let Some(GroupMember { id, lifecycle, healthy }) =
            self.members.iter().find(|member| !member.serves())
        {
            let health = if *healthy { "" } else { " and not healthy" };
            return Some(format!("{id} is {lifecycle}{health}"));
        }
        let (serving, desired) = (self.serving(), self.desired);
        (serving < desired).then(|| format!("{serving} in service of {desired} desired"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(desired: usize, members: &[(&str, bool)]) -> Group {
        let members = members.iter().map(|(lifecycle, healthy)| GroupMember {
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
