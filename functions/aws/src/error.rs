//! Errors of AWS calls, and what each proves: whether the call was executed.

use std::{error::Error, fmt, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use firedrill_core::{CallOutcome, ports::StoreError};

/// What the error of a call proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The call was not executed; sent again, it may be (throttled, out of capacity).
    Again,
    /// The call was not executed: our role has no permission for it.
    Denied,
    /// The call was not executed, and sent again it would be refused again.
    Refused,
    /// Nothing: the call may have been executed.
    Nothing,
}

/// A failed call to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The IAM action, such as `ec2:StopInstances`.
    pub action: &'static str,
    /// What the error proves.
    pub proof: Proof,
    /// AWS's error code; empty if AWS did not answer.
    pub code: String,
    /// The message of AWS, or of the SDK if AWS did not answer; cut after 600 characters.
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

/// Why a read, bounded by a deadline, gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// AWS, or the SDK, answered with an error.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The deadline passed first.
    #[error("AWS did not answer within {deadline_ms} ms")]
    Late {
        /// The deadline, in milliseconds.
        deadline_ms: u128,
    },
}

/// Awaits this read until the deadline.
///
/// # Errors
/// The read failed, or the deadline passed.
pub async fn read_within<T>(
    deadline: Duration,
    read: impl Future<Output = Result<T, Failure>>,
) -> Result<T, ReadError> {
    match tokio::time::timeout(deadline, read).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(ReadError::Late { deadline_ms: deadline.as_millis() }),
    }
}

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

/// What an answer with this error code and HTTP status proves.
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
    /// The failure that this error of the SDK means. The request's id, if AWS sent one, ends the message.
    pub fn of<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let proof = match error {
            SdkError::ConstructionFailure(_) => Proof::Refused,
            SdkError::ServiceError(answer) => {
                proof(answer.err().code().unwrap_or_default(), answer.raw().status().as_u16())
            }
            // Not sent, not answered in time, or answered in a form that the SDK cannot read.
            _ => Proof::Nothing,
        };
        let (code, text, request) = match error.as_service_error().map(ProvideErrorMetadata::meta) {
            Some(meta) => (meta.code(), meta.message(), meta.extra("aws_request_id")),
            None => (None, None, None),
        };
        let mut message = text.map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned);
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

    /// The outcome, if the call was a mutating one.
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
            // Throttled is `Unknown` too: the loop tries again only what is unknown.
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
