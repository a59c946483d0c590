//! `WrongDrill`: why a function cannot build a drill from a request.

use thiserror::Error;

#[cfg(feature = "undo-db")]
use crate::resource_state::WrongArn;

/// Why a function cannot build a drill from a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongDrill {
    /// The request names a target of another kind.
    #[error("drill {drill} has no {field}: another drill function carries it out")]
    Target {
        /// The drill's name, as the request has it.
        drill: String,
        /// The field of the request that this function needs, such as `` `target.distribution` ``.
        field: &'static str,
    },
    /// The target's ARN is not that of a database.
    #[cfg(feature = "undo-db")]
    #[error(transparent)]
    Arn(#[from] WrongArn),
}
