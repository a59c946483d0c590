//! Failover functions: an alarm triggers one, and it fails a distribution or a database over.
//!
//! The core decides whether. This module reads the state of what fails over, and sends the one call.
//!
//! **Absences.** Nothing here can set an alarm's state, publish a metric or stop an instance.

mod answer;
mod database;
mod distribution;
mod event;

use std::time::Duration;

use firedrill_core::{
    failover::{FailoverAction, FailoverReadiness},
    ports::Clock,
    request::Arn,
};
use thiserror::Error;

pub use answer::{FailoverFunction, Unanswered, set_up};
pub use database::DatabaseFailover;
pub use distribution::DistributionFailover;

use crate::{
    Proof,
    deadline::{ReadError, read_within},
    pager,
    ports::{Reply, Topics},
    resource_state::WrongArn,
};

/// What a failover function works with.
#[derive(Debug)]
pub struct FailoverContext<C, K> {
    /// AWS, behind the ports.
    pub cloud: C,
    /// The machine's clock.
    pub clock: K,
    /// The deadline of one look at what fails over.
    pub call_deadline: Duration,
    /// The shortest time between two failovers of one database: RDS may silently drop one that comes sooner.
    pub cool_down: Duration,
    /// Where pages are published; none if the stack has no topic.
    pub topic_arn: Option<Arn>,
}

/// One kind of failover. There is one value for each configured alarm; each change of an alarm gets a copy of it.
pub trait Failover: FailoverAction + Clone {
    /// The stack's parameter that says which alarm fails over what.
    const PARAMETER: &'static str;
    /// What an entry of that parameter holds beside the alarm, as JSON with `…` for values.
    const ENTRY: &'static str;
}

/// Why an entry of `FIREDRILL_FAILOVERS` configures no failover of this function.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongRule {
    /// The target is no database.
    #[error("this function fails over databases, and {0} is none")]
    NotADatabase(Arn),
    /// The target is no distribution.
    #[error("this function fails over distributions, and {0} is none")]
    NotADistribution(Arn),
    /// A database is not failed back by itself.
    #[error("`failBackOnOk` is for distributions: {0} would fail over a second time within minutes")]
    FailsBack(Arn),
    /// A cluster in the field of an instance, or the other way round.
    #[error(
        "{0} is in the wrong field: a DB cluster belongs in `clusterArn`, a DB instance in `instanceArn`"
    )]
    WrongField(Arn),
    /// The target's ARN is of another kind.
    #[error(transparent)]
    Arn(#[from] WrongArn),
}

/// What a read that gave no answer says about whether traffic may be moved.
fn unread(error: &ReadError) -> FailoverReadiness {
    match error {
        // What does not exist, or may not be read, cannot be read in a minute either: page now.
        ReadError::Failed(failure) if matches!(failure.proof(), Proof::Denied | Proof::Refused) => {
            FailoverReadiness::Unfit(error.to_string())
        }
        ReadError::Failed(_) | ReadError::Late(_) => FailoverReadiness::Unknown(error.to_string()),
    }
}

/// Checks that AWS described what is configured.
fn check_arn(found: &str, configured: &Arn) -> Result<(), FailoverReadiness> {
    if found == configured.as_str() {
        return Ok(());
    }
    Err(FailoverReadiness::Unfit(format!("{found} is not the {configured} that is configured")))
}

impl<C: Topics, K: Clock> FailoverContext<C, K> {
    /// Reads the state of what fails over, within the deadline.
    async fn read<T>(&self, read: impl Future<Output = Reply<T>>) -> Result<T, FailoverReadiness> {
        read_within(&self.clock, self.call_deadline, read).await.map_err(|error| unread(&error))
    }

    /// Logs this text, then sends it as a page; whether it was sent.
    async fn tell(&self, text: &str) -> bool {
        tracing::error!("{text}");
        let topic = self.topic_arn.as_ref();
        let sent = pager::send(&self.cloud, topic, "Firedrill: an alarm went off", text).await;
        sent.inspect_err(|error| tracing::error!(%error, "nobody was told")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, failure::Answer};

    #[test]
    fn what_may_not_be_read_is_concluded_and_what_did_not_answer_is_asked_again() {
        let of = |code: &str, status| {
            let answer = Answer::Error { code: code.to_owned(), status };
            let failure =
                Failure { action: "rds:DescribeDBClusters", answer, message: "said AWS".to_owned() };
            unread(&ReadError::from(failure))
        };
        assert!(
            matches!(of("AccessDenied", 403), FailoverReadiness::Unfit(why) if why.contains("DescribeDBClusters is denied"))
        );
        assert!(matches!(of("DBClusterNotFoundFault", 404), FailoverReadiness::Unfit(_)));
        assert!(matches!(of("Throttling", 400), FailoverReadiness::Unknown(_)));
        assert!(matches!(of("", 502), FailoverReadiness::Unknown(_)));
    }
}
