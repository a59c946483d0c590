//! How a distribution or a database stands, gathered for core to decide on: the failover functions and the
//! drills look at them in the same way.

use firedrill_core::request::Arn;

#[cfg(feature = "rds")]
pub use database::{Database, database_state};
#[cfg(feature = "cloudfront")]
pub use distribution::{distribution_id, distribution_state, point};

/// What follows this prefix in the ARN of a resource of this service.
fn id_of<'a>(arn: &'a Arn, service: &str, prefix: &str) -> Option<&'a str> {
    let id = arn.resource().strip_prefix(prefix)?;
    (arn.service() == service && !id.is_empty()).then_some(id)
}

#[cfg(feature = "cloudfront")]
mod distribution {
    use std::collections::BTreeMap;

    use firedrill_core::{
        CallOutcome,
        failover::{BehaviorOrigins, DEFAULT_BEHAVIOR, DistributionState},
        request::Arn,
    };

    use crate::{
        cloudfront::{CloudFront, Distribution, DistributionConfig},
        error::Failure,
    };

    /// Somebody else changed the distribution since it was looked at.
    const LOST_RACE: [&str; 2] = ["PreconditionFailed", "InvalidIfMatchVersion"];

    /// The id in the ARN of a distribution.
    ///
    /// # Errors
    /// It is the ARN of something else.
    pub fn distribution_id(arn: &Arn) -> Result<&str, String> {
        super::id_of(arn, "cloudfront", "distribution/").ok_or_else(|| {
            format!("{arn} is not a distribution (arn:aws:cloudfront::ACCOUNT:distribution/ID)")
        })
    }

    /// How this distribution stands, and, of the same moment, the configuration to change and its version.
    ///
    /// # Errors
    /// It could not be read. Tags that could not be read are none: nobody may take them for the opt-in.
    pub async fn distribution_state(
        cloudfront: &CloudFront,
        id: &str,
    ) -> Result<(DistributionState, DistributionConfig, String), Failure> {
        let (distribution, config) = cloudfront.distribution(id).await?;
        let tags = cloudfront.tags(&distribution.arn).await;
        let tags = tags.inspect_err(|error| tracing::warn!(%error, "the tags of {id} are unknown")).ok();
        let Distribution { arn, etag, deployed, enabled, origins, default_origin, behaviors, .. } =
            distribution;
        let mut origins_by_behavior: BehaviorOrigins = behaviors;
        origins_by_behavior.insert(DEFAULT_BEHAVIOR.to_owned(), default_origin);
        Ok((DistributionState { arn, deployed, enabled, origins, origins_by_behavior, tags }, config, etag))
    }

    /// Points these places elsewhere, in the configuration of the look that `etag` is the version of. Sent
    /// once. A race that was lost changed nothing, and may be won after another look.
    pub async fn point(
        cloudfront: &CloudFront,
        config: DistributionConfig,
        etag: &str,
        to: &BehaviorOrigins,
    ) -> CallOutcome {
        let sent = cloudfront.point(config, etag, &changes(to)).await;
        sent.map_or_else(outcome, |()| CallOutcome::Done)
    }

    fn changes(origins_by_behavior: &BehaviorOrigins) -> BTreeMap<Option<String>, String> {
        let pattern = |place: &String| (place != DEFAULT_BEHAVIOR).then(|| place.clone());
        origins_by_behavior.iter().map(|(place, origin)| (pattern(place), origin.clone())).collect()
    }

    fn outcome(failure: Failure) -> CallOutcome {
        let has_lost = LOST_RACE.contains(&failure.code.as_str());
        match failure.into_outcome() {
            CallOutcome::NotExecuted { code, message, again } => {
                CallOutcome::NotExecuted { code, message, again: again || has_lost }
            }
            other => other,
        }
    }

    #[cfg(test)]
    mod tests {
        use firedrill_core::failover::origins_by_behavior;

        use super::*;
        use crate::error::{Proof, proof};

        #[test]
        fn the_default_behaviour_is_the_one_without_a_pattern() {
            let changed = changes(&behavior_origins(&["/static/*".to_owned()], "standby"));
            let standby = "standby".to_owned();
            let expected = [(None, standby.clone()), (Some("/static/*".to_owned()), standby)];
            assert_eq!(changed, BTreeMap::from(expected));
        }

