//! Run: the head, which is the item of the record that says where a run stands. Layout 1.

mod injection;
mod parts;
mod phase;
mod recorded;
mod size;
mod trigger;
mod undo;

pub use injection::{Call, CallOutcome, Injection};
pub use parts::{AnswerCounts, EvidenceCounts, Hold, Limits, Page, Stop, Times};
pub(crate) use phase::display_as_stored;
pub use phase::{Outcome, Phase, Status, Verdict};
pub use recorded::RecordedTarget;
pub use size::MAX_HEAD_BYTES;
pub use trigger::{Datapoints, Trigger};
pub use undo::{Progress, StepState, UndoStep};

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    ClockName, Measured, ProbeRole, Streak, StreakRule, Timestamp,
    request::{Mode, Name, Release},
};

/// The layout of the heads that this version writes. A reader that does not know the layout of a head neither parses
/// nor changes it.
pub const LAYOUT: u32 = 1;
/// How long after a failover cut connections a composite alarm may go off. The periods of the alarms that it is made of are not
/// read: two of a minute each, CloudWatch's delay of a minute or two, and as much again.
const COMPOSITE_RISES_WITHIN: Duration = Duration::from_mins(8);

/// The identity of one invocation, which may own runs. It is unique: a retry with the same Lambda request id is
/// another owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerId(pub String);

/// The identity of a run: `environment/application/drill/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

display_as_stored!(OwnerId, RunId);

impl RunId {
    /// The application that the id names; none if this is no id that a request was given.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.0.split('/').nth(1)
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
    /// An operator or a program that invoked the function.
    Direct,
}

/// The head of a run: its identity, where it stands, and what a successor needs to roll it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The layout of this head: [`LAYOUT`] if this version wrote it.
    pub layout: u32,
    /// The identity of the run, unique in the table.
    pub run_id: RunId,
    /// The environment in which the application runs, such as `staging`.
    pub environment: Name,
    /// The application that is drilled.
    pub application: Name,
    /// The drill of which this is one run.
    pub drill: Name,
    /// The dependency that the drill makes fail, such as `cdn`.
    pub dependency: Name,
    /// What the head keeps of the request, to roll the run back and to verify it.
    pub recorded: Arc<RecordedTarget>,
    /// How the failure is injected.
    pub mode: Mode,
    /// How the run was started.
    pub caller: Caller,
    /// Where the run stands in its lifecycle.
    pub phase: Phase,
    /// What was learned. Set once, when the run leaves `checking`, `injecting` or `recovering`; none before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What is reported: the verdict, or `rollback-failed`; none before either is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The reason for the verdict, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether users saw failures. Set with `times.recovered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impaired: Option<bool>,
    /// The version of the head, which grows with every save: a save is conditional on it (fencing).
    pub version: u64,
    /// The invocation that started the run. Only this one may inject.
    pub starter: OwnerId,
    /// The invocation that holds the lease; none after a handover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerId>,
    /// When an owner last handed the run over, by that owner's clock; none if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_over: Option<Timestamp>,
    /// The invocation that finished the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_by: Option<OwnerId>,
    /// The deadline of the whole run: what was injected is rolled back from then on, even without a verdict. None in a
    /// head of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The limits that the decisions on the run depend on.
    pub limits: Arc<Limits>,
    /// When each event of the run happened.
    pub times: Times,
    /// The intent, and what came of its calls; none before the intent is saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection: Option<Arc<Injection>>,
    /// The trigger, if the failure is injected through an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Arc<Trigger>>,
    /// The undo: the steps that roll the injection back; empty before the intent is saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Arc<Vec<UndoStep>>,
    /// One streak of answers for each probe, in the order of `limits.probes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streaks: Vec<Streak>,
    /// How many answers of the probes came between injection and verdict.
    #[serde(default)]
    pub answers: AnswerCounts,
    /// The stop that ends the run early, by an operator or a stop condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Since when the application is not known to be restored; none while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwell_since: Option<Timestamp>,
    /// When the alarm went to ALARM because the run's failover cut connections, by CloudWatch's clock; none if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_rise: Option<Timestamp>,
    /// When the alarm last went to ALARM without naming this run since the injection, whatever the reason, by CloudWatch's
    /// clock; none if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rise: Option<Timestamp>,
    /// When the alarm's history was last asked for, of the reads that were answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_read: Option<Timestamp>,
    /// When an undo step was last seen not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_not_undone: Option<Timestamp>,
    /// When the trigger was last seen without its effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_not_failed_over: Option<Timestamp>,
    /// When CloudFront last reported the failover as not deployed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_not_deployed: Option<Timestamp>,
    /// Since when looks contradict what an earlier one showed: the failure in place, or the failover. None while they agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrary_since: Option<Timestamp>,
    /// After this time, no call of this run can take effect any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// When the rollback was known to be on record: from then on the failover function refuses to act for this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_saved_at: Option<Timestamp>,
    /// The undo step or probe that a failed rollback still lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Why the run is held; none unless it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The operator's release; none until one is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// The number of the latest operator command that was applied; 0 before the first.
    #[serde(default)]
    pub last_command: u64,
    /// When an operator last gave a release to fail back, minus a margin for differing clocks: the operator knew of
    /// alarms from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// What the automation behind the trigger last reported, as its journal has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation_report: Option<String>,
    /// The messages to operators, one for each cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Page>,
    /// The number of evidence items that were written, and of those that did not fit.
    #[serde(default)]
    pub evidence: EvidenceCounts,
}

