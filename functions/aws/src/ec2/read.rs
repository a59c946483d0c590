//! Answers of EC2 in the words of its port.

use aws_sdk_ec2::types::{
    Instance as SdkInstance, InstanceLifecycleType, InstanceStatus as SdkInstanceStatus,
};
use firedrill_drills::ports::{Instance, InstanceStatus};

pub(super) fn instance(instance: SdkInstance, account: &str) -> Instance {
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

pub(super) fn status(status: SdkInstanceStatus) -> InstanceStatus {
    let word = |summary: Option<aws_sdk_ec2::types::InstanceStatusSummary>| {
        summary
            .and_then(|summary| summary.status)
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default()
    };
    InstanceStatus {
        id: status.instance_id.unwrap_or_default(),
        instance: word(status.instance_status),
        system: word(status.system_status),
    }
}
