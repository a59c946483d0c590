//! State of a distribution or a database, as the core needs it to decide. Drills and failover functions read it here,
//! so that both see the same.

mod database;
mod distribution;

use firedrill_core::request::Arn;
use thiserror::Error;

pub(crate) use database::database_events;
pub use database::{Database, database_state};
pub use distribution::{distribution_id, distribution_state, set_origins};

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
