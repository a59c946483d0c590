//! Registrations: the target groups in which an instance is registered.

use std::collections::BTreeMap;

use firedrill_core::instance::Healthy;

use crate::{
    ec2::Instance,
    elbv2::{Health, Target},
};

/// The target groups in which each instance is registered, by its id or one of its addresses, and the healthy
/// targets of each target group.
pub(super) fn registered_in(
    targets: &BTreeMap<String, Vec<Target>>,
    instances: &[Instance],
) -> (BTreeMap<String, Vec<String>>, Healthy) {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for instance in instances {
        ids.insert(&instance.id, &instance.id);
        ids.extend(instance.addresses.iter().map(|address| (address.as_str(), instance.id.as_str())));
    }
    let (mut registered, mut healthy) = (BTreeMap::<String, Vec<String>>::new(), Healthy::new());
    for (arn, targets) in targets {
        let serving = healthy.entry(arn.clone()).or_default();
        for target in targets {
            let id = ids.get(target.id.as_str()).copied();
            if target.health == Health::Healthy {
                serving.push(id.unwrap_or(&target.id).to_owned());
            }
            if let Some(id) = id {
                let groups = registered.entry(id.to_owned()).or_default();
                if !groups.contains(arn) {
                    groups.push(arn.clone());
                }
            }
        }
    }
    (registered, healthy)
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
        let (registered, healthy) = registered_in(&targets, &[instance]);
        assert_eq!(registered["i-1"], ["arn"]);
        assert_eq!(healthy["arn"], ["i-1", "10.0.0.2"]);
    }
}
