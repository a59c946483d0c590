//! `NotReady`: why a drill may not be injected now.

use firedrill_core::Readiness;
use thiserror::Error;

/// Why a drill may not be injected now. Each variant holds the reason that the operator reads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotReady {
    /// It must not be injected: another look would show the same.
    #[error("{0}")]
    Refused(String),
    /// Not everything could be read: the next look may tell.
    #[error("{0}")]
    Unknown(String),
}

impl From<NotReady> for Readiness {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Refused(why) => Self::Refused(why),
            NotReady::Unknown(why) => Self::Unknown(why),
        }
    }
}
