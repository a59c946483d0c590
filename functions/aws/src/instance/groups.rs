//! Groups and target groups of the targets: who in them serves, and whether they are back.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::StepSeen;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Regional;
use crate::{
    autoscaling::Group,
    elbv2::{Health, Target},
    error::Failure,
};

/// So many calls at once.
pub(super) const AT_ONCE: usize = 10;

/// The targets of these target groups.
pub(super) async fn targets_of(
    aws: &Regional,
    arns: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, Vec<Target>>, Failure> {
    let asked = stream::iter(arns).map(async |arn| {
        let targets = aws.balancing.targets(&arn).await?;
        Ok((arn, targets))
    });
    asked.buffer_unordered(AT_ONCE).try_collect().await
}

/// Whether these groups are back: at their desired size, all members in service, all targets healthy.
pub(super) async fn are_back(aws: &Regional, names: &BTreeSet<String>) -> StepSeen {
    if names.is_empty() {
        return StepSeen::Done;
    }
    let names: Vec<String> = names.iter().cloned().collect();
    let Ok(groups) = aws.groups.groups(&names).await else { return StepSeen::Unknown };
    if !groups.iter().all(Group::is_whole) {
        return StepSeen::Busy;
    }
    let wanting = groups.iter().filter(|group| group.desired > 0);
    let arns: BTreeSet<String> = wanting.flat_map(|group| group.target_groups.clone()).collect();
    match targets_of(aws, arns).await {
        Ok(found) if found.values().all(|targets| serves(targets)) => StepSeen::Done,
        Ok(_) => StepSeen::Busy,
        Err(_) => StepSeen::Unknown,
    }
}

/// No target that should serve does not; and it is not that none is registered yet.
fn serves(targets: &[Target]) -> bool {
    !targets.is_empty() && targets.iter().all(|target| target.health != Health::Unhealthy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, health: Health) -> Target {
        Target { id: id.to_owned(), health }
    }

    #[test]
    fn a_target_that_is_taken_out_does_not_count_against_its_group() {
        assert!(serves(&[target("i-1", Health::Healthy), target("i-2", Health::NotExpected)]));
        assert!(!serves(&[target("i-1", Health::Healthy), target("i-2", Health::Unhealthy)]));
        assert!(!serves(&[]), "the replacement is not registered yet");
    }
}
