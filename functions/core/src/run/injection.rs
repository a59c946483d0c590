//! The intent, and what came of its calls.

use serde::{Deserialize, Serialize};

use super::OwnerId;
use crate::Timestamp;

/// What came of one mutating call. It is sent once; the loop decides about another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum CallOutcome {
    /// AWS said that it was done.
    Done,
    /// The answer proves that it was not executed, or it was never sent.
    NotExecuted {
        /// AWS's error code, or our own.
        code: String,
        /// What AWS said.
        message: String,
        /// Whether the same call may succeed later (throttled), or not (denied).
        again: bool,
    },
    /// No answer, or one that proves nothing: it may have been executed, or may still be.
    Unknown {
        /// What we know.
        message: String,
    },
}

/// One injecting call. Saved as intent before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// From 1. Each number is sent at most once.
    pub number: u32,
    /// When it was decided.
    pub intended: Timestamp,
    /// Our time just before it was sent; none if that was never recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// Our time when the answer, or the end of waiting for it, came; earlier versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// What came of it; none if that was never recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
}

impl Call {
    /// Not known to have had no effect.
    #[must_use]
    pub fn may_have_executed(&self) -> bool {
        !matches!(self.outcome, Some(CallOutcome::NotExecuted { .. }))
    }

    /// Until when it can still land: never, once it was answered.
    #[must_use]
    pub fn may_land_until(&self, settle_ms: u64) -> Option<Timestamp> {
        match self.outcome {
            Some(CallOutcome::Done | CallOutcome::NotExecuted { .. }) => None,
            Some(CallOutcome::Unknown { .. }) | None => {
                Some(self.sent.unwrap_or(self.intended).plus_millis(settle_ms))
            }
        }
    }
}

/// The intent to cause the failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Injection {
    /// Who saved the intent. Nobody else ever sends an injecting call.
    pub owner: OwnerId,
    /// The failure must be seen in place by then.
    pub deadline: Timestamp,
    /// The calls, numbered.
    pub calls: Vec<Call>,
    /// The last look that showed the failure not in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_absent: Option<Timestamp>,
    /// Whether for a while nobody looked: it may have been in place, and gone again.
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

    /// Until when one of the calls can still land.
    #[must_use]
    pub fn may_land_until(&self, settle_ms: u64) -> Option<Timestamp> {
        self.calls.iter().filter_map(|call| call.may_land_until(settle_ms)).max()
    }
}
