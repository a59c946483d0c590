//! EC2: instances, their volumes and status checks.

mod read;

use aws_sdk_ec2::types::{Filter, InstanceAttributeName};
use firedrill_drills::ports::{
    Ids, Instance, InstanceFilter, InstanceStatus, Instances, Next, Page, Reply, Volume,
};

use crate::{
    Cloud,
    client::{failure, page, token},
};

/// Instances on one page of `DescribeInstances`.
const PAGE: i32 = 100;

impl Instances for Cloud {
    async fn describe_instances(
        &self,
        region: &str,
        filter: &InstanceFilter,
        next: Next<'_>,
    ) -> Reply<Page<Instance>> {
        let call = self.ec2.reads.at(region).describe_instances().set_filters(Some(filters(filter)));
        let sent = call.max_results(PAGE).set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("ec2:DescribeInstances"))?;
        let reservations = answer.reservations.unwrap_or_default().into_iter();
        let instances = reservations.flat_map(|reservation| {
            let account = reservation.owner_id.unwrap_or_default();
            let instances = reservation.instances.unwrap_or_default().into_iter();
            instances.map(move |instance| read::instance(instance, &account))
        });
        Ok(page(instances, answer.next_token))
    }

    async fn describe_volumes(&self, region: &str, ids: &Ids, next: Next<'_>) -> Reply<Page<Volume>> {
        let call = self.ec2.reads.at(region).describe_volumes().filters(filter_of("volume-id", ids));
        let sent = call.max_results(500).set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("ec2:DescribeVolumes"))?;
        let volumes = answer.volumes.unwrap_or_default().into_iter().map(|volume| {
            let encrypted = volume.encrypted.unwrap_or_default();
            let key = encrypted.then(|| volume.kms_key_id.unwrap_or_default());
            Volume { id: volume.volume_id.unwrap_or_default(), key }
        });
        Ok(page(volumes, answer.next_token))
    }

    async fn stop_protection(&self, region: &str, id: &str) -> Reply<Option<bool>> {
        let call = self.ec2.reads.at(region).describe_instance_attribute().instance_id(id);
        let sent = call.attribute(InstanceAttributeName::DisableApiStop).send().await;
        let answer = sent.map_err(failure("ec2:DescribeInstanceAttribute"))?;
        Ok(answer.disable_api_stop.and_then(|value| value.value))
    }

    async fn instance_status(&self, region: &str, ids: &Ids, next: Next<'_>) -> Reply<Page<InstanceStatus>> {
        let call = self.ec2.reads.at(region).describe_instance_status().include_all_instances(true);
        let call = call.set_instance_ids(Some(ids.as_slice().to_vec())).set_next_token(token(next));
        let answer = call.send().await.map_err(failure("ec2:DescribeInstanceStatus"))?;
        Ok(page(
            answer.instance_statuses.unwrap_or_default().into_iter().map(read::status),
            answer.next_token,
        ))
    }

    async fn start_instances(&self, region: &str, ids: &Ids, dry_run: bool) -> Reply<()> {
        let call = self.ec2.mutating.at(region).start_instances();
        let call = call.set_instance_ids(Some(ids.as_slice().to_vec())).set_dry_run(dry_run.then_some(true));
        call.send().await.map(drop).map_err(failure("ec2:StartInstances"))
    }
}

fn filters(filter: &InstanceFilter) -> Vec<Filter> {
    match filter {
        InstanceFilter::Ids(ids) => vec![filter_of("instance-id", ids)],
        InstanceFilter::Tags(tags) => {
            let tags = tags.as_map().iter();
            tags.map(|(key, value)| Filter::builder().name(format!("tag:{key}")).values(value).build())
                .collect()
        }
    }
}

fn filter_of(name: &str, ids: &Ids) -> Filter {
    Filter::builder().name(name).set_values(Some(ids.as_slice().to_vec())).build()
}