impl Run {
    /// The status of the run, in the terms of AWS FIS.
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

    /// Whether the starter no longer owns the run. A successor observes, rolls back and verifies; it never injects.
    #[must_use]
    pub fn has_successor(&self) -> bool {
        self.owner.as_ref() != Some(&self.starter)
    }

    /// The end of a silence between two looks or answers that agree: the hand-over in between, if there was one. What passes
    /// from there until the next owner looks is nobody's failure to look.
    pub(crate) fn silence_between(&self, last: Timestamp, next: Timestamp) -> Duration {
        self.handed_over.filter(|at| *at >= last).map_or(next, |at| at.min(next)) - last
    }

    /// The undo, to be changed. Clones of this head keep theirs.
    #[must_use]
    pub fn undo_mut(&mut self) -> &mut Vec<UndoStep> {
        Arc::make_mut(&mut self.undo)
    }

    /// The intent, to be changed. Clones of this head keep theirs.
    #[must_use]
    pub fn injection_mut(&mut self) -> Option<&mut Injection> {
        self.injection.as_mut().map(Arc::make_mut)
    }

    /// When the failure may have begun; none if no call can have had an effect.
    #[must_use]
    pub fn injection_began(&self) -> Option<Timestamp> {
        self.injection.as_ref()?.began()
    }

