//! The way back, as data.

use serde::{Deserialize, Serialize};

use super::CallOutcome;
use crate::Timestamp;

/// What a step of the undo does, in the service's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoStep {
    /// The AWS service, such as `ec2`.
    pub service: String,
    /// The API action, such as `StartInstances`.
    pub action: String,
    /// The partition, such as `aws`; empty if it is the caller's own.
    pub partition: String,
    /// The account; empty if it is the caller's own.
    pub account: String,
    /// The Region.
    pub region: String,
    /// What it is done to.
    pub resources: Vec<String>,
    /// The value before the run.
    pub before: String,
    /// The value that the run set.
    pub set: String,
    /// Whether it moves users' traffic: then it must not move it onto something unwell.
    pub moves_traffic: bool,
    /// Whether nothing is called for it: it comes by itself and is only awaited. `action` then says what
    /// is looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// How far it is.
    #[serde(default)]
    pub progress: Progress,
}

/// How far a step of the undo is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Where it stands.
    pub state: StepState,
    /// How often it was asked for.
    #[serde(default)]
    pub attempts: u32,
    /// When it was last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent: Option<Timestamp>,
    /// What came of the last attempt; none if that was never recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<CallOutcome>,
    /// When it was seen done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Timestamp>,
}

impl Progress {
    /// What was seen done is not so any more: it is asked for anew.
    pub(crate) const fn reopen(&mut self) {
        self.state = StepState::Open;
        self.attempts = 0;
        self.done = None;
    }
}

/// Where a step of the undo stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// Still to be done, or done and not yet seen.
    #[default]
    Open,
    /// Tristate done.
    Done,
    /// A person gave it up by name.
    LeftToPeople,
}
