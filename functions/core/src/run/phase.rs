//! Phase, status, verdict and outcome: where a run stands, and how it ended.

use serde::{Deserialize, Serialize};

/// The phase of a run: where it stands in its lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The run is on record and has not begun.
    Pending,
    /// Gates are read, targets resolved, and the probes must show the steady state.
    Checking,
    /// Intent, undo and deadline are saved; the failure is being injected.
    Injecting,
    /// The failure was seen in place; the application should recover.
    Recovering,
    /// The undo is carried out, step by step.
    RollingBack,
    /// Every undo step was seen done; the steady state must hold again, and no call may still take effect.
    Verifying,
    /// Traffic might be moved back onto an unhealthy primary: an operator decides.
    Held,
    /// The run is over; its head no longer changes.
    Finished,
}

/// The status of a run, in the terms of AWS FIS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are AWS FIS's")]
pub enum Status {
    Pending,
    Running,
    Stopping,
    Completed,
    Stopped,
    Failed,
}

/// What was learned about the application. Set once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Seen in place; recovery began within the objective.
    Recovered,
    /// Seen in place; recovery began after the objective, before giving up.
    ObjectiveMissed,
    /// Seen in place; no recovery began before giving up.
    NotRecovered,
    /// The failure could not be injected, or was never seen in place although the target could be read.
    NotInjected,
    /// Ended early, after the intent was saved and before recovery was decided.
    Stopped,
    /// A gate was closed, the delivery was late, or a stop came before the intent was saved: nothing was touched.
    Skipped,
    /// The evidence is not enough for any other verdict.
    Inconclusive,
}

/// What is reported: the verdict, unless the rollback failed or the run was only a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of `Verdict`")]
pub enum Outcome {
    Recovered,
    ObjectiveMissed,
    NotRecovered,
    NotInjected,
    Stopped,
    Skipped,
    Inconclusive,
    /// The undo, or the return of the steady state, was not seen in time. Never counts as a pass.
    RollbackFailed,
    /// The request asked only for a plan (`execute: false`).
    Planned,
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Recovered => Self::Recovered,
            Verdict::ObjectiveMissed => Self::ObjectiveMissed,
            Verdict::NotRecovered => Self::NotRecovered,
            Verdict::NotInjected => Self::NotInjected,
            Verdict::Stopped => Self::Stopped,
            Verdict::Skipped => Self::Skipped,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

/// Displays these types in the form in which the record stores them.
macro_rules! display_as_stored {
    ($($kind:ty),*) => {$(
        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        }
    )*};
}
pub(crate) use display_as_stored;

display_as_stored!(Phase, Status, Verdict, Outcome);
