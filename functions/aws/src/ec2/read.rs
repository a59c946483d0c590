//! What `DescribeInstances` says, and how it is asked.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Instance as SdkInstance, InstanceLifecycleType};

/// As many values as one filter takes.
const MAX_FILTER_VALUES: usize = 200;
/// The tag by which Auto Scaling marks its members; terminated ones still carry it.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// One instance, as `DescribeInstances` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// The account that owns it.
    pub account: String,
    /// Its Availability Zone.
    pub zone: String,
    /// `running`, `stopped`, …
    pub state: String,
    /// `ebs` or `instance-store`.
    pub root_device_type: String,
    /// Whether it is a Spot instance.
    pub spot: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its EBS volumes.
    pub volumes: Vec<String>,
    /// Its private addresses: a target group may know it by one of them.
    pub addresses: Vec<String>,
    /// Its VPC.
    pub vpc: String,
}

impl Instance {
    /// The Auto Scaling group it is, or was, a member of.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.tags.get(GROUP_TAG).map(String::as_str)
    }
}

/// One filter for every so many values; none at all for none.
pub(super) fn filters(name: &str, values: &[String]) -> Vec<Filter> {
    let chunks = values.chunks(MAX_FILTER_VALUES);
    chunks.map(|chunk| Filter::builder().name(name).set_values(Some(chunk.to_vec())).build()).collect()
}

pub(super) fn read(instance: SdkInstance, account: &str) -> Instance {
    let devices = instance.block_device_mappings.unwrap_or_default().into_iter();
    let mut addresses: Vec<String> = instance.private_ip_address.into_iter().collect();
    for interface in instance.network_interfaces.unwrap_or_default() {
        let private = interface.private_ip_addresses.unwrap_or_default();
        addresses.extend(private.into_iter().filter_map(|address| address.private_ip_address));
    }
    let tags = instance.tags.unwrap_or_default().into_iter();
    let state = instance.state.and_then(|state| state.name);
    Instance {
        id: instance.instance_id.unwrap_or_default(),
        account: account.to_owned(),
        zone: instance.placement.and_then(|place| place.availability_zone).unwrap_or_default(),
        state: state.map(|name| name.as_str().to_owned()).unwrap_or_default(),
        root_device_type: instance.root_device_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        spot: instance.instance_lifecycle == Some(InstanceLifecycleType::Spot),
        tags: tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect(),
        volumes: devices.filter_map(|device| device.ebs.and_then(|ebs| ebs.volume_id)).collect(),
        addresses,
        vpc: instance.vpc_id.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ids_become_no_filter_and_many_become_several() {
        assert!(filters("instance-id", &[]).is_empty(), "an empty filter would match every instance");
        let many: Vec<String> = (0..450).map(|n| format!("i-{n}")).collect();
        let sizes: Vec<usize> = filters("instance-id", &many).iter().map(|f| f.values().len()).collect();
        assert_eq!(sizes, [200, 200, 50]);
    }
}
