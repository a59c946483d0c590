//! Undo: the steps that roll an injection back, as data.

use serde::{Deserialize, Serialize};

use super::CallOutcome;
use crate::Timestamp;

/// One step of the undo, in the terms of the AWS service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The Region in which the call is sent.
    pub region: String,
    /// The resources that it is applied to, by id, name or ARN.
    pub resources: Vec<String>,
    /// The value before the run.
    pub before: String,
    /// The value that the run set.
    pub set: String,
    /// Whether it moves users' traffic: then it is sent only while what it moves traffic to is known to be healthy.
    pub moves_traffic: bool,
    /// Whether no call is sent: what the step needs happens by itself, and is awaited. `action` then names the read
    /// that shows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// How far the step is.
    #[serde(default)]
    pub progress: Progress,
}

/// How far a step of the undo is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Where the step stands.
    pub state: StepState,
    /// How often its call was sent.
    #[serde(default)]
    pub attempts: u32,
    /// When its call was last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent: Option<Timestamp>,
    /// The outcome of the last attempt; none if it was never recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<CallOutcome>,
    /// When the step was seen done; none while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Timestamp>,
}

impl Progress {
    /// Opens a step again that was seen done and is so no more: its call is sent anew.
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
    /// Still to be done, or done and not yet seen done.
    #[default]
    Open,
    /// Seen done in AWS.
    Done,
    /// An operator gave it up in a release.
    LeftToOperators,
}