    /// Whether the run may still inject and cannot have changed anything yet: it is checking, or its call is proven not
    /// to have been executed. Its targets must then be selected again.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        match self.phase {
            Phase::Checking => true,
            Phase::Injecting => self.injection_began().is_none(),
            _ => false,
        }
    }

    /// Whether a stop can still end the run early: no verdict has been set.
    #[must_use]
    pub const fn is_stoppable(&self) -> bool {
        matches!(self.phase, Phase::Checking | Phase::Injecting | Phase::Recovering)
    }

    /// Whether the run is past its verdict and not finished: it is being rolled back, verified, or held.
    #[must_use]
    pub const fn is_rolling_back(&self) -> bool {
        matches!(self.phase, Phase::RollingBack | Phase::Verifying | Phase::Held)
    }

    /// Whether a page exists that nobody has tried to send yet.
    pub(crate) fn has_unsent_pages(&self) -> bool {
        self.pages.iter().any(|page| !page.sent && page.attempts == 0)
    }

    /// Whether nothing of the run can take effect any more: no call of its own, and no call of the automation that it
    /// triggered.
    #[must_use]
    pub fn nothing_can_land(&self, now: Timestamp) -> bool {
        let ours = self.settled_at.is_none_or(|at| now >= at);
        let automation = match (&self.trigger, &self.injection) {
            (Some(trigger), Some(injection)) if injection.began().is_some() => {
                let until = trigger.acts_until(self.mode, injection, self.rollback_saved_at);
                self.acts_on_rise_until().is_none_or(|at| now >= at) && until.is_some_and(|at| now >= at)
            }
            _ => true,
        };
        ours && automation
    }

    /// The steps of the undo that move traffic and were sent.
    pub(crate) fn sent_back(&self) -> impl Iterator<Item = &UndoStep> {
        self.undo.iter().filter(|step| step.moves_traffic && step.progress.attempts > 0)
    }

    /// See [`Trigger::steady_within`]; none without a trigger.
    pub(crate) fn steady_within(&self) -> Option<Duration> {
        self.trigger.as_ref()?.steady_within()
    }

    /// Until when a database's alarm may go off by itself because the run's failover, or the one that undoes it, cut
    /// connections; none if neither can have.
    fn may_rise_until(&self) -> Option<Timestamp> {
        let trigger = self.trigger.as_ref().filter(|trigger| trigger.database.is_some())?;
        let within = trigger.steady_within().unwrap_or(COMPOSITE_RISES_WITHIN);
        let back =
            self.undo.iter().filter(|step| step.moves_traffic).filter_map(|step| step.progress.last_sent);
        let over = self.times.failed_over.map(|at| at.at);
        Some(back.chain(over).max()? + within)
    }

    /// Until when the automation may act on a rise of a database's alarm that does not name the run; none if there can be no such
    /// rise. A failover of the run may cause it, and the automation may be told minutes later: a run that had ended by then
    /// would leave the writer where the automation puts it. Once the alarm's history was read after the last moment of a rise,
    /// only rises that it shows count, so that a calm run ends soon.
    fn acts_on_rise_until(&self) -> Option<Timestamp> {
        let acts_for = self.trigger.as_ref()?.acts_on_rise_for();
        let last = self.may_rise_until()?;
        let is_complete = self.alarm_read.is_some_and(|read| read > last + self.limits.consistency);
        let unseen = if is_complete { last } else { last + acts_for };
        Some(self.last_rise.map_or(unseen, |rise| unseen.max(rise + acts_for)))
    }

    /// Whether the run explains that the alarm of its database went off at this moment without naming it: a failover of the
    /// run cut connections. The run judges that itself, and tells people if it was something else.
    #[must_use]
    pub fn explains_rise(&self, at: Timestamp) -> bool {
        let is_judged = match self.phase {
            Phase::Injecting | Phase::Recovering | Phase::RollingBack | Phase::Verifying => {
                self.verdict != Some(Verdict::Stopped)
            }
            Phase::Pending | Phase::Checking | Phase::Held | Phase::Finished => false,
        };
        let over = self.times.failed_over.is_some() && self.own_rise.is_none_or(|rise| rise == at);
        self.steady_within().is_some() && is_judged && (over || self.sent_back().next().is_some())
    }

    /// Whether the steady state holds since `until` at the latest, as answers show that were asked for since `since`.
    pub(crate) fn is_steady_again(&self, since: Timestamp, until: Timestamp) -> bool {
        let mut streaks = self.streaks_of(ProbeRole::STEADY_STATE).peekable();
        streaks.peek().is_some()
            && streaks.all(|(streak, rule)| {
                // An outage before the end of a gap may have gone unseen.
                let held = streak.first_yes.max(streak.gap_end).map(|began| began + rule.hold_for);
                streak.holds(rule)
                    && held
                        .is_some_and(|held| held <= until && streak.last_yes.is_some_and(|last| last >= held))
                    && streak.last_yes_asked.is_some_and(|asked| asked >= since)
            })
    }

    /// Until when the datapoints that may have been published can keep the alarm up; none without any.
    #[must_use]
    pub fn window_end(&self) -> Option<Timestamp> {
        self.trigger.as_ref()?.window_end(self.injection.as_ref()?)
    }

    /// Whether a release would change anything: the run is held, or its rollback failed.
    #[must_use]
    pub fn awaits_operator(&self) -> bool {
        let failed = self.outcome == Some(Outcome::RollbackFailed) && self.phase != Phase::Finished;
        self.phase == Phase::Held || failed
    }

    /// The streaks of the probes that have one of these roles, with their rules.
    pub(crate) fn streaks_of<'a>(
        &'a self,
        roles: &'a [ProbeRole],
    ) -> impl Iterator<Item = (&'a Streak, &'a StreakRule)> + Clone {
        self.streaks.iter().zip(&self.limits.probes).filter(|(_, rule)| roles.contains(&rule.role))
    }

    /// The key of the run's drill: `environment/application/drill`.
    #[must_use]
    pub fn drill_key(&self) -> String {
        format!("{}/{}/{}", self.environment, self.application, self.drill)
    }

    /// Whether `next` differs in something that must be saved at once. Streaks, counts and the lease wait for the next
    /// save.
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
            && self.own_rise == next.own_rise
            && self.last_rise == next.last_rise
            && self.pages == next.pages
            && match (&self.injection, &next.injection) {
                (None, None) => true,
                (Some(old), Some(new)) => old.calls == new.calls && old.deadline == new.deadline,
                (None, Some(_)) | (Some(_), None) => false,
            };
        !same
    }

    /// Adds a page to be sent, unless one of the same cause exists.
    pub(crate) fn page(&mut self, cause: &str, text: String, at: Timestamp) {
        if !self.pages.iter().any(|page| page.cause == cause) {
            let (cause, attempts, last_tried) = (cause.to_owned(), 0, None);
            self.pages.push(Page { cause, text, at, sent: false, attempts, last_tried });
        }
    }
}

/// A time by CloudWatch's clock, which is exact to a second.
pub(crate) const fn by_cloudwatch(at: Timestamp) -> Measured {
    Measured { at, clock: ClockName::CloudWatch, resolution_ms: 1_000 }
}
