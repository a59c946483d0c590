//! Groups and target groups of the targets: who in them serves, and whether they are back.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{StepSeen, instance::Healthy};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Regional;
use crate::{
    autoscaling::Group,
    ec2::Instance,
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

/// Which of the target groups know each instance, by its id or one of its addresses, and who is
/// healthy in them.
pub(super) fn known_by(
    targets: &BTreeMap<String, Vec<Target>>,
    instances: &[Instance],
) -> (BTreeMap<String, Vec<String>>, Healthy) {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for instance in instances {
        names.insert(&instance.id, &instance.id);
        names.extend(instance.addresses.iter().map(|address| (address.as_str(), instance.id.as_str())));
    }
    let (mut known, mut healthy) = (BTreeMap::<String, Vec<String>>::new(), Healthy::new());
    for (arn, targets) in targets {
        let serving = healthy.entry(arn.clone()).or_default();
        for target in targets {
            let id = names.get(target.id.as_str()).copied();
            if target.health == Health::Healthy {
                serving.push(id.unwrap_or(&target.id).to_owned());
            }
            if let Some(id) = id {
                let knowing = known.entry(id.to_owned()).or_default();
                if !knowing.contains(arn) {
                    knowing.push(arn.clone());
                }
            }
        }
    }
    (known, healthy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, health: Health) -> Target {
        Target { id: id.to_owned(), health }
    }

    #[test]
    fn an_instance_that_is_registered_by_its_address_is_known() {
        let instance =
            Instance { id: "i-1".to_owned(), addresses: vec!["10.0.0.1".to_owned()], ..Instance::default() };
        let targets = BTreeMap::from([(
            "arn".to_owned(),
            vec![target("10.0.0.1", Health::Healthy), target("10.0.0.2", Health::Healthy)],
        )]);
        let (known, healthy) = known_by(&targets, &[instance]);
        assert_eq!(known["i-1"], ["arn"]);
        assert_eq!(healthy["arn"], ["i-1", "10.0.0.2"]);
    }

    #[test]
    fn a_target_that_is_taken_out_does_not_count_against_its_group() {
        assert!(serves(&[target("i-1", Health::Healthy), target("i-2", Health::NotExpected)]));
        assert!(!serves(&[target("i-1", Health::Healthy), target("i-2", Health::Unhealthy)]));
        assert!(!serves(&[]), "the replacement is not registered yet");
    }
}
