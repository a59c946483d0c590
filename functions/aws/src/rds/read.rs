//! Answers of RDS in our types.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{DbCluster, DbInstance, Event as SdkEvent, SourceType, Tag};
use firedrill_core::Timestamp;

/// One cluster, as `DescribeDBClusters` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `arn:aws:rds:…:cluster:…`
    pub arn: String,
    /// Its identifier, in lower case.
    pub id: String,
    /// Such as `aurora-postgresql`. A Multi-AZ cluster that is not Aurora has `postgres` or `mysql`.
    pub engine: String,
    /// `available`, `failing-over`, …
    pub status: String,
    /// Whether its instances lie in several zones.
    pub multi_az: bool,
    /// Its members. Only this list says which one is the writer.
    pub members: Vec<Member>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A member of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The instance's identifier.
    pub id: String,
    /// Whether it is the writer. An answer that does not say counts as no.
    pub writer: bool,
}

impl Cluster {
    /// The id of the writer; none unless there is exactly one.
    #[must_use]
    pub fn writer(&self) -> Option<&str> {
        let mut writers = self.members.iter().filter(|member| member.writer);
        let first = writers.next()?;
        writers.next().is_none().then_some(first.id.as_str())
    }
}

/// One instance, as `DescribeDBInstances` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `arn:aws:rds:…:db:…`
    pub arn: String,
    /// Its identifier, in lower case.
    pub id: String,
    /// `available`, `rebooting`, …
    pub status: String,
    /// Whether it has a standby in another zone. Never so for a member of an Aurora cluster.
    pub multi_az: bool,
    /// Its zone. For minutes after a failover, RDS may answer with the old one.
    pub zone: String,
    /// The zone of its standby.
    pub secondary_zone: Option<String>,
    /// The cluster that it is a member of.
    pub cluster: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A cluster.
    Cluster,
    /// An instance.
    Instance,
}

impl Source {
    pub(super) const fn kind(self) -> SourceType {
        match self {
            Self::Cluster => SourceType::DbCluster,
            Self::Instance => SourceType::DbInstance,
        }
    }
}

/// An event of RDS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, by RDS's clock.
    pub at: Timestamp,
    /// RDS's message.
    pub message: String,
    /// Such as `failover`.
    pub categories: Vec<String>,
}

fn tags(of: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    of.unwrap_or_default().into_iter().map(pair).collect()
}

pub(super) fn cluster(cluster: DbCluster) -> Cluster {
    let members = cluster.db_cluster_members.unwrap_or_default().into_iter();
    Cluster {
        arn: cluster.db_cluster_arn.unwrap_or_default(),
        id: cluster.db_cluster_identifier.unwrap_or_default(),
        engine: cluster.engine.unwrap_or_default(),
        status: cluster.status.unwrap_or_default(),
        multi_az: cluster.multi_az.unwrap_or_default(),
        members: members
            .map(|member| Member {
                id: member.db_instance_identifier.unwrap_or_default(),
                writer: member.is_cluster_writer.unwrap_or_default(),
            })
            .collect(),
        tags: tags(cluster.tag_list),
    }
}

pub(super) fn instance(instance: DbInstance) -> Instance {
    Instance {
        arn: instance.db_instance_arn.unwrap_or_default(),
        id: instance.db_instance_identifier.unwrap_or_default(),
        status: instance.db_instance_status.unwrap_or_default(),
        multi_az: instance.multi_az.unwrap_or_default(),
        zone: instance.availability_zone.unwrap_or_default(),
        secondary_zone: instance.secondary_availability_zone.filter(|zone| !zone.is_empty()),
        cluster: instance.db_cluster_identifier.filter(|cluster| !cluster.is_empty()),
        tags: tags(instance.tag_list),
    }
}

/// An event without a time is no evidence: none.
pub(super) fn event(event: SdkEvent) -> Option<Event> {
    Some(Event {
        at: Timestamp::from_millis(event.date?.to_millis().ok()?),
        message: event.message.unwrap_or_default(),
        categories: event.event_categories.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::{primitives::DateTime, types::DbClusterMember};

    use super::*;

    fn members(writers: &[bool]) -> Cluster {
        let member = |(number, &writer): (usize, &bool)| {
            let member = DbClusterMember::builder().db_instance_identifier(format!("db-{number}"));
            member.is_cluster_writer(writer).build()
        };
        let members = writers.iter().enumerate().map(member).collect();
        cluster(DbCluster::builder().set_db_cluster_members(Some(members)).build())
    }

    #[test]
    fn the_writer_is_known_only_if_there_is_one() {
        assert_eq!(members(&[false, true, false]).writer(), Some("db-1"));
        assert_eq!(members(&[true, true]).writer(), None);
        assert_eq!(members(&[false]).writer(), None);
    }

    #[test]
    fn an_empty_zone_or_cluster_is_none() {
        let built = DbInstance::builder().secondary_availability_zone("").db_cluster_identifier("");
        let read = instance(built.multi_az(true).build());
        assert_eq!((read.multi_az, read.secondary_zone, read.cluster), (true, None, None));
        assert!(!instance(DbInstance::builder().build()).multi_az, "unknown is not yes");
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
