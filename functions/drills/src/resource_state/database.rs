//! State of a database.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::{
    Timestamp,
    failover::{DatabaseMember, DatabaseState},
    request::Arn,
};
use futures_util::future::{try_join, try_join3};

use super::WrongArn;
use crate::{
    Failure,
    failure::Answer,
    ports::{Databases, DbEvent, EventSource, EventsOf, Next, Reply, every_page},
};

/// The category of RDS's events about failovers (user guide, *Amazon RDS event categories*).
const FAILOVER: &str = "failover";

/// A database, by its identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// An Aurora or Multi-AZ DB cluster.
    Cluster(String),
    /// A DB instance.
    Instance(String),
}

impl Database {
    /// The one with this ARN.
    ///
    /// # Errors
    /// The ARN is neither that of a DB cluster nor that of a DB instance, or names no Region.
    pub fn of(arn: &Arn) -> Result<Self, WrongArn> {
        let id = |prefix| super::id_of(arn, "rds", prefix).map(str::to_owned);
        let found = id("cluster:").map(Self::Cluster).or_else(|| id("db:").map(Self::Instance));
        found.filter(|_| !arn.region().is_empty()).ok_or_else(|| WrongArn::NotDatabase(arn.clone()))
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Cluster(id) | Self::Instance(id) => id,
        }
    }

    /// Whether it is a cluster.
    #[must_use]
    pub const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

/// The state of this database. `last_failover` is searched for in the last `look_back`: the cool-down, or the
/// time since the injection if that is longer.
///
/// # Errors
/// A call failed, or no such database exists.
pub async fn database_state(
    cloud: &impl Databases,
    region: &str,
    database: &Database,
    look_back: Duration,
    now: Timestamp,
) -> Reply<DatabaseState> {
    let events = database_events(cloud, region, database, now - look_back, now);
    match database {
        Database::Cluster(id) => {
            let instances =
                every_page(async |page: Next<'_>| cloud.cluster_instances(region, id, page).await);
            let (cluster, instances, events) =
                try_join3(cloud.describe_cluster(region, id), instances, events).await?;
            let cluster =
                cluster.ok_or_else(|| missing("rds:DescribeDBClusters", "DBClusterNotFoundFault", id))?;
            let statuses: BTreeMap<_, _> =
                instances.into_iter().map(|instance| (instance.id, instance.status)).collect();
            let members = cluster.members.into_iter().map(|member| DatabaseMember {
                // A member that is not listed as an instance is being created or deleted.
                status: statuses.get(&member.id).cloned().unwrap_or_default(),
                id: member.id,
                writer: member.writer,
            });
            let tags = tags_of(cloud, region, &cluster.arn, cluster.tags).await?;
            Ok(DatabaseState {
                arn: cluster.arn,
                status: cluster.status,
                members: members.collect(),
                multi_az: cluster.multi_az,
                zones: None,
                tags: Some(tags),
                last_failover: last_failover(&events),
            })
        }
        Database::Instance(id) => {
            let (instance, events) = try_join(cloud.describe_instance(region, id), events).await?;
            let instance =
                instance.ok_or_else(|| missing("rds:DescribeDBInstances", "DBInstanceNotFound", id))?;
            let tags = tags_of(cloud, region, &instance.arn, instance.tags).await?;
            Ok(DatabaseState {
                arn: instance.arn,
                status: instance.status,
                members: Vec::new(),
                multi_az: instance.multi_az,
                zones: instance.secondary_zone.map(|secondary| (instance.zone, secondary)),
                tags: Some(tags),
                last_failover: last_failover(&events),
            })
        }
    }
}

/// These tags of a database; if its description left them out, they are asked for.
async fn tags_of(
    cloud: &impl Databases,
    region: &str,
    arn: &str,
    described: Option<BTreeMap<String, String>>,
) -> Reply<BTreeMap<String, String>> {
    match described {
        Some(tags) => Ok(tags),
        None => cloud.database_tags(region, arn).await,
    }
}

/// The events of this database between two moments, oldest first.
///
/// # Errors
/// A page could not be read.
pub(crate) async fn database_events(
    cloud: &impl Databases,
    region: &str,
    database: &Database,
    since: Timestamp,
    until: Timestamp,
) -> Reply<Vec<DbEvent>> {
    let source = if database.is_cluster() { EventSource::Cluster } else { EventSource::Instance };
    let of = EventsOf { source, id: database.id(), since, until };
    let mut events = every_page(async |page: Next<'_>| cloud.describe_events(region, of, page).await).await?;
    events.retain(|event| event.at >= since);
    events.sort_by_key(|event| event.at);
    Ok(events)
}

fn missing(action: &'static str, code: &str, id: &str) -> Failure {
    let answer = Answer::Error { code: code.to_owned(), status: 404 };
    Failure { action, answer, message: format!("no database {id} exists") }
}

/// When RDS last reported a failover that began or ended. One that it abandoned (RDS-EVENT-0034) or that failed
/// (RDS-EVENT-0069) moved no writer. The answer holds no event numbers, so the message tells them apart.
fn last_failover(events: &[DbEvent]) -> Option<Timestamp> {
    let reported = |event: &&DbEvent| {
        let message = event.message.to_ascii_lowercase();
        event.categories.iter().any(|category| category == FAILOVER)
            && !message.contains("abandon")
            && !message.contains("failed")
    };
    events.iter().filter(reported).map(|event| event.at).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64, category: &str, message: &str) -> DbEvent {
        let categories = vec![category.to_owned()];
        DbEvent { at: Timestamp::from_millis(at), message: message.to_owned(), categories }
    }

    #[test]
    fn a_failover_that_was_dropped_is_none() {
        let done = event(1, FAILOVER, "Completed failover to DB instance: b");
        let dropped = "Abandoning user requested failover since a failover recently occurred on the \
                       database instance.";
        let failed = "Cluster failover failed, check the health of your cluster and try again.";
        let mut events = vec![event(2, FAILOVER, dropped), event(3, FAILOVER, failed)];
        assert_eq!(last_failover(&events), None);
        events.push(event(4, "notification", "Completed failover to DB instance: c"));
        events.push(done);
        assert_eq!(last_failover(&events), Some(Timestamp::from_millis(1)));
    }

    #[test]
    fn a_database_is_known_by_its_arn() {
        let of = |arn: &str| Database::of(&Arn::try_from(arn.to_owned()).unwrap());
        assert_eq!(of("arn:aws:rds:eu-west-2:1:cluster:c"), Ok(Database::Cluster("c".to_owned())));
        assert_eq!(of("arn:aws:rds:eu-west-2:1:db:d"), Ok(Database::Instance("d".to_owned())));
        for wrong in
            ["arn:aws:rds::1:db:d", "arn:aws:rds:eu-west-2:1:cluster:", "arn:aws:ec2:eu-west-2:1:db:d"]
        {
            assert!(of(wrong).unwrap_err().to_string().contains(wrong));
        }
    }
}
