//! Failures of AWS calls, and what each proves: whether the call was executed.

use std::{error::Error, fmt};

use firedrill_core::{CallOutcome, ports::StoreError};

/// What the failure of a call proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The call was not executed; sent again, it may be (throttled, out of capacity, no connection).
    Again,
    /// The call was not executed: our role has no permission for it.
    Denied,
    /// The call was not executed, and sent again it would be refused again.
    Refused,
    /// Nothing: the call may have been executed.
    Nothing,
}

/// What came back of a failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing was sent: the call could not be built.
    NotSent,
    /// Nothing was sent: no connection to AWS could be made.
    NotConnected,
    /// AWS answered with an error.
    Error {
        /// AWS's code for it, such as `Throttling`; empty if the answer holds none.
        code: String,
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or one that cannot be read.
    None,
}

/// A failed call to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The IAM action, such as `ec2:StopInstances`.
    pub action: &'static str,
    /// What came back.
    pub answer: Answer,
    /// The message of AWS, or of the SDK if AWS did not answer; cut after 600 characters.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proof() {
            Proof::Denied => write!(f, "{} is denied", self.action)?,
            Proof::Again | Proof::Refused | Proof::Nothing => f.write_str(self.action)?,
        }
        if self.code().is_empty() {
            write!(f, ": {}", self.message)
        } else {
            write!(f, ": {}: {}", self.code(), self.message)
        }
    }
}

impl Error for Failure {}

/// Codes that prove that a call was not executed and may be later: throttling, want of capacity, conflicts. Some
/// of them come with a status of 5xx.
const NOT_NOW: [&str; 20] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "IncorrectInstanceState",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "InsufficientReservedInstanceCapacity",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ReplicatedWriteConflictException",
];

/// Codes that prove that our role has no permission.
const DENIED: [&str; 7] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    // SNS's code.
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

impl Answer {
    /// What it proves.
    #[must_use]
    pub fn proof(&self) -> Proof {
        match self {
            Self::NotSent => Proof::Refused,
            Self::NotConnected => Proof::Again,
            Self::Error { code, .. } if NOT_NOW.contains(&code.as_str()) => Proof::Again,
            Self::Error { code, .. } if DENIED.contains(&code.as_str()) => Proof::Denied,
            Self::Error { status, .. } if (400..500).contains(status) => Proof::Refused,
            Self::Error { .. } | Self::None => Proof::Nothing,
        }
    }
}

impl Failure {
    /// A call that is not sent, because it would do something else than what it is meant for.
    #[must_use]
    pub fn not_sent(action: &'static str, why: impl Into<String>) -> Self {
        Self { action, answer: Answer::NotSent, message: why.into() }
    }

    /// AWS's error code; our own if no connection could be made; else empty.
    #[must_use]
    pub fn code(&self) -> &str {
        match &self.answer {
            Answer::Error { code, .. } => code,
            Answer::NotConnected => "NotConnected",
            Answer::NotSent | Answer::None => "",
        }
    }

    /// What it proves.
    #[must_use]
    pub fn proof(&self) -> Proof {
        self.answer.proof()
    }

    /// The outcome, if the call was a mutating one.
    #[must_use]
    pub fn into_outcome(self) -> CallOutcome {
        match self.proof() {
            Proof::Nothing => CallOutcome::Unknown { message: self.to_string() },
            proof @ (Proof::Again | Proof::Denied | Proof::Refused) => CallOutcome::NotExecuted {
                again: proof == Proof::Again,
                message: format!("{}: {}", self.action, self.message),
                code: self.code().to_owned(),
            },
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure.proof() {
            Proof::Denied | Proof::Refused => Self::Refused(failure.to_string()),
            // Throttled is `Unknown` too: the loop tries again only what is unknown.
            Proof::Again | Proof::Nothing => Self::Unknown(failure.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, status: u16) -> Failure {
        let answer = Answer::Error { code: code.to_owned(), status };
        Failure { action: "ec2:StopInstances", answer, message: "said AWS".to_owned() }
    }

    fn again(code: &str, status: u16) -> Option<bool> {
        sent_again(failure(code, status))
    }

    fn sent_again(failure: Failure) -> Option<bool> {
        match failure.into_outcome() {
            CallOutcome::NotExecuted { again, .. } => Some(again),
            CallOutcome::Unknown { .. } | CallOutcome::Done => None,
        }
    }

    #[test]
    fn only_an_answer_that_proves_it_lets_a_call_be_sent_again() {
        assert_eq!(again("RequestLimitExceeded", 503), Some(true));
        assert_eq!(again("IncorrectInstanceState", 400), Some(true));
        assert_eq!(again("InsufficientInstanceCapacity", 500), Some(true), "EC2 answers so");
        assert_eq!(again("UnauthorizedOperation", 403), Some(false));
        assert_eq!(again("InvalidInstanceID.NotFound", 400), Some(false));
        assert_eq!(again("InternalError", 500), None, "it may have been executed");
        assert_eq!(again("", 502), None);
        assert_eq!(Failure::not_sent("ec2:StopInstances", "no id").proof(), Proof::Refused);
        let without = |answer| Failure { answer, ..failure("", 0) };
        assert_eq!(sent_again(without(Answer::NotConnected)), Some(true), "nothing of it was sent");
        assert_eq!(
            sent_again(without(Answer::None)),
            None,
            "the connection may have broken after it was sent"
        );
    }

    #[test]
    fn a_throttled_store_is_asked_again_and_a_missing_table_is_not() {
        let error = |code, status| StoreError::from(failure(code, status));
        assert!(matches!(error("ThrottlingException", 400), StoreError::Unknown(_)));
        assert!(matches!(error("ResourceNotFoundException", 400), StoreError::Refused(_)));
        assert!(matches!(error("InternalServerError", 500), StoreError::Unknown(_)));
    }

    #[test]
    fn a_denied_action_is_named() {
        let text = failure("UnauthorizedOperation", 403).to_string();
        assert_eq!(text, "ec2:StopInstances is denied: UnauthorizedOperation: said AWS");
        assert_eq!(failure("AuthorizationError", 403).proof(), Proof::Denied);
    }
}
