//! What an error of AWS proves.

use std::{error::Error, fmt};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use firedrill_core::{CallOutcome, ports::StoreError};

/// What is known of a call that was not answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It was not executed, and may be if sent again.
    Again,
    /// It was not executed: we may not.
    Denied,
    /// It was not executed, and will not be.
    Refused,
    /// Nothing. It may have been executed.
    Nothing,
}

/// A call to AWS that was not answered well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Such as `ec2:StopInstances`.
    pub action: &'static str,
    /// What it proves.
    pub proof: Proof,
    /// AWS's error code; empty without an answer.
    pub code: String,
    /// What AWS, or the SDK, said.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proof {
            Proof::Denied => write!(f, "{} is denied", self.action)?,
            Proof::Again | Proof::Refused | Proof::Nothing => f.write_str(self.action)?,
        }
        if self.code.is_empty() {
            write!(f, ": {}", self.message)
        } else {
            write!(f, ": {}: {}", self.code, self.message)
        }
    }
}

impl Error for Failure {}

/// Codes by which AWS says "not now". Some come with a status of 5xx, want of capacity among them.
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

const DENIED: [&str; 7] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    // SNS's word.
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

/// What an answer with this code and status proves.
#[must_use]
pub fn proof(code: &str, status: u16) -> Proof {
    if NOT_NOW.contains(&code) {
        Proof::Again
    } else if DENIED.contains(&code) {
        Proof::Denied
    } else if (400..500).contains(&status) {
        Proof::Refused
    } else {
        Proof::Nothing
    }
}

impl Failure {
    /// Reads an error of the SDK.
    pub fn of<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let proof = match error {
            SdkError::ConstructionFailure(_) => Proof::Refused,
            SdkError::ServiceError(answer) => {
                proof(answer.err().code().unwrap_or_default(), answer.raw().status().as_u16())
            }
            // Not sent, not answered in time, or answered in a way that nobody can read.
            _ => Proof::Nothing,
        };
        let (code, said, request) = match error.as_service_error().map(ProvideErrorMetadata::meta) {
            Some(meta) => (meta.code(), meta.message(), meta.extra("aws_request_id")),
            None => (None, None, None),
        };
        let mut message = said.map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned);
        if let Some(cut) = message.char_indices().nth(600).map(|(at, _)| at) {
            message.truncate(cut);
            message.push('…');
        }
        if let Some(id) = request {
            message.push_str(" (request ");
            message.push_str(id);
            message.push(')');
        }
        Self { action, proof, code: code.unwrap_or_default().to_owned(), message }
    }

    /// For a mutating call.
    #[must_use]
    pub fn into_outcome(self) -> CallOutcome {
        match self.proof {
            Proof::Nothing => CallOutcome::Unknown { message: self.to_string() },
            Proof::Again | Proof::Denied | Proof::Refused => CallOutcome::NotExecuted {
                again: self.proof == Proof::Again,
                message: format!("{}: {}", self.action, self.message),
                code: self.code,
            },
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure.proof {
            Proof::Denied | Proof::Refused => Self::Refused(failure.to_string()),
            // Throttled: not done, but worth another try, which the loop makes of an unknown only.
            Proof::Again | Proof::Nothing => Self::Unknown(failure.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, status: u16) -> Failure {
        let (code, message) = (code.to_owned(), "said AWS".to_owned());
        Failure { action: "ec2:StopInstances", proof: proof(&code, status), code, message }
    }

    fn again(code: &str, status: u16) -> Option<bool> {
        match failure(code, status).into_outcome() {
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
        assert_eq!(failure("AuthorizationError", 403).proof, Proof::Denied);
    }
}
