//! The words in which a run stands and ends.

use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Announced, not begun.
    Pending,
    /// Gates are asked, targets resolved, the steady state is looked for.
    Checking,
    /// Intent, undo and deadline are saved; the failure is being caused.
    Injecting,
    /// The failure was seen in place; the application should recover.
    Recovering,
    /// The undo is carried out, step by step.
    RollingBack,
    /// Everything was undone; the steady state must hold again, and nothing may still land.
    Verifying,
    /// Moving traffic back might move it onto something unwell: people decide.
    Held,
    /// Over.
    Finished,
}

/// Where a run stands, in the words of AWS FIS.
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

/// What was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Tristate in place; recovery began within the objective.
    Recovered,
    /// Tristate in place; recovery began after the objective, before giving up.
    ObjectiveMissed,
    /// Tristate in place; no recovery began before giving up.
    NotRecovered,
    /// The failure was never seen in place, though someone could look; or it could not be caused.
    NotInjected,
    /// Ended early, after the intent was saved and before recovery was decided.
    Stopped,
    /// A gate, lateness or a stop before the intent was saved: nothing was touched.
    Skipped,
    /// The evidence cannot tell.
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
    /// Nothing was asked for but a plan.
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

/// Every word of the record in which a run can stand or end prints as it is stored.
macro_rules! display_as_stored {
    ($($kind:ty),*) => {$(
        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}
display_as_stored!(Phase, Status, Verdict, Outcome);
