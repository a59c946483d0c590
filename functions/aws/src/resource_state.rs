//! State of a distribution or a database, as core needs it to decide. Drills and failover functions read it here,
//! so that both see the same.

use firedrill_core::request::Arn;
use thiserror::Error;

#[cfg(feature = "rds")]
pub use database::{Database, database_state};
#[cfg(feature = "cloudfront")]
pub use distribution::{distribution_id, distribution_state, point};

/// An ARN names a resource of another kind than the one that can fail over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongArn {
    /// A distribution's ARN was expected.
    #[error("{0} is not a distribution (arn:aws:cloudfront::ACCOUNT:distribution/ID)")]
    NotDistribution(Arn),
    /// A database's ARN was expected.
    #[error(
        "{0} is neither a DB cluster (arn:aws:rds:REGION:ACCOUNT:cluster:ID) nor a DB instance \
         (arn:aws:rds:REGION:ACCOUNT:db:ID)"
    )]
    NotDatabase(Arn),
}

/// What follows `prefix` in the resource part of this ARN; none if the ARN is of another service or kind.
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

    use super::WrongArn;
    use crate::{
        cloudfront::{CloudFront, Distribution, DistributionSettings},
        error::Failure,
    };

    /// Codes that prove that somebody else changed the distribution after our read.
    const LOST_RACE: [&str; 2] = ["PreconditionFailed", "InvalidIfMatchVersion"];

    /// The id in the ARN of a distribution.
    ///
    /// # Errors
    /// The ARN is not that of a distribution.
    pub fn distribution_id(arn: &Arn) -> Result<&str, WrongArn> {
        super::id_of(arn, "cloudfront", "distribution/").ok_or_else(|| WrongArn::NotDistribution(arn.clone()))
    }

    /// The state of this distribution with the configuration and the version (`ETag`) of the same read, which a
    /// change must send back. Tags that could not be read are `None`, which never counts as the opt-in.
    ///
    /// # Errors
    /// The distribution could not be read.
    pub async fn distribution_state(
        cloudfront: &CloudFront,
        id: &str,
    ) -> Result<(DistributionState, DistributionSettings, String), Failure> {
        let (distribution, config) = cloudfront.distribution(id).await?;
        let tags = cloudfront.tags(&distribution.arn).await;
        let tags = tags.inspect_err(|error| tracing::warn!(%error, "the tags of {id} are unknown")).ok();
        let Distribution { arn, etag, deployed, enabled, origins, default_origin, behaviors, .. } =
            distribution;
        let mut origins_by_behavior: BehaviorOrigins = behaviors;
        origins_by_behavior.insert(DEFAULT_BEHAVIOR.to_owned(), default_origin);
        Ok((DistributionState { arn, deployed, enabled, origins, origins_by_behavior, tags }, config, etag))
    }

    /// Sets the origins of these behaviours in the configuration whose version is `etag`. Sent once. If somebody
    /// else changed the distribution first, nothing is changed, and the call may be tried again after another read.
    pub async fn point(
        cloudfront: &CloudFront,
        config: DistributionSettings,
        etag: &str,
        to: &BehaviorOrigins,
    ) -> CallOutcome {
        let sent = cloudfront.point(config, etag, &changes(to)).await;
        sent.map_or_else(outcome, |()| CallOutcome::Done)
    }

    fn changes(origins_by_behavior: &BehaviorOrigins) -> BTreeMap<Option<String>, String> {
        let pattern = |behavior: &String| (behavior != DEFAULT_BEHAVIOR).then(|| behavior.clone());
        origins_by_behavior.iter().map(|(behavior, origin)| (pattern(behavior), origin.clone())).collect()
    }

    fn outcome(failure: Failure) -> CallOutcome {
        let lost_race = LOST_RACE.contains(&failure.code.as_str());
        match failure.into_outcome() {
            CallOutcome::NotExecuted { code, message, again } => {
                CallOutcome::NotExecuted { code, message, again: again || lost_race }
            }
            other => other,
        }
    }

    #[cfg(test)]
    mod tests {
        use firedrill_core::failover::behavior_origins;

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

    use super::WrongArn;
    use crate::{
        error::{Failure, Proof},
        rds::{Event, Rds, Source},
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
        rds: &Rds,
        database: &Database,
        look_back: Duration,
        now: Timestamp,
    ) -> Result<DatabaseState, Failure> {
        let since = now - look_back;
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
        let message = format!("no database {id} exists");
        Failure { action, proof: Proof::Refused, code: code.to_owned(), message }
    }

    /// When RDS last reported a failover that began or ended. One that it abandoned (RDS-EVENT-0034) or that failed
    /// (RDS-EVENT-0069) moved no writer. The answer holds no event numbers, so the message tells them apart.
    fn last_failover(events: &[Event]) -> Option<Timestamp> {
        let reported = |event: &&Event| {
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
                assert!(of(wrong).unwrap_err().to_string().contains(wrong));
            }
        }
    }
}
