//! Limits, times, stop, answer counts, pages, hold and evidence counts: the parts of a run's head.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Measured, StreakRule, Timestamp, time::as_millis};

/// The limits that the decisions on a run depend on, fixed when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// One rule for each probe, in the request's order.
    pub probes: Vec<StreakRule>,
    /// The steady state must be seen within this, or the run is skipped.
    #[serde(rename = "baselineWithinMs", with = "as_millis")]
    pub baseline_within: Duration,
    /// The failure must be seen in place within this.
    #[serde(rename = "injectWithinMs", with = "as_millis")]
    pub inject_within: Duration,
    /// The recovery time objective.
    #[serde(rename = "rtoMs", with = "as_millis")]
    pub rto: Duration,
    /// Recovery must begin within this.
    #[serde(rename = "giveUpAfterMs", with = "as_millis")]
    pub give_up_after: Duration,
    /// Whether a distribution's failover counts only once CloudFront reports it as deployed everywhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_deployed: bool,
    /// How long the failure stays in place after the application has recovered, unless it is detected before; zero in heads
    /// of earlier versions.
    #[serde(
        default,
        rename = "minimumOutageMs",
        with = "as_millis",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub minimum_outage: Duration,
    /// The undo and the return of the steady state must be seen within this, or the outcome is `rollback-failed`.
    #[serde(rename = "restoreWithinMs", with = "as_millis")]
    pub restore_within: Duration,
    /// How long a call whose answer was lost may still take effect.
    #[serde(rename = "settleMs", with = "as_millis")]
    pub settle: Duration,
    /// How long after a call a read of AWS may still show the state before it.
    #[serde(rename = "consistencyMs", with = "as_millis")]
    pub consistency: Duration,
    /// How long to go on reading past a deadline before concluding that the state cannot be read.
    #[serde(rename = "patienceMs", with = "as_millis")]
    pub patience: Duration,
    /// The first pause of the back-off, which doubles with each attempt.
    #[serde(rename = "retryPauseMs", with = "as_millis")]
    pub retry_pause: Duration,
}

/// When each event of a run happened, by our clock unless the value names another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The nominal time of the schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Timestamp>,
    /// The run's head was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// The time just before the injecting call was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Measured>,
    /// The failure was seen in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<Measured>,
    /// The alarm went to ALARM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected: Option<Measured>,
    /// The effect of the trigger was seen in AWS: the origin configured, the writer moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_over: Option<Measured>,
    /// The standby served users, by its own answers or, for a database, by those of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_standby: Option<Measured>,
    /// CloudFront reported the failover as deployed on all of its edges. Probes see one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Measured>,
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

/// A stop: who ended a run early, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// An operator, or the name of a stop condition.
    pub by: String,
    /// The reason, for operators.
    pub reason: String,
}

/// The numbers of probe answers between injection and verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerCounts {
    /// All answers.
    pub asked: u64,
    /// The answers that were a no.
    pub failed: u64,
    /// The answers that were unknown: no user saw them.
    pub unknown: u64,
}

/// One message to operators, sent once per cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The cause of the page, such as a real incident.
    pub cause: String,
    /// What happened, and what to do.
    pub text: String,
    /// When the run decided to page.
    pub at: Timestamp,
    /// Whether it was sent.
    pub sent: bool,
    /// The number of attempts to send it.
    #[serde(default)]
    pub attempts: u32,
    /// The time of the last attempt; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tried: Option<Timestamp>,
}

/// Why a run is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hold {
    /// What traffic would be moved back to is unhealthy, or an alarm went off that this run did not cause.
    RealIncident,
    /// Whether it is healthy cannot be read.
    PrimaryUnknown,
}

/// The numbers of evidence items of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceCounts {
    /// The items that were written.
    pub written: u64,
    /// The items beyond the limit of a run, which were only counted.
    pub cut: u64,
}
