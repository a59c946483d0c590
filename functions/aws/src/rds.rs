//! RDS: reads clusters, instances and events; fails a database over.

mod read;

use aws_sdk_rds::{Client, primitives::DateTime, types::Filter};
use firedrill_core::{CallOutcome, Timestamp};

pub use read::{Cluster, Event, Instance, Member, Source};

use crate::{
    client::Connection,
    error::{Failure, Proof},
};

/// RDS in one Region.
#[derive(Clone, Debug)]
pub struct Rds {
    reads: Client,
    mutating: Client,
}

impl Rds {
    /// RDS in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()), mutating: Client::new(connection.mutating()) }
    }

    /// This cluster; none if it does not exist. Asked for by its id, so the answer has one page.
    ///
    /// # Errors
    /// It could not be read; or no id was given, which would mean all clusters.
    pub async fn cluster(&self, id: &str) -> Result<Option<Cluster>, Failure> {
        const ACTION: &str = "rds:DescribeDBClusters";
        named(ACTION, id)?;
        match self.reads.describe_db_clusters().db_cluster_identifier(id).send().await {
            Ok(answer) => Ok(answer.db_clusters.unwrap_or_default().into_iter().next().map(read::cluster)),
            Err(error) => match Failure::of(ACTION, &error) {
                failure if failure.code == "DBClusterNotFoundFault" => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// This instance; none if it does not exist. Asked for by its id, so the answer has one page.
    ///
    /// # Errors
    /// It could not be read; or no id was given, which would mean all instances.
    pub async fn instance(&self, id: &str) -> Result<Option<Instance>, Failure> {
        const ACTION: &str = "rds:DescribeDBInstances";
        named(ACTION, id)?;
        match self.reads.describe_db_instances().db_instance_identifier(id).send().await {
            Ok(answer) => Ok(answer.db_instances.unwrap_or_default().into_iter().next().map(read::instance)),
            Err(error) => match Failure::of(ACTION, &error) {
                // The code of `DBInstanceNotFoundFault` lacks the last word.
                failure if failure.code == "DBInstanceNotFound" => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// The instances of this cluster, by the filter `db-cluster-id`. Only the cluster's description names the writer.
    ///
    /// # Errors
    /// A page could not be read; or no id was given, which would mean all instances.
    pub async fn instances(&self, cluster_id: &str) -> Result<Vec<Instance>, Failure> {
        const ACTION: &str = "rds:DescribeDBInstances";
        named(ACTION, cluster_id)?;
        let filter = Filter::builder().name("db-cluster-id").values(cluster_id).build();
        let mut pages = self.reads.describe_db_instances().filters(filter).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of(ACTION, &error))?;
            found.extend(page.db_instances.unwrap_or_default().into_iter().map(read::instance));
        }
        Ok(found)
    }

    /// The events of this cluster or instance between `since` and `until`, oldest first. Without an end,
    /// `DescribeEvents` covers one hour of unstated begin (API reference): hence `until`. RDS keeps events for 14
    /// days; they come late, and some never do. They hold no number such as `RDS-EVENT-0071`, only a message and
    /// categories.
    ///
    /// # Errors
    /// A page could not be read; or no id was given, which would mean everything.
    pub async fn events(
        &self,
        source: Source,
        id: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Event>, Failure> {
        const ACTION: &str = "rds:DescribeEvents";
        named(ACTION, id)?;
        let (from, to) = seconds(since, until);
        let call = self.reads.describe_events().source_type(source.kind()).source_identifier(id);
        let mut pages = call.start_time(from).end_time(to).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of(ACTION, &error))?;
            found.extend(page.events.unwrap_or_default().into_iter().filter_map(read::event));
        }
        found.retain(|event| event.at >= since);
        found.sort_by_key(|event| event.at);
        Ok(found)
    }

    /// Makes the reader `target` of this cluster its writer, or the one that RDS chooses. Sent once: a second call
    /// moves the writer again. RDS answers when the failover has begun (API reference, `FailoverDBCluster`).
    pub async fn fail_over_cluster(&self, id: &str, target: Option<&str>) -> CallOutcome {
        const ACTION: &str = "rds:FailoverDBCluster";
        if let Err(failure) = named(ACTION, id) {
            return failure.into_outcome();
        }
        let call = self.mutating.failover_db_cluster().db_cluster_identifier(id);
        let sent = call.set_target_db_instance_identifier(target.map(str::to_owned)).send().await;
        sent.map_or_else(|error| Failure::of(ACTION, &error).into_outcome(), |_| CallOutcome::Done)
    }

    /// Reboots this Multi-AZ instance with a failover to its standby. Sent once. RDS refuses the call for an
    /// instance in one zone (API reference, `RebootDBInstance`), and answers when the reboot has begun.
    pub async fn reboot_with_failover(&self, id: &str) -> CallOutcome {
        const ACTION: &str = "rds:RebootDBInstance";
        if let Err(failure) = named(ACTION, id) {
            return failure.into_outcome();
        }
        let call = self.mutating.reboot_db_instance().db_instance_identifier(id).force_failover(true);
        let sent = call.send().await;
        sent.map_or_else(|error| Failure::of(ACTION, &error).into_outcome(), |_| CallOutcome::Done)
    }
}

/// Refuses an empty id, which reads would take for *all databases*.
fn named(action: &'static str, id: &str) -> Result<(), Failure> {
    if id.is_empty() {
        let message = "no database was named; not sent".to_owned();
        return Err(Failure { action, proof: Proof::Refused, code: "NothingNamed".to_owned(), message });
    }
    Ok(())
}

/// The longest span of events that is asked for: RDS keeps them for 14 days, and clocks differ.
const MAX_LOOK_BACK_MS: i64 = 13 * 86_400_000;

/// Begin and end in whole seconds that enclose both times. RDS refuses an end before the begin, and a begin before
/// the events that it keeps: neither is asked for.
fn seconds(since: Timestamp, until: Timestamp) -> (DateTime, DateTime) {
    let earliest = until.as_millis().saturating_sub(MAX_LOOK_BACK_MS);
    let from = since.as_millis().max(earliest).div_euclid(1000);
    let to = until.max(since).as_millis().div_euclid(1000) + 1;
    (DateTime::from_secs(from), DateTime::from_secs(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nothing_is_not_sent() {
        let failure = named("rds:FailoverDBCluster", "").unwrap_err();
        assert!(matches!(failure.into_outcome(), CallOutcome::NotExecuted { again: false, .. }));
        assert!(named("rds:FailoverDBCluster", "bookstore").is_ok());
    }

    #[test]
    fn the_seconds_asked_for_hold_the_moments_and_never_run_backwards() {
        let at = Timestamp::from_millis;
        assert_eq!(seconds(at(1_999), at(3_001)), (DateTime::from_secs(1), DateTime::from_secs(4)));
        assert_eq!(seconds(at(5_000), at(1_000)), (DateTime::from_secs(5), DateTime::from_secs(6)));
    }

    #[test]
    fn events_are_never_asked_for_from_before_rds_keeps_them() {
        let (now, day) = (1_800_000_000_000, 86_400_000);
        let from = |days_ago: i64| {
            let since = Timestamp::from_millis(now - days_ago * day);
            (now / 1000 - seconds(since, Timestamp::from_millis(now)).0.secs()) / 86_400
        };
        assert_eq!((from(2), from(13), from(14), from(400)), (2, 13, 13, 13));
    }
}
