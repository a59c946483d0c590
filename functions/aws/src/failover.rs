//! Failover functions: an alarm triggers one, and it fails a distribution or a database over.
//!
//! Core decides whether. This module reads the state of what fails over, and sends the one call.
//!
//! **Absences.** Nothing here can set an alarm's state, publish a metric or stop an instance.

mod answer;
#[cfg(feature = "failover-db")]
mod database;
#[cfg(feature = "failover-cdn")]
mod distribution;
mod event;
mod settings;

use std::time::Duration;

use firedrill_core::{
    failover::{FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget},
    request::Arn,
};
use thiserror::Error;

pub(crate) use answer::{Unanswered, answer};
#[cfg(feature = "failover-db")]
pub use database::DatabaseFailover;
#[cfg(feature = "failover-cdn")]
pub use distribution::DistributionFailover;
pub use settings::{FailoverSettings, FailoverSettingsError};

use crate::{
    client::Connection,
    error::{Failure, Proof, ReadError, read_within},
    pager::Pager,
    resource_state::WrongArn,
};

/// What a failover function keeps from one invocation to the next.
#[derive(Clone, Debug)]
pub struct FailoverContext {
    /// The settings that the stack's template sets.
    pub settings: FailoverSettings,
    /// The connection to AWS.
    pub connection: Connection,
    /// Sends pages to operators.
    pub pager: Pager,
}

/// One kind of failover. There is one value for each configured alarm; each change of an alarm gets a copy of it.
pub trait Failover: FailoverAction + Clone {
    /// The stack's parameter that says which alarm fails over what.
    const PARAMETER: &'static str;
    /// What an entry of that parameter holds beside the alarm, as JSON with `…` for values.
    const ENTRY: &'static str;

    /// The failover that one entry of the parameter configures.
    ///
    /// # Errors
    /// The entry configures something that this function cannot fail over: what, and why not.
    fn configured(
        context: &FailoverContext,
        config: &FailoverRule,
        resource: &FailoverTarget,
    ) -> Result<Self, String>;
}

/// Why an entry of `FIREDRILL_FAILOVERS` configures no failover of this function.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum WrongRule {
    #[cfg(feature = "failover-db")]
    #[error("this function fails over databases, and {0} is none")]
    NotADatabase(Arn),
    #[cfg(feature = "failover-cdn")]
    #[error("this function fails over distributions, and {0} is none")]
    NotADistribution(Arn),
    #[cfg(feature = "failover-db")]
    #[error("`failBackOnOk` is for distributions: {0} would fail over a second time within minutes")]
    FailsBack(Arn),
    #[cfg(feature = "failover-db")]
    #[error(
        "{0} is in the wrong field: a DB cluster belongs in `clusterArn`, a DB instance in `instanceArn`"
    )]
    WrongField(Arn),
    #[error(transparent)]
    Arn(#[from] WrongArn),
}

/// Why traffic must not be moved, or may not be moved yet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum CannotMove {
    #[error("{found} is not the {configured} that is configured")]
    WrongResource { found: String, configured: Arn },
    #[cfg(feature = "failover-db")]
    #[error("a database is not failed back by itself")]
    NoFailback,
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

impl From<CannotMove> for FailoverReadiness {
    fn from(error: CannotMove) -> Self {
        let why = error.to_string();
        match error {
            CannotMove::Unreadable(ReadError::Late { .. }) => Self::Unknown(why),
            CannotMove::Unreadable(ReadError::Failed(failure)) => match failure.proof {
                // What does not exist, or may not be read, cannot be read in a minute either: page now.
                Proof::Denied | Proof::Refused => Self::Unfit(why),
                Proof::Again | Proof::Nothing => Self::Unknown(why),
            },
            CannotMove::WrongResource { .. } => Self::Unfit(why),
            #[cfg(feature = "failover-db")]
            CannotMove::NoFailback => Self::Unfit(why),
        }
    }
}

/// Reads the state of what fails over, within the deadline.
async fn read_state<T>(
    deadline: Duration,
    read: impl Future<Output = Result<T, Failure>>,
) -> Result<T, CannotMove> {
    Ok(read_within(deadline, Box::pin(read)).await?)
}

/// Logs this text, then sends it as a page; whether it was sent.
async fn tell(pager: &Pager, text: &str) -> bool {
    tracing::error!("{text}");
    let sent = Box::pin(pager.send("Firedrill: an alarm went off", text)).await;
    sent.inspect_err(|error| tracing::error!(%error, "nobody was told")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_read_is_concluded_and_what_did_not_answer_is_asked_again() {
        let of = |proof| {
            let (code, message) = ("C".to_owned(), "said AWS".to_owned());
            let failure = Failure { action: "rds:DescribeDBClusters", proof, code, message };
            FailoverReadiness::from(CannotMove::from(ReadError::from(failure)))
        };
        assert!(
            matches!(of(Proof::Denied), FailoverReadiness::Unfit(why) if why.contains("DescribeDBClusters is denied"))
        );
        assert!(matches!(of(Proof::Refused), FailoverReadiness::Unfit(_)));
        assert!(matches!(of(Proof::Again), FailoverReadiness::Unknown(_)));
        assert!(matches!(of(Proof::Nothing), FailoverReadiness::Unknown(_)));
    }
}
