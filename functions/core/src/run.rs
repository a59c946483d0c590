//! The head of a run: what the record keeps of where it stands. Layout 1.

mod injection;
mod parts;
mod phase;
mod recorded;
mod trigger;
mod undo;

pub use injection::{Call, CallOutcome, Injection};
pub use parts::{AnswerCounts, EvidenceCounts, Hold, Limits, Page, Stop, Times};
pub use phase::{Outcome, Phase, Status, Verdict};
pub use recorded::RecordedTarget;
pub use trigger::{Datapoints, Trigger};
pub use undo::{Progress, StepState, UndoStep};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    ClockName, Measured, ProbeRole, Streak, StreakRule, Timestamp,
    request::{Mode, Name, Release},
};

/// The layout of heads that this version writes. A reader that does not know a head's layout
/// touches nothing.
pub const LAYOUT: u32 = 1;

/// One invocation, unique: a retry with the same Lambda request id is another owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerId(pub String);

impl std::fmt::Display for OwnerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A run, by its identity: `environment/application/drill/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a run was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Caller {
    /// An EventBridge schedule.
    Schedule,
    /// An EventBridge rule.
    Rule,
    /// A person or program, by invoking the function.
    Direct,
}

/// The head of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// [`LAYOUT`].
    pub layout: u32,
    /// The identity.
    pub run_id: RunId,
    /// The environment.
    pub environment: Name,
    /// The application.
    pub application: Name,
    /// The drill.
    pub drill: Name,
    /// The dependency that fails.
    pub dependency: Name,
    /// What has to be known of the request to roll the run back and to verify it.
    pub recorded: Arc<RecordedTarget>,
    /// How the failure is caused.
    pub mode: Mode,
    /// How the run was started.
    pub caller: Caller,
    /// Where it stands.
    pub phase: Phase,
    /// What was learned. Set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What is reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why the verdict is what it is, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether users lost anything. Set with `times.recovered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impaired: Option<bool>,
    /// Grows with every save: the store's condition.
    pub version: u64,
    /// Who began it.
    pub starter: OwnerId,
    /// Who carries it on; empty when released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerId>,
    /// Who finished it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_by: Option<OwnerId>,
    /// What was injected is taken back from then on, whatever has been learned; none in a head of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The numbers it is decided on.
    pub limits: Arc<Limits>,
    /// What was noted when.
    pub times: Times,
    /// The intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection: Option<Arc<Injection>>,
    /// What is pulled, if the failure is caused through an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Arc<Trigger>>,
    /// How to take it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Arc<Vec<UndoStep>>,
    /// One for each probe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streaks: Vec<Streak>,
    /// Answers between injection and verdict.
    #[serde(default)]
    pub answers: AnswerCounts,
    /// A stop that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Since when the application is not known to be restored; none while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwell_since: Option<Timestamp>,
    /// The last look that showed a step of the undo not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_not_undone: Option<Timestamp>,
    /// The last look that showed the trigger without its effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_not_failed_over: Option<Timestamp>,
    /// No call of ours can land after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// When the rollback was known to be on record: from then on the automation refuses this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_saved_at: Option<Timestamp>,
    /// What a rollback that failed is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Why it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// A person's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// The number of the latest of people's words that was heard.
    #[serde(default)]
    pub last_command: u64,
    /// When a person last ordered to fail back, a margin for clocks off: alarms from before that are known to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// What the automation behind the trigger last said of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation_report: Option<String>,
    /// Messages to people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Page>,
    /// How much evidence was written, and how much did not fit.
    #[serde(default)]
    pub evidence: EvidenceCounts,
}

impl Run {
    /// Where it stands, in the words of AWS FIS.
    #[must_use]
    pub fn status(&self) -> Status {
        match (self.phase, self.outcome) {
            (Phase::Pending, _) => Status::Pending,
            (Phase::Held, _) => Status::Stopping,
            (Phase::Finished, Some(Outcome::Recovered | Outcome::Skipped | Outcome::Planned)) => {
                Status::Completed
            }
            (Phase::Finished, Some(Outcome::Stopped)) => Status::Stopped,
            (
                Phase::Finished,
                Some(
                    Outcome::ObjectiveMissed
                    | Outcome::NotRecovered
                    | Outcome::NotInjected
                    | Outcome::Inconclusive
                    | Outcome::RollbackFailed,
                )
                | None,
            ) => Status::Failed,
            (
                Phase::Checking
                | Phase::Injecting
                | Phase::Recovering
                | Phase::RollingBack
                | Phase::Verifying,
                _,
            ) => {
                if self.stop.is_some() {
                    Status::Stopping
                } else {
                    Status::Running
                }
            }
        }
    }

    /// Whether somebody else began it: a successor looks, rolls back and verifies. It never injects.
    #[must_use]
    pub fn has_successor(&self) -> bool {
        self.owner.as_ref() != Some(&self.starter)
    }

