//! RDS: clusters, instances and events.

use std::collections::BTreeMap;

use firedrill_core::Timestamp;

use super::{Next, Page, Reply};

/// One cluster, as `DescribeDBClusters` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DbCluster {
    /// `arn:aws:rds:…:cluster:…`
    pub arn: String,
    /// `available`, `failing-over`, …
    pub status: String,
    /// Whether its instances lie in several zones.
    pub multi_az: bool,
    /// Its members. Only this list says which one is the writer.
    pub members: Vec<DbMember>,
    /// Its tags; none if the answer does not say, which is not the same as no tag.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A member of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DbMember {
    /// The instance's identifier.
    pub id: String,
    /// Whether it is the writer. An answer that does not say counts as no.
    pub writer: bool,
}

/// One instance, as `DescribeDBInstances` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DbInstance {
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
    /// Its tags; none if the answer does not say, which is not the same as no tag.
    pub tags: Option<BTreeMap<String, String>>,
}

/// What kind of database an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSource {
    /// A cluster.
    Cluster,
    /// An instance.
    Instance,
}

/// Which events are asked for: those of one database between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsOf<'a> {
    /// What kind of database it is.
    pub source: EventSource,
    /// Its identifier.
    pub id: &'a str,
    /// The earliest moment.
    pub since: Timestamp,
    /// The latest moment, which is not in the future. Without an end, `DescribeEvents` covers one hour of unstated begin (API reference).
    pub until: Timestamp,
}

/// An event of RDS. It holds no number such as `RDS-EVENT-0071`, only a message and categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbEvent {
    /// When, by RDS's clock.
    pub at: Timestamp,
    /// RDS's message.
    pub message: String,
    /// Such as `failover`.
    pub categories: Vec<String>,
}

/// RDS.
pub trait Databases {
    /// `DescribeDBClusters` of this one; none if the answer holds none.
    async fn describe_cluster(&self, region: &str, id: &str) -> Reply<Option<DbCluster>>;

    /// `DescribeDBInstances` of this one; none if the answer holds none.
    async fn describe_instance(&self, region: &str, id: &str) -> Reply<Option<DbInstance>>;

    /// `DescribeDBInstances`, those of this cluster.
    async fn cluster_instances(&self, region: &str, cluster: &str, page: Next<'_>)
    -> Reply<Page<DbInstance>>;

    /// `ListTagsForResource`: the tags of a cluster or an instance, by its ARN.
    async fn database_tags(&self, region: &str, arn: &str) -> Reply<BTreeMap<String, String>>;

    /// `DescribeEvents`, in no order. RDS keeps events for 14 days; they come late, and some never do.
    async fn describe_events(&self, region: &str, of: EventsOf<'_>, page: Next<'_>) -> Reply<Page<DbEvent>>;

    /// `FailoverDBCluster`, sent once: makes this reader the writer, or the one that RDS chooses. A second call moves the
    /// writer again. RDS answers when the failover has begun.
    async fn failover_cluster(&self, region: &str, id: &str, target: Option<&str>) -> Reply<()>;

    /// `RebootDBInstance` with a failover to the standby, sent once. RDS refuses it for an instance in one zone, and answers
    /// when the reboot has begun.
    async fn reboot_with_failover(&self, region: &str, id: &str) -> Reply<()>;
}
