//! Auto Scaling: groups and their members.

use firedrill_drills::ports::{AutoScaling, GroupMember, Next};

use super::{ids, pages};

/// The groups that a suite reads.
#[derive(Clone, Debug)]
pub struct GroupsSubject {
    /// Their Region.
    pub region: String,
    /// The names of all of them, at most 49.
    pub groups: Vec<String>,
    /// The one that has members, each in service and healthy, as many as it should have.
    pub group: String,
    /// Their ids.
    pub members: Vec<String>,
    /// The ARN of the target group in which it registers them.
    pub target_group: String,
    /// The name of a group that does not exist.
    pub missing: String,
    /// The id of an instance that does not exist.
    pub missing_instance: String,
    /// On how many pages the groups come, at least.
    pub pages: usize,
}

/// The suite of [`AutoScaling`].
///
/// # Panics
/// A promise is broken.
pub async fn autoscaling(aws: &impl AutoScaling, of: &GroupsSubject) {
    let mut asked = of.members.clone();
    asked.push(of.missing_instance.clone());
    let read = async |page: Next<'_>| aws.describe_members(&of.region, &ids(&asked), page).await;
    let found = pages::all(read).await;
    for member in &found.0 {
        assert_eq!((member.group.as_str(), member.lifecycle.as_str()), (of.group.as_str(), "InService"));
    }
    pages::assert_same(found, |member| member.instance.clone(), &of.members, 1);

    let mut asked = of.groups.clone();
    asked.push(of.missing.clone());
    let read = async |page: Next<'_>| aws.describe_groups(&of.region, &ids(&asked), page).await;
    let found = pages::all(read).await;
    let group = found.0.iter().find(|group| group.name == of.group).cloned().expect("it exists");
    pages::assert_same(found, |group| group.name.clone(), &of.groups, of.pages);
    assert_eq!((group.desired, group.lacks()), (of.members.len(), None));
    assert_eq!(group.target_groups, [of.target_group.as_str()]);
    assert!(group.members.iter().all(GroupMember::serves), "{group:?}");
    pages::assert_same((group.members, 1), |member| member.id.clone(), &of.members, 1);

    let nobody = ids(std::slice::from_ref(&of.missing));
    let read = async |page: Next<'_>| aws.describe_groups(&of.region, &nobody, page).await;
    assert_eq!(pages::all(read).await.0, [], "a group that does not exist is no error");
}
