//! Answers of RDS in the words of its port.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{DbCluster as SdkCluster, DbInstance as SdkInstance, Event as SdkEvent, Tag};
use firedrill_core::Timestamp;
use firedrill_drills::ports::{DbCluster, DbEvent, DbInstance, DbMember};

pub(super) fn tags(of: Vec<Tag>) -> BTreeMap<String, String> {
    of.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

pub(super) fn cluster(cluster: SdkCluster) -> DbCluster {
    let members = cluster.db_cluster_members.unwrap_or_default().into_iter();
    DbCluster {
        arn: cluster.db_cluster_arn.unwrap_or_default(),
        status: cluster.status.unwrap_or_default(),
        multi_az: cluster.multi_az.unwrap_or_default(),
        members: members
            .map(|member| DbMember {
                id: member.db_instance_identifier.unwrap_or_default(),
                writer: member.is_cluster_writer.unwrap_or_default(),
            })
            .collect(),
        tags: cluster.tag_list.map(tags),
    }
}

pub(super) fn instance(instance: SdkInstance) -> DbInstance {
    DbInstance {
        arn: instance.db_instance_arn.unwrap_or_default(),
        id: instance.db_instance_identifier.unwrap_or_default(),
        status: instance.db_instance_status.unwrap_or_default(),
        multi_az: instance.multi_az.unwrap_or_default(),
        zone: instance.availability_zone.unwrap_or_default(),
        secondary_zone: instance.secondary_availability_zone.filter(|zone| !zone.is_empty()),
        tags: instance.tag_list.map(tags),
    }
}

/// An event without a time is no evidence: none.
pub(super) fn event(event: SdkEvent) -> Option<DbEvent> {
    Some(DbEvent {
        at: Timestamp::from_millis(event.date?.to_millis().ok()?),
        message: event.message.unwrap_or_default(),
        categories: event.event_categories.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::primitives::DateTime;

    use super::*;

    #[test]
    fn an_empty_zone_is_none() {
        let read = instance(SdkInstance::builder().secondary_availability_zone("").multi_az(true).build());
        assert_eq!((read.multi_az, read.secondary_zone), (true, None));
        assert!(!instance(SdkInstance::builder().build()).multi_az, "unknown is not yes");
    }

    #[test]
    fn tags_that_the_answer_leaves_out_are_never_taken_for_none() {
        assert_eq!(cluster(SdkCluster::builder().build()).tags, None);
        assert_eq!(instance(SdkInstance::builder().build()).tags, None);
        let untagged = SdkInstance::builder().set_tag_list(Some(Vec::new())).build();
        assert_eq!(instance(untagged).tags, Some(BTreeMap::new()));
    }

    #[test]
    fn an_event_without_a_time_is_no_evidence() {
        let said =
            SdkEvent::builder().message("Completed failover to DB instance: b").event_categories("failover");
        assert_eq!(event(said.clone().build()), None);
        let read = event(said.date(DateTime::from_millis(1_234)).build()).unwrap();
        assert_eq!((read.at, read.categories), (Timestamp::from_millis(1_234), vec!["failover".to_owned()]));
    }
}
