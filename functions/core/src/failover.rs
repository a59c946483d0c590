//! Failover: the playbook's automated step, which a failover function takes when an alarm changes.
//!
//! It serves real alarms and drills alike. A change is identified by its alarm and its time, whatever shape it
//! arrives in and however often; what was done about it, and why, is a [`JournalEntry`].

mod change;
mod database;
mod decide;
mod distribution;
mod handle;
mod rule;

pub use change::{AlarmChange, AlarmState, cut_reason, reason_of, run_of};
pub use database::{DatabaseMember, DatabaseState, WantedFailover};
pub use decide::{AlarmOnRecord, ChangeDecision, Direction, decide};
pub use distribution::{Attachments, BehaviorOrigins, DEFAULT_BEHAVIOR, DistributionState, behavior_origins};
pub use handle::{
    CallResult, ChangeLimits, Claimed, FailoverAction, FailoverEngine, FailoverReadiness, HandleError,
    HandledChange, Journal,
};
pub use rule::{FailoverRule, FailoverRules, FailoverTarget, NoRules, WrongEntry, WrongRule, parse_rules};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CallOutcome, Timestamp,
    request::OPT_IN_TAG,
    run::{RunId, display_as_stored},
};

/// What a failover function did about one change of an alarm, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// The alarm.
    pub alarm_arn: String,
    /// When it changed, by CloudWatch's clock.
    pub at: Timestamp,
    /// The state it changed to.
    pub state: AlarmState,
    /// The reason that CloudWatch gives, or that the caller of `SetAlarmState` gave.
    pub reason: String,
    /// The run that set the alarm; `None` if the alarm is real.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// When the function first received it.
    pub received_at: Timestamp,
    /// The invocation that is handling it, or concluded it.
    pub by: String,
    /// When that invocation claimed it.
    pub claimed_at: Timestamp,
    /// Just before the one mutating call was sent. Saved before the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_at: Option<Timestamp>,
    /// The outcome of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// What was done; `None` until it is concluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
    /// Why it was done, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it was concluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
}

/// What a failover function did about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// AWS accepted the call that moves traffic to the standby.
    FailedOver,
    /// AWS accepted the call that moves traffic back to the primary.
    FailedBack,
    /// Traffic was there already; no call was sent.
    Already,
    /// The change calls for no failover.
    Ignored,
    /// A failover was not safe, or the record does not allow it.
    Refused,
    /// A call was sent, or may have been, and is not known to have been executed.
    Failed,
}

display_as_stored!(Done);

impl JournalEntry {
    /// The entry of a change that invocation `by` received just now.
    #[must_use]
    pub fn new(change: &AlarmChange, now: Timestamp, by: &str) -> Self {
        Self {
            alarm_arn: change.alarm_arn.clone(),
            at: change.at,
            state: change.state,
            reason: cut_reason(&change.reason),
            run_id: run_of(&change.reason),
            received_at: now,
            by: by.to_owned(),
            claimed_at: now,
            called_at: None,
            outcome: None,
            done: None,
            why: None,
            concluded_at: None,
        }
    }

    /// Whether AWS may have executed a call for this change: one was sent, or may have been, and was not proven unexecuted.
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        self.called_at.is_some() && !matches!(self.outcome, Some(CallOutcome::NotExecuted { .. }))
    }

    /// Its sort key under its alarm, `change#WHEN#STATE`: a change is identified by its time and state.
    #[must_use]
    pub fn key(&self) -> String {
        format!("change#{}#{}", self.at, self.state)
    }

    /// The entry in one sentence, for the evidence of the run that it belongs to.
    #[must_use]
    pub fn describe(&self) -> String {
        let why = self.why.as_deref().unwrap_or("an invocation is still handling the change");
        let done = self.done.map_or("has not concluded".to_owned(), |done| done.to_string());
        format!("the failover function {done}: {why}")
    }
}

/// Checks that the resource carries the opt-in tag: nothing else may be failed over.
///
/// # Errors
/// It does not, or its tags could not be read.
pub fn check_opt_in(tags: Option<&BTreeMap<String, String>>, arn: &str) -> Result<(), FailoverReadiness> {
    let (key, value) = OPT_IN_TAG;
    match tags {
        None => Err(FailoverReadiness::Unknown(format!("the tags of {arn} could not be read"))),
        Some(tags) if tags.get(key).map(String::as_str) == Some(value) => Ok(()),
        Some(_) => {
            Err(FailoverReadiness::Unfit(format!("{arn} does not carry the opt-in tag {key}={value}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The opt-in tag alone.
    pub(super) fn tags() -> BTreeMap<String, String> {
        BTreeMap::from([(OPT_IN_TAG.0.to_owned(), OPT_IN_TAG.1.to_owned())])
    }

    /// Why it may not be moved; panics if it may.
    pub(super) fn unfit(looked: &FailoverReadiness) -> &str {
        match looked {
            FailoverReadiness::Unfit(why) => why,
            other => panic!("{other:?}"),
        }
    }
}
