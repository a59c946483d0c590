//! Groups and target groups of the targets: who in them serves, and whether they are back.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::StepObservation;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::RegionalClients;
use crate::{
    elbv2::{Health, Target},
    error::Failure,
};

/// So many calls at once.
pub(super) const MAX_CONCURRENT_CALLS: usize = 10;

/// The targets of these target groups.
pub(super) async fn targets_of(
    aws: &RegionalClients,
    arns: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, Vec<Target>>, Failure> {
    let asked = stream::iter(arns).map(async |arn| {
        let targets = aws.balancing.targets(&arn).await?;
        Ok((arn, targets))
    });
    asked.buffer_unordered(MAX_CONCURRENT_CALLS).try_collect().await
}

/// Whether these groups are back: at their desired size, all members in service, all targets healthy.
pub(super) async fn are_back(aws: &RegionalClients, names: &BTreeSet<String>) -> StepObservation {
    match lacks(aws, names).await {
        Ok(None) => StepObservation::Done,
        Ok(Some(_)) => StepObservation::Busy,
        Err(_) => StepObservation::Unknown,
    }
}

/// What keeps the first of these groups that is not whole from it; nothing if all of them are. The same is asked
/// before a drill and after it: a group that is not whole before would never be seen to be back.
pub(super) async fn lacks(
    aws: &RegionalClients,
    names: &BTreeSet<String>,
) -> Result<Option<String>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let groups = aws.groups.groups(&names.iter().cloned().collect::<Vec<_>>()).await?;
    let first = groups.iter().find_map(|group| Some((&group.name, group.lacks()?)));
    if let Some((name, what)) = first {
        return Ok(Some(format!("Auto Scaling group {name} is not whole: {what}")));
    }
    let wanting = groups.iter().filter(|group| group.desired > 0);
    let arns: BTreeSet<String> = wanting.flat_map(|group| group.target_groups.clone()).collect();
    let found = targets_of(aws, arns).await?;
    let first = found.iter().find_map(|(arn, targets)| Some((arn, lacks_target(targets)?)));
    Ok(first.map(|(arn, what)| format!("target group {arn} is not whole: {what}")))
}

/// Whether a target that should serve does not, or none is registered yet.
fn lacks_target(targets: &[Target]) -> Option<String> {
    if targets.is_empty() {
        return Some("no target is registered".to_owned());
    }
    let ill = targets.iter().find(|target| target.health == Health::Unhealthy)?;
    Some(format!("target {} is not healthy", ill.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, health: Health) -> Target {
        Target { id: id.to_owned(), health }
    }

    #[test]
    fn a_target_that_is_taken_out_does_not_count_against_its_group() {
        let taken_out = [target("i-1", Health::Healthy), target("i-2", Health::NotExpected)];
        assert_eq!(lacks_target(&taken_out), None);
        let ill = [target("i-1", Health::Healthy), target("i-2", Health::Unhealthy)];
        assert_eq!(lacks_target(&ill).unwrap(), "target i-2 is not healthy");
        assert!(lacks_target(&[]).is_some(), "the replacement is not registered yet");
    }
}
