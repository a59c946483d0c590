//! `WrongDrill`: why a function cannot carry a request out.

use thiserror::Error;

use crate::resource_state::WrongArn;

/// Why a function cannot carry a request out.
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
    #[error(transparent)]
    Arn(#[from] WrongArn),
}
