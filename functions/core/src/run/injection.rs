//! Injection: the intent to cause the failure, and the outcome of its calls.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::OwnerId;
use crate::Timestamp;

/// The outcome of one mutating call. A call is sent once; only the loop decides to send another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum CallOutcome {
    /// AWS answered that the call succeeded.
    Done,
    /// The answer proves that it was not executed, or it was never sent.
    NotExecuted {
        /// AWS's error code, or our own.
        code: String,
        /// AWS's error message, or our own.
        message: String,
        /// Whether the same call may succeed later (true: throttled; false: denied).
        again: bool,
    },
    /// No answer, or one that proves nothing: it may have been executed, or may still be.
    Unknown {
        /// What is known, such as the error or the time waited.
        message: String,
    },
}

impl CallOutcome {
    /// The outcome of a call that was not sent; `again` says whether it may be later.
    #[must_use]
    pub fn not_sent(code: &str, message: impl Into<String>, again: bool) -> Self {
        Self::NotExecuted { code: code.to_owned(), message: message.into(), again }
    }
}

/// One injecting call, saved as part of the intent before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The number of the call, from 1. Each number is sent at most once.
    pub number: u32,
    /// When it was decided.
    pub intended: Timestamp,
    /// Our time just before it was sent; none if that was never recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// Our time when the answer, or the end of waiting for it, came; earlier versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// The outcome; none if it was never recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
}

impl Call {
    /// The call of this number, decided now and not sent yet.
    #[must_use]
    pub const fn intended(number: u32, now: Timestamp) -> Self {
        Self { number, intended: now, sent: None, answered: None, outcome: None }
    }

    /// Whether the call may have had an effect: it is not proven not to have been executed.
    #[must_use]
    pub fn may_have_executed(&self) -> bool {
        !matches!(self.outcome, Some(CallOutcome::NotExecuted { .. }))
    }

    /// Until when the call can still take effect; none once it was answered.
    #[must_use]
    pub fn may_land_until(&self, settle: Duration) -> Option<Timestamp> {
        match self.outcome {
            Some(CallOutcome::Done | CallOutcome::NotExecuted { .. }) => None,
            Some(CallOutcome::Unknown { .. }) | None => Some(self.sent.unwrap_or(self.intended) + settle),
        }
    }
}

/// The intent to cause the failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Injection {
    /// The invocation that saved the intent. No other ever sends an injecting call of this run.
    pub owner: OwnerId,
    /// The failure must be seen in place by then.
    pub deadline: Timestamp,
    /// The calls, in the order of their numbers.
    pub calls: Vec<Call>,
    /// When the failure was last seen not to be in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_absent: Option<Timestamp>,
    /// Whether for a while nobody read the targets: the failure may have been in place, and gone again.
    #[serde(default)]
    pub unobserved: bool,
}

impl Injection {
    /// When the failure may have begun: our time just before the first call that may have had an
    /// effect was sent. None if there is no such call.
    #[must_use]
    pub fn began(&self) -> Option<Timestamp> {
        let call = self.calls.iter().find(|call| call.may_have_executed())?;
        Some(call.sent.unwrap_or(call.intended))
    }

    /// Until when any of the calls can still take effect; none if none can.
    #[must_use]
    pub fn may_land_until(&self, settle: Duration) -> Option<Timestamp> {
        self.calls.iter().filter_map(|call| call.may_land_until(settle)).max()
    }
}
