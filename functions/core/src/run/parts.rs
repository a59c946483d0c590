//! What the head of a run is made of.

use serde::{Deserialize, Serialize};

use crate::{Measured, StreakRule, Timestamp};

/// The numbers a run is decided on, fixed when it begins. Spans in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// One for each probe, in the request's order.
    pub probes: Vec<StreakRule>,
    /// The steady state must be seen within this, or the run is skipped.
    pub baseline_within_ms: u64,
    /// The failure must be seen in place within this.
    pub inject_within_ms: u64,
    /// The recovery time objective.
    pub rto_ms: u64,
    /// Recovery must begin within this.
    pub give_up_after_ms: u64,
    /// Undo and steady state must be seen within this.
    pub restore_within_ms: u64,
    /// A call whose answer was lost may still land for so long.
    pub settle_ms: u64,
    /// So long after a call, a look may still show what was before it.
    pub consistency_ms: u64,
    /// How long to go on looking past a deadline before saying that nobody could look.
    pub patience_ms: u64,
    /// The first pause before something is tried again; it doubles.
    pub retry_pause_ms: u64,
}

/// What was noted when. Moments by our clock unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The nominal time of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Timestamp>,
    /// The run's head was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Just before the injecting call was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Measured>,
    /// The failure was seen in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<Measured>,
    /// The alarm went off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected: Option<Measured>,
    /// The effect of the trigger was seen in AWS: the origin configured, the writer moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_over: Option<Measured>,
    /// The standby served users, by its own answers or, for a database, by those of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_standby: Option<Measured>,
    /// The first answer of the streak that counts as recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Measured>,
    /// The rollback began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_started_at: Option<Timestamp>,
    /// Every step of the undo was seen done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<Measured>,
    /// The primary served users again: what moves traffic was undone, and the answers say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_back: Option<Measured>,
    /// The steady state held again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_again: Option<Timestamp>,
    /// The run was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
}

/// Why and by whom a run was asked to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// A person, or the name of a stop condition.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// How many answers of the probes failed between injection and the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerCounts {
    /// All.
    pub asked: u64,
    /// No.
    pub failed: u64,
    /// Unknown.
    pub unknown: u64,
}

/// One message to people, once per cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// What it is about; one page per cause.
    pub cause: String,
    /// What is so, and what to do.
    pub text: String,
    /// When it was decided.
    pub at: Timestamp,
    /// Whether it was sent.
    pub sent: bool,
    /// How often sending it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// When it was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tried: Option<Timestamp>,
}

/// Why a run is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hold {
    /// What traffic would be moved back to is ill, or an alarm went off that is not ours.
    RealIncident,
    /// Nobody can tell whether it is well.
    PrimaryUnknown,
}

/// How much evidence lies beside the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceCounts {
    /// Items written.
    pub written: u64,
    /// Items that did not fit within the bounds of a run.
    pub cut: u64,
}
