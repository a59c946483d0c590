//! RDS: clusters, instances and events.

use std::time::Duration;

use firedrill_core::{Timestamp, request::OPT_IN_TAG};
use firedrill_drills::ports::{Databases, DbCluster, DbEvent, EventSource, EventsOf, Next};

use super::{Outside, pages, refusal, until};

/// The cluster that a suite fails over.
#[derive(Clone, Debug)]
pub struct ClusterSubject {
    /// Its Region.
    pub region: String,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its writer, an instance in one zone.
    pub writer: String,
    /// Its one reader.
    pub reader: String,
    /// The identifier of a cluster, and of an instance, that does not exist.
    pub missing: String,
}

impl ClusterSubject {
    fn members(&self) -> [String; 2] {
        [self.writer.clone(), self.reader.clone()]
    }
}

/// The suite of what [`Databases`] reads.
///
/// # Panics
/// A promise is broken.
pub async fn databases(aws: &impl Databases, of: &ClusterSubject) {
    let cluster = cluster(aws, of).await;
    assert_eq!((cluster.arn.as_str(), cluster.status.as_str()), (of.arn.as_str(), "available"));
    assert_eq!(writer(&cluster), of.writer);
    pages::assert_same((cluster.members.clone(), 1), |member| member.id.clone(), &of.members(), 1);
    let read = async |page: Next<'_>| aws.cluster_instances(&of.region, &of.id, page).await;
    let found = pages::all(read).await;
    assert!(found.0.iter().all(|one| one.status == "available"), "{found:?}");
    pages::assert_same(found, |one| one.id.clone(), &of.members(), 1);
    let one = aws.describe_instance(&of.region, &of.writer).await.unwrap().expect("it exists");
    assert_eq!((one.id.as_str(), one.multi_az), (of.writer.as_str(), false));

    let tags = aws.database_tags(&of.region, &of.arn).await.unwrap();
    assert!(cluster.tags.is_none_or(|described| described == tags), "{tags:?}");
    assert_eq!(tags.get(OPT_IN_TAG.0).map(String::as_str), Some(OPT_IN_TAG.1));

    // One that does not exist is an error (API reference, `DescribeDBClusters`, `DescribeDBInstances`).
    let (missing, region) = (&of.missing, &of.region);
    assert_eq!(refusal(aws.describe_cluster(region, missing).await), "DBClusterNotFoundFault");
    assert_eq!(refusal(aws.describe_instance(region, missing).await), "DBInstanceNotFound");
}

async fn cluster(aws: &impl Databases, of: &ClusterSubject) -> DbCluster {
    aws.describe_cluster(&of.region, &of.id).await.unwrap().expect("it exists")
}

fn writer(cluster: &DbCluster) -> &str {
    let writers: Vec<&str> =
        cluster.members.iter().filter(|one| one.writer).map(|one| one.id.as_str()).collect();
    let [writer] = writers[..] else { panic!("one writer: {cluster:?}") };
    writer
}

/// The suite of failovers of a cluster, and of the events that tell of them.
///
/// # Panics
/// A promise is broken.
pub async fn failovers(aws: &impl Databases, of: &ClusterSubject, outside: &impl Outside) {
    let before = outside.now();
    nothing_moves_by_a_refused_call(aws, of, outside).await;
    aws.failover_cluster(&of.region, &of.id, Some(&of.reader)).await.unwrap();
    comes_to(aws, of, &of.reader, outside).await;
    until(outside, "an event of the failover", async || {
        let events = events(aws, of, (before, outside.now())).await;
        events.iter().any(is_failover).then_some(())
    })
    .await;
    let past = before - Duration::from_mins(1);
    let earlier = events(aws, of, (past, before - Duration::from_secs(2))).await;
    assert!(!earlier.iter().any(is_failover), "it came later: {earlier:?}");
    let of_another = ClusterSubject { id: of.missing.clone(), ..of.clone() };
    let others = events(aws, &of_another, (before, outside.now())).await;
    assert!(!others.iter().any(is_failover), "it is of another cluster: {others:?}");

    aws.failover_cluster(&of.region, &of.id, None).await.unwrap();
    comes_to(aws, of, &of.writer, outside).await;
}

fn is_failover(event: &DbEvent) -> bool {
    event.categories.iter().any(|category| category == "failover") && !event.message.is_empty()
}

async fn events(
    aws: &impl Databases,
    of: &ClusterSubject,
    (since, until): (Timestamp, Timestamp),
) -> Vec<DbEvent> {
    let of_cluster = EventsOf { source: EventSource::Cluster, id: &of.id, since, until };
    pages::all(async |page: Next<'_>| aws.describe_events(&of.region, of_cluster, page).await).await.0
}

/// Waits until this member is the writer of an available cluster.
async fn comes_to(aws: &impl Databases, of: &ClusterSubject, expected: &str, outside: &impl Outside) {
    until(outside, expected, async || {
        let cluster = cluster(aws, of).await;
        (cluster.status == "available" && writer(&cluster) == expected).then_some(())
    })
    .await;
}

async fn nothing_moves_by_a_refused_call(aws: &impl Databases, of: &ClusterSubject, outside: &impl Outside) {
    let (region, id) = (&of.region, &of.id);
    let fail_over = async |target: Option<&str>| refusal(aws.failover_cluster(region, id, target).await);
    assert_eq!(fail_over(Some(&of.writer)).await, "InvalidDBInstanceState", "it is the writer already");
    assert_eq!(fail_over(Some(&of.missing)).await, "DBInstanceNotFound");
    assert_eq!(refusal(aws.failover_cluster(region, &of.missing, None).await), "DBClusterNotFoundFault");
    outside.occupy(id, true).await;
    assert_ne!(cluster(aws, of).await.status, "available");
    assert_eq!(fail_over(None).await, "InvalidDBClusterStateFault", "one is under way");
    outside.occupy(id, false).await;
    outside.pass().await;
    let cluster = cluster(aws, of).await;
    assert_eq!((cluster.status.as_str(), writer(&cluster)), ("available", of.writer.as_str()));
}

/// The suite of reboots with a failover. `multi_az` is an instance with a standby in another zone, if there is one.
///
/// # Panics
/// A promise is broken.
pub async fn reboots(
    aws: &impl Databases,
    of: &ClusterSubject,
    multi_az: Option<&str>,
    outside: &impl Outside,
) {
    let refused = refusal(aws.reboot_with_failover(&of.region, &of.writer).await);
    assert_eq!(refused, "InvalidParameterCombination", "it is in one zone");
    assert_eq!(refusal(aws.reboot_with_failover(&of.region, &of.missing).await), "DBInstanceNotFound");
    let Some(id) = multi_az else { return };
    let read = async || aws.describe_instance(&of.region, id).await.unwrap().expect("it exists");
    let before = read().await;
    assert!(before.multi_az && before.secondary_zone.as_ref() != Some(&before.zone), "{before:?}");
    aws.reboot_with_failover(&of.region, id).await.unwrap();
    until(outside, "the zones are exchanged", async || {
        let now = read().await;
        let exchanged = Some(&now.zone) == before.secondary_zone.as_ref();
        (exchanged && now.status == "available").then_some(())
    })
    .await;
}
