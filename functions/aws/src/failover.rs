//! The failover functions: what an alarm triggers, and what they may do about it.
//!
//! Core decides. Here is what looks at a distribution or a database, and sends the one call.
//!
//! **Absences.** Nothing here can set an alarm's state, publish a metric or stop an instance.

mod answer;
#[cfg(feature = "failover-db")]
mod database;
#[cfg(feature = "failover-cdn")]
mod distribution;
mod settings;

use std::time::Duration;

use firedrill_core::failover::{FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget};

pub(crate) use answer::{Unanswered, answer};
#[cfg(feature = "failover-db")]
pub use database::DatabaseFailover;
#[cfg(feature = "failover-cdn")]
pub use distribution::DistributionFailover;
pub use settings::FailoverSettings;

use crate::{
    client::Connection,
    error::{Failure, Proof},
    pager::Pager,
};

/// What a failover function has for as long as it lives.
#[derive(Clone, Debug)]
pub struct FailoverContext {
    /// What the stack says.
    pub settings: FailoverSettings,
    /// How AWS is spoken to.
    pub connection: Connection,
    /// How people are told.
    pub pager: Pager,
}

/// One kind of failover. There is one value for each configured alarm; each change gets a copy of it.
pub trait Failover: FailoverAction + Clone {
    /// The stack's parameter that says which alarm fails over what.
    const PARAMETER: &'static str;
    /// What an entry of that parameter holds beside the alarm.
    const ENTRY: &'static str;

    /// What one entry of the parameter means.
    ///
    /// # Errors
    /// It means something that this function cannot fail over.
    fn configured(
        context: &FailoverContext,
        config: &FailoverRule,
        resource: &FailoverTarget,
    ) -> Result<Self, String>;
}

/// Looks, within the deadline.
async fn within<T>(
    deadline: Duration,
    look: impl Future<Output = Result<T, Failure>>,
) -> Result<T, FailoverReadiness> {
    match tokio::time::timeout(deadline, Box::pin(look)).await {
        Ok(looked) => looked.map_err(|failure| unread(&failure)),
        Err(_) => {
            Err(FailoverReadiness::Unknown(format!("could not look within {} ms", deadline.as_millis())))
        }
    }
}

/// What cannot be read because it is not there, or because we may not, will not be readable a minute later:
/// better that people are told now.
fn unread(failure: &Failure) -> FailoverReadiness {
    match failure.proof {
        Proof::Denied | Proof::Refused => FailoverReadiness::Unfit(failure.to_string()),
        Proof::Again | Proof::Nothing => FailoverReadiness::Unknown(failure.to_string()),
    }
}

/// The log gets it in any case.
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
            unread(&Failure { action: "rds:DescribeDBClusters", proof, code, message })
        };
        assert!(
            matches!(of(Proof::Denied), FailoverReadiness::Unfit(why) if why.contains("DescribeDBClusters is denied"))
        );
        assert!(matches!(of(Proof::Refused), FailoverReadiness::Unfit(_)));
        assert!(matches!(of(Proof::Again), FailoverReadiness::Unknown(_)));
        assert!(matches!(of(Proof::Nothing), FailoverReadiness::Unknown(_)));
    }
}