        #[test]
        fn only_a_lost_race_makes_another_look_worth_while() {
            let again = |code: &str, status| {
                let (proof, code) = (proof(code, status), code.to_owned());
                let action = "cloudfront:UpdateDistribution";
                match outcome(Failure { action, proof, code, message: String::new() }) {
                    CallOutcome::NotExecuted { again, .. } => Some(again),
                    CallOutcome::Done | CallOutcome::Unknown { .. } => None,
                }
            };
            assert_eq!(again("PreconditionFailed", 412), Some(true));
            assert_eq!(again("InvalidIfMatchVersion", 400), Some(true));
            assert_eq!(again("AccessDenied", 403), Some(false));
            assert_eq!(again("InvalidArgument", 400), Some(false));
            assert_eq!(again("InternalError", 500), None, "it may have been executed");
            assert_eq!(proof("PreconditionFailed", 412), Proof::Refused);
        }
    }
}

#[cfg(feature = "rds")]
mod database {
    use std::{collections::BTreeMap, time::Duration};

    use firedrill_core::{
        Timestamp,
        failover::{DatabaseMember, DatabaseState},
        request::Arn,
    };

    use crate::{
        error::{Failure, Proof},
        rds::{Event, Rds, Source},
    };

    /// The category of RDS's events about failovers.
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
        /// It is the ARN of something else.
        pub fn of(arn: &Arn) -> Result<Self, String> {
            let id = |prefix| super::id_of(arn, "rds", prefix).map(str::to_owned);
            let found = id("cluster:").map(Self::Cluster).or_else(|| id("db:").map(Self::Instance));
            found.filter(|_| !arn.region().is_empty()).ok_or_else(|| {
                format!(
                    "{arn} is neither a DB cluster (arn:aws:rds:REGION:ACCOUNT:cluster:ID) nor a DB instance \
                     (arn:aws:rds:REGION:ACCOUNT:db:ID)"
                )
            })
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

    /// How this database stands. Failovers are looked for in the last `look_back`: the cool-down, or the
    /// time since the injection if that is longer.
    ///
    /// # Errors
    /// A part of it could not be read, or there is no such database.
    pub async fn database_state(
        rds: &Rds,
        database: &Database,
        look_back: Duration,
        now: Timestamp,
    ) -> Result<DatabaseState, Failure> {
        let look_back_ms = i64::try_from(look_back.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp::from_millis(now.as_millis().saturating_sub(look_back_ms));
        match database {
            Database::Cluster(id) => {
                let (cluster, instances, events) = tokio::try_join!(
                    rds.cluster(id),
                    rds.instances(id),
                    rds.events(Source::Cluster, id, since, now)
                )?;
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
                Ok(DatabaseState {
                    arn: cluster.arn,
                    status: cluster.status,
                    members: members.collect(),
                    multi_az: cluster.multi_az,
                    zones: None,
                    tags: Some(cluster.tags),
                    last_failover: last_failover(&events),
                })
            }
            Database::Instance(id) => {
                let (instance, events) =
                    tokio::try_join!(rds.instance(id), rds.events(Source::Instance, id, since, now))?;
                let instance =
                    instance.ok_or_else(|| missing("rds:DescribeDBInstances", "DBInstanceNotFound", id))?;
                Ok(DatabaseState {
                    arn: instance.arn,
                    status: instance.status,
                    members: Vec::new(),
                    multi_az: instance.multi_az,
                    zones: instance.secondary_zone.map(|secondary| (instance.zone, secondary)),
                    tags: Some(instance.tags),
                    last_failover: last_failover(&events),
                })
            }
        }
    }

    fn missing(action: &'static str, code: &str, id: &str) -> Failure {
        let message = format!("there is no {id}");
        Failure { action, proof: Proof::Refused, code: code.to_owned(), message }
    }

    /// When RDS last told of a failover that began or ended. One that it abandoned (RDS-EVENT-0034) or
    /// that failed (0069) moved nothing; their numbers are not in the answer, only their sentences.
    fn last_failover(events: &[Event]) -> Option<Timestamp> {
        let told = |event: &&Event| {
            let message = event.message.to_ascii_lowercase();
            event.categories.iter().any(|category| category == FAILOVER)
                && !message.contains("abandon")
                && !message.contains("failed")
        };
        events.iter().filter(told).map(|event| event.at).max()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn event(at: i64, category: &str, message: &str) -> Event {
            let categories = vec![category.to_owned()];
            Event { at: Timestamp::from_millis(at), message: message.to_owned(), categories }
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
                assert!(of(wrong).unwrap_err().contains(wrong));
            }
        }
    }
}