    /// The undo, to be changed: heads of earlier looks keep theirs.
    #[must_use]
    pub fn undo_mut(&mut self) -> &mut Vec<UndoStep> {
        Arc::make_mut(&mut self.undo)
    }

    /// The intent, to be changed: heads of earlier looks keep theirs.
    #[must_use]
    pub fn injection_mut(&mut self) -> Option<&mut Injection> {
        self.injection.as_mut().map(Arc::make_mut)
    }

    /// When the failure may have begun; none if it cannot have.
    #[must_use]
    pub fn injection_began(&self) -> Option<Timestamp> {
        self.injection.as_ref()?.began()
    }

    /// Whether nothing can have been touched yet, and may still be: it checks, or its call is proven not executed. Then
    /// what is to fail has to be looked at again.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        match self.phase {
            Phase::Checking => true,
            Phase::Injecting => self.injection_began().is_none(),
            _ => false,
        }
    }

    /// Whether a stop still changes what it does: nothing has been decided.
    #[must_use]
    pub const fn is_stoppable(&self) -> bool {
        matches!(self.phase, Phase::Checking | Phase::Injecting | Phase::Recovering)
    }

    /// Whether it is being taken back, whatever it learned.
    #[must_use]
    pub const fn is_rolling_back(&self) -> bool {
        matches!(self.phase, Phase::RollingBack | Phase::Verifying | Phase::Held)
    }

    /// Whether people still have to be told something: nobody has tried yet.
    pub(crate) fn has_unsent_pages(&self) -> bool {
        self.pages.iter().any(|page| !page.sent && page.attempts == 0)
    }

    /// Whether nothing of it can land any more: no call of ours, and no act of the automation that it
    /// set off.
    #[must_use]
    pub fn nothing_can_land(&self, now: Timestamp) -> bool {
        let ours = self.settled_at.is_none_or(|at| now >= at);
        let automation = match (&self.trigger, &self.injection) {
            (Some(trigger), Some(injection)) if injection.began().is_some() => {
                trigger.acts_until(self.mode, injection, self.rollback_saved_at).is_some_and(|at| now >= at)
            }
            _ => true,
        };
        ours && automation
    }

    /// Until when the datapoints that may have been published can keep the alarm up; none without any.
    #[must_use]
    pub fn window_end(&self) -> Option<Timestamp> {
        self.trigger.as_ref()?.window_end(self.injection.as_ref()?)
    }

    /// Whether a person's word would change anything: it is held, or its rollback failed.
    #[must_use]
    pub fn awaits_operator(&self) -> bool {
        let failed = self.outcome == Some(Outcome::RollbackFailed) && self.phase != Phase::Finished;
        self.phase == Phase::Held || failed
    }

    /// The rules of the probes that play one of these parts, with their streaks.
    pub(crate) fn streaks_of<'a>(
        &'a self,
        roles: &'a [ProbeRole],
    ) -> impl Iterator<Item = (&'a Streak, &'a StreakRule)> + Clone {
        self.streaks.iter().zip(&self.limits.probes).filter(|(_, rule)| roles.contains(&rule.role))
    }

    /// `environment/application/drill`: the key of its drill.
    #[must_use]
    pub fn drill_key(&self) -> String {
        format!("{}/{}/{}", self.environment, self.application, self.drill)
    }

    /// Whether `next` says something that the record must not lose. Streaks, counts and the lease
    /// go along with the next save.
    #[must_use]
    pub fn differs(&self, next: &Self) -> bool {
        let same = self.phase == next.phase
            && self.verdict == next.verdict
            && self.outcome == next.outcome
            && self.times == next.times
            && self.undo == next.undo
            && self.stop == next.stop
            && self.settled_at == next.settled_at
            && self.rollback_saved_at == next.rollback_saved_at
            && self.missing == next.missing
            && self.hold == next.hold
            && self.release == next.release
            && self.last_command == next.last_command
            && self.automation_report == next.automation_report
            && self.pages == next.pages
            && match (&self.injection, &next.injection) {
                (None, None) => true,
                (Some(old), Some(new)) => old.calls == new.calls && old.deadline == new.deadline,
                (None, Some(_)) | (Some(_), None) => false,
            };
        !same
    }

    /// Records a page, once per cause.
    pub(crate) fn page(&mut self, cause: &str, text: String, at: Timestamp) {
        if !self.pages.iter().any(|page| page.cause == cause) {
            let (cause, attempts, last_tried) = (cause.to_owned(), 0, None);
            self.pages.push(Page { cause, text, at, sent: false, attempts, last_tried });
        }
    }
}

/// A moment of CloudWatch's.
pub(crate) const fn by_cloudwatch(at: Timestamp) -> Measured {
    Measured { at, clock: ClockName::CloudWatch, resolution_ms: 1_000 }
}
