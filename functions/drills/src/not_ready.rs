//! `NotReady`: why a drill may not be injected now.

use firedrill_core::Readiness;
use thiserror::Error;

use crate::{Failure, Proof, deadline::ReadError};

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

/// A refused read, of something that does not exist, refuses the drill. Whoever could not look knows nothing: a denied,
/// throttled or unanswered read leaves it unknown, and the next look reads again.
impl From<Failure> for NotReady {
    fn from(failure: Failure) -> Self {
        match failure.proof() {
            Proof::Refused => Self::Refused(failure.to_string()),
            Proof::Denied | Proof::Again | Proof::Nothing => Self::Unknown(failure.to_string()),
        }
    }
}

impl From<ReadError> for NotReady {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failed(failure) => failure.into(),
            ReadError::Late(late) => Self::Unknown(late.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Answer;

    fn failed(code: &str, status: u16) -> NotReady {
        let answer = Answer::Error { code: code.to_owned(), status };
        let action = "lambda:GetFunctionConfiguration";
        Failure { action, answer, message: "said AWS".to_owned() }.into()
    }

    #[test]
    fn who_could_not_look_knows_nothing_and_names_what_was_denied() {
        let NotReady::Unknown(why) = failed("AccessDenied", 403) else { panic!("decided without a look") };
        assert!(why.contains("lambda:GetFunctionConfiguration is denied"), "{why}");
        assert!(matches!(failed("Throttling", 400), NotReady::Unknown(_)));
        assert!(matches!(failed("", 502), NotReady::Unknown(_)));
        assert!(matches!(failed("ResourceNotFoundException", 404), NotReady::Refused(_)));
    }
}
