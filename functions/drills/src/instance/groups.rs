//! Auto Scaling groups and target groups of the targets: whether they are whole.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{StepObservation, ports::Clock};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Cloud, InstanceDrill, candidates::MAX_CONCURRENT_CALLS};
use crate::ports::{Reply, Target};

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    /// The targets of these target groups, by the group's ARN.
    pub(super) async fn targets_of(
        &self,
        arns: impl IntoIterator<Item = String>,
    ) -> Reply<BTreeMap<String, Vec<Target>>> {
        let asked = stream::iter(arns).map(async |arn| {
            let targets = self.context.cloud.target_health(self.region(), &arn).await?;
            Ok((arn, targets))
        });
        asked.buffer_unordered(MAX_CONCURRENT_CALLS).try_collect().await
    }

    /// Whether these Auto Scaling groups are whole again: at their desired size, all members in service, all targets
    /// healthy.
    pub(super) async fn are_whole(&self, names: &BTreeSet<String>) -> StepObservation {
        match self.lacks(names).await {
            Ok(None) => StepObservation::Done,
            Ok(Some(_)) => StepObservation::Busy,
            Err(_) => StepObservation::Unknown,
        }
    }

    /// What the first of these groups that is not whole lacks; none if all are whole. Asked before and after a drill: a
    /// group that is not whole before would not be seen to return to it.
    pub(super) async fn lacks(&self, names: &BTreeSet<String>) -> Reply<Option<String>> {
        let groups = self.groups_named(&names.iter().cloned().collect::<Vec<_>>()).await?;
        let first = groups.iter().find_map(|group| Some((&group.name, group.lacks()?)));
        if let Some((name, what)) = first {
            return Ok(Some(format!("Auto Scaling group {name} is not whole: {what}")));
        }
        let in_use = groups.iter().filter(|group| group.desired > 0);
        let arns: BTreeSet<String> = in_use.flat_map(|group| group.target_groups.clone()).collect();
        let found = self.targets_of(arns).await?;
        let first = found.iter().find_map(|(arn, targets)| Some((arn, lacks_target(targets)?)));
        Ok(first.map(|(arn, what)| format!("target group {arn} is not whole: {what}")))
    }
}

/// What a target group lacks: a target that should serve is unhealthy, or none is registered yet.
fn lacks_target(targets: &[Target]) -> Option<String> {
    if targets.is_empty() {
        return Some("no target is registered".to_owned());
    }
    let unhealthy = targets.iter().find(|target| target.is_unhealthy())?;
    Some(format!("target {} is not healthy", unhealthy.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, state: &str) -> Target {
        Target { id: id.to_owned(), state: state.to_owned() }
    }

    #[test]
    fn a_target_that_is_taken_out_does_not_count_against_its_group() {
        let taken_out = [target("i-1", "healthy"), target("i-2", "draining"), target("i-3", "unused")];
        assert_eq!(lacks_target(&taken_out), None);
        for state in ["unhealthy", "initial", "unavailable", ""] {
            let unhealthy = [target("i-1", "healthy"), target("i-2", state)];
            assert_eq!(lacks_target(&unhealthy).unwrap(), "target i-2 is not healthy", "{state}");
        }
        assert!(lacks_target(&[]).is_some(), "the replacement is not registered yet");
    }
}
