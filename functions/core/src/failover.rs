//! The playbook's automated step: what a failover function does when an alarm changes.
//!
//! It serves real alarms and drills alike. A change is known by its alarm and its time, whatever shape it
//! arrives in and however often; what was done about it, and why, is an [`JournalEntry`] of the record.

mod change;
mod decide;
mod handle;
mod rule;
mod standing;

pub use change::{AlarmChange, AlarmState, UnreadableChange, changes, reason_of, run_of};
pub use decide::{ChangeDecision, Direction, decide};
pub use handle::{
    CallResult, ChangeLimits, Claimed, FailoverAction, FailoverReadiness, HandleError, HandledChange,
    Journal, handle,
};
pub use rule::{FailoverRule, FailoverTarget, configured};

pub use standing::{
    BehaviorOrigins, DEFAULT_BEHAVIOR, DatabaseMember, DatabaseState, DistributionState, behavior_origins,
};

use serde::{Deserialize, Serialize};

use crate::{CallOutcome, Timestamp, run::RunId};

/// What a failover function did about one change of an alarm, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// The alarm.
    pub alarm_arn: String,
    /// When it changed, by CloudWatch's clock.
    pub at: Timestamp,
    /// To what.
    pub state: AlarmState,
    /// Why, in CloudWatch's words, or those of whoever forced it.
    pub reason: String,
    /// The run that forced it; none if it is real.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// When the function first received it.
    pub received_at: Timestamp,
    /// The invocation that has it in hand, or concluded it.
    pub by: String,
    /// Since when that invocation has it.
    pub claimed_at: Timestamp,
    /// Just before the one mutating call was sent. Saved before it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_at: Option<Timestamp>,
    /// What came of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// What was done; none as long as an invocation has it in hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When that was concluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
}

/// What a failover function did about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// AWS was told to move traffic to the standby.
    FailedOver,
    /// AWS was told to move traffic back to the primary.
    FailedBack,
    /// It was so already.
    Already,
    /// Nothing was to be done.
    Ignored,
    /// It was not safe, or not allowed by the record.
    Refused,
    /// It was tried, and is not known to have been done.
    Failed,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl JournalEntry {
    /// Its key beside its alarm's: a change is known by its time and state.
    #[must_use]
    pub fn key(&self) -> String {
        format!("change#{}#{}", self.at, self.state)
    }

    /// In a sentence, for the record of the run that it belongs to.
    #[must_use]
    pub fn describe(&self) -> String {
        let why = self.why.as_deref().unwrap_or("an invocation has it in hand");
        let done = self.done.map_or("has not concluded".to_owned(), |done| done.to_string());
        format!("the failover function {done}: {why}")
    }
}
