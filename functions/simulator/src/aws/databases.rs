//! RDS.

use std::collections::BTreeMap;

use firedrill_core::Timestamp;
use firedrill_drills::ports::{
    Databases, DbCluster, DbEvent, DbInstance, DbMember, EventSource, EventsOf, Next, Page, Reply,
};

use super::{SimulatedAws, changed};
use crate::{
    calls::refused,
    failover::{CLUSTER, INSTANCE, Pending, Place},
    world::BEGINS,
};

/// The instances of every cluster; one has a second reader besides.
const MEMBERS: [Place; 2] = [Place::Primary, Place::Standby];
const DESCRIBE: &str = "rds:DescribeDBInstances";

fn is_cluster(id: &str) -> bool {
    CLUSTER.rsplit(':').next() == Some(id)
}

impl SimulatedAws {
    fn members(&self) -> Vec<Place> {
        let mut members = MEMBERS.to_vec();
        members.extend(self.world.cloud.borrow().unusual.second_reader.then_some(Place::Elsewhere));
        members
    }

    /// A member of the cluster, as RDS showed it at this moment.
    fn member(&self, place: Place, at: i64) -> DbInstance {
        let cloud = self.world.cloud.borrow();
        let of_readers = cloud.unusual.reader_status.as_deref().unwrap_or("available");
        let instance = DbInstance {
            id: place.name().to_owned(),
            status: if cloud.shown(at).writer == place { "available" } else { of_readers }.to_owned(),
            ..DbInstance::default()
        };
        changed(self.world.overrides().cluster_instance, at, instance)
    }

    /// The database's status at this moment; `busy` while it fails over.
    fn status(&self, busy: &str, at: i64) -> String {
        let cloud = self.world.cloud.borrow();
        if at < cloud.busy_until && cloud.last_failover.is_none_or(|began| began <= at) {
            return busy.to_owned();
        }
        self.world.database_status()
    }
}

impl Databases for SimulatedAws {
    async fn describe_cluster(&self, _: &str, id: &str) -> Reply<Option<DbCluster>> {
        const ACTION: &str = "rds:DescribeDBClusters";
        self.read(ACTION, |at| {
            if !is_cluster(id) {
                return Err(refused(ACTION, "DBClusterNotFoundFault"));
            }
            let writer = self.world.cloud.borrow().shown(at).writer;
            let member = |place: Place| DbMember { id: place.name().to_owned(), writer: writer == place };
            let cluster = DbCluster {
                arn: CLUSTER.to_owned(),
                status: self.status("failing-over", at),
                multi_az: true,
                members: self.members().into_iter().map(member).collect(),
                tags: Some(self.tags(at)),
            };
            Ok(Some(changed(self.world.overrides().cluster, at, cluster)))
        })
        .await
    }

    /// A member of the cluster, or the instance of a test: no history has one of its own.
    async fn describe_instance(&self, _: &str, id: &str) -> Reply<Option<DbInstance>> {
        self.read(DESCRIBE, |at| {
            if let Some(member) = MEMBERS.into_iter().find(|member| member.name() == id) {
                return Ok(Some(self.member(member, at)));
            }
            let cloud = self.world.cloud.borrow();
            let Some(multi_az) = cloud.unusual.instance else {
                return Err(refused(DESCRIBE, "DBInstanceNotFound"));
            };
            let (zone, other) = match cloud.shown(at).writer {
                Place::Primary => ("eu-west-2a", "eu-west-2b"),
                Place::Standby | Place::Elsewhere => ("eu-west-2b", "eu-west-2a"),
            };
            Ok(Some(DbInstance {
                arn: INSTANCE.to_owned(),
                id: "bookstore".to_owned(),
                status: self.status("rebooting", at),
                multi_az,
                zone: zone.to_owned(),
                secondary_zone: multi_az.then(|| other.to_owned()),
                tags: Some(self.tags(at)),
            }))
        })
        .await
    }

    async fn cluster_instances(&self, _: &str, cluster: &str, next: Next<'_>) -> Reply<Page<DbInstance>> {
        self.read(DESCRIBE, |at| {
            let members = self.members().into_iter().filter(|_| is_cluster(cluster));
            Ok(self.page(members.map(|member| self.member(member, at)).collect(), next))
        })
        .await
    }

    async fn database_tags(&self, _: &str, arn: &str) -> Reply<BTreeMap<String, String>> {
        const ACTION: &str = "rds:ListTagsForResource";
        self.read(ACTION, |at| match arn {
            CLUSTER | INSTANCE => Ok(self.tags(at)),
            _ => Err(refused(ACTION, "DBClusterNotFoundFault")),
        })
        .await
    }

    async fn describe_events(&self, _: &str, of: EventsOf<'_>, next: Next<'_>) -> Reply<Page<DbEvent>> {
        self.read("rds:DescribeEvents", |_| {
            let cloud = self.world.cloud.borrow();
            let of_cluster = of.source == EventSource::Cluster && is_cluster(of.id);
            let within = |at: Timestamp| of_cluster && at >= of.since && at <= of.until;
            let event = |at: i64| DbEvent {
                at: Timestamp::from_millis(at),
                message: "Started failover to DB instance".to_owned(),
                categories: vec!["failover".to_owned()],
            };
            let recent = self.world.overrides().recent_failover.then_some(BEGINS - 600_000);
            let events = cloud.last_failover.or(recent).map(event).filter(|event| within(event.at));
            Ok(self.page(events.into_iter().collect(), next))
        })
        .await
    }

    async fn failover_cluster(&self, _: &str, id: &str, target: Option<&str>) -> Reply<()> {
        const ACTION: &str = "rds:FailoverDBCluster";
        if !is_cluster(id) {
            return Err(self.refuse(ACTION, "DBClusterNotFoundFault").await);
        }
        if self.change.is_none() {
            self.note_undo();
        }
        self.refusal(ACTION, "AccessDenied").await?;
        self.change_cloud(ACTION, Pending::FailOverDatabase { to: target.map(Place::named) }).await
    }

    /// Refused for a member of a cluster: only an instance of its own has a standby in another zone.
    async fn reboot_with_failover(&self, _: &str, id: &str) -> Reply<()> {
        const ACTION: &str = "rds:RebootDBInstance";
        if MEMBERS.iter().any(|member| member.name() == id) {
            return Err(self.refuse(ACTION, "InvalidParameterCombination").await);
        }
        if self.world.cloud.borrow().unusual.instance.is_none() {
            return Err(self.refuse(ACTION, "DBInstanceNotFound").await);
        }
        self.change_cloud(ACTION, Pending::FailOverDatabase { to: None }).await
    }
}
