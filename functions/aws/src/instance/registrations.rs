//! Which target groups know an instance.

use std::collections::BTreeMap;

use firedrill_core::instance::Healthy;

use crate::{
    ec2::Instance,
    elbv2::{Health, Target},
};

/// Which of the target groups know each instance, by its id or one of its addresses, and who is
/// healthy in them.
pub(super) fn registered_in(
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
        let (known, healthy) = registered_in(&targets, &[instance]);
        assert_eq!(known["i-1"], ["arn"]);
        assert_eq!(healthy["arn"], ["i-1", "10.0.0.2"]);
    }
}
