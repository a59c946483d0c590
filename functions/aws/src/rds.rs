//! RDS: reads clusters, instances and events; fails a database over.

mod read;

use std::collections::BTreeMap;

use aws_sdk_rds::{
    primitives::DateTime,
    types::{Filter, SourceType},
};
use firedrill_core::Timestamp;
use firedrill_drills::ports::{
    Databases, DbCluster, DbEvent, DbInstance, EventSource, EventsOf, Next, Page, Reply,
};

use crate::{
    Cloud,
    client::{failure, page, token},
};

impl Databases for Cloud {
    async fn describe_cluster(&self, region: &str, id: &str) -> Reply<Option<DbCluster>> {
        let call = self.rds.reads.at(region).describe_db_clusters().db_cluster_identifier(id);
        let answer = call.send().await.map_err(failure("rds:DescribeDBClusters"))?;
        Ok(answer.db_clusters.unwrap_or_default().into_iter().next().map(read::cluster))
    }

    async fn describe_instance(&self, region: &str, id: &str) -> Reply<Option<DbInstance>> {
        let call = self.rds.reads.at(region).describe_db_instances().db_instance_identifier(id);
        let answer = call.send().await.map_err(failure("rds:DescribeDBInstances"))?;
        Ok(answer.db_instances.unwrap_or_default().into_iter().next().map(read::instance))
    }

    async fn cluster_instances(
        &self,
        region: &str,
        cluster: &str,
        next: Next<'_>,
    ) -> Reply<Page<DbInstance>> {
        let filter = Filter::builder().name("db-cluster-id").values(cluster).build();
        let call = self.rds.reads.at(region).describe_db_instances().filters(filter);
        let answer = call.set_marker(token(next)).send().await.map_err(failure("rds:DescribeDBInstances"))?;
        Ok(page(answer.db_instances.unwrap_or_default().into_iter().map(read::instance), answer.marker))
    }

    async fn database_tags(&self, region: &str, arn: &str) -> Reply<BTreeMap<String, String>> {
        let call = self.rds.reads.at(region).list_tags_for_resource().resource_name(arn);
        let answer = call.send().await.map_err(failure("rds:ListTagsForResource"))?;
        Ok(read::tags(answer.tag_list.unwrap_or_default()))
    }

    async fn describe_events(&self, region: &str, of: EventsOf<'_>, next: Next<'_>) -> Reply<Page<DbEvent>> {
        let kind = match of.source {
            EventSource::Cluster => SourceType::DbCluster,
            EventSource::Instance => SourceType::DbInstance,
        };
        let (from, to) = seconds(of.since, of.until);
        let call = self.rds.reads.at(region).describe_events().source_type(kind).source_identifier(of.id);
        let sent = call.start_time(from).end_time(to).set_marker(token(next)).send().await;
        let answer = sent.map_err(failure("rds:DescribeEvents"))?;
        Ok(page(answer.events.unwrap_or_default().into_iter().filter_map(read::event), answer.marker))
    }

    async fn failover_cluster(&self, region: &str, id: &str, target: Option<&str>) -> Reply<()> {
        let call = self.rds.mutating.at(region).failover_db_cluster().db_cluster_identifier(id);
        let sent = call.set_target_db_instance_identifier(target.map(str::to_owned)).send().await;
        sent.map(drop).map_err(failure("rds:FailoverDBCluster"))
    }

    async fn reboot_with_failover(&self, region: &str, id: &str) -> Reply<()> {
        let call = self.rds.mutating.at(region).reboot_db_instance().db_instance_identifier(id);
        call.force_failover(true).send().await.map(drop).map_err(failure("rds:RebootDBInstance"))
    }
}

/// The longest span of events that is asked for: RDS keeps them for 14 days, and clocks differ.
const MAX_LOOK_BACK_MS: i64 = 13 * 86_400_000;

/// Begin and end in whole seconds. The end is not after `until`, which may be now: what came within the last second shows
/// at the next look. RDS refuses an end before the begin, and a begin before the events that it keeps: neither is asked for.
fn seconds(since: Timestamp, until: Timestamp) -> (DateTime, DateTime) {
    let earliest = until.as_millis().saturating_sub(MAX_LOOK_BACK_MS);
    let to = until.as_millis().div_euclid(1000);
    let from = since.as_millis().max(earliest).div_euclid(1000).min(to - 1);
    (DateTime::from_secs(from), DateTime::from_secs(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_asked_for_never_run_backwards_nor_end_in_the_future() {
        let at = Timestamp::from_millis;
        let asked = |from, to| (DateTime::from_secs(from), DateTime::from_secs(to));
        assert_eq!(seconds(at(1_999), at(3_001)), asked(1, 3));
        assert_eq!(seconds(at(3_000), at(3_999)), asked(2, 3), "within one second");
        assert_eq!(seconds(at(5_000), at(1_000)), asked(0, 1));
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
