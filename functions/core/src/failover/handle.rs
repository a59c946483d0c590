//! Handler: one change of an alarm, from its delivery to its concluded journal entry.
//!
//! The order makes repeated deliveries safe: claim the entry, decide, remember the change, look at the resource,
//! record that the call is about to be sent, read the run once more, call once, conclude.

use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::{
    AlarmChange, AlarmOnRecord, AlarmState, ChangeDecision, Direction, Done, FailoverRule, JournalEntry,
    decide,
};
use crate::{
    CallOutcome, Phase, Run, Timestamp,
    ports::{Clock, StoreError},
    run::RunId,
};

/// How often the call is sent while AWS proves that it was not executed.
const MAX_CALLS: u32 = 5;
/// The pause after the first of them; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const SENT_BEFORE: &str =
    "an earlier invocation may have sent the call before it died; it is not sent a second time";

/// The time limits of a failover function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLimits {
    /// A change older than this is refused.
    pub max_event_age: Duration,
    /// An invocation that claimed an entry longer ago than this is dead.
    pub function_timeout: Duration,
}

/// The result of claiming a journal entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The entry was created, and is ours.
    New,
    /// An earlier delivery created it.
    Exists(Box<JournalEntry>),
}

/// The journal, and the parts of the record that a failover function reads. Every call is bounded in time.
pub trait Journal {
    /// Creates the entry of a change, unless it exists.
    fn claim(&self, entry: &JournalEntry) -> impl Future<Output = Result<Claimed, StoreError>>;
    /// Takes over an entry that is not concluded, if invocation `from` still holds it; returns whether it did. Of two
    /// invocations that find `from` dead, only one succeeds.
    fn take(&self, entry: &JournalEntry, from: &str) -> impl Future<Output = Result<bool, StoreError>>;
    /// Replaces an entry that is ours.
    fn write(&self, entry: &JournalEntry) -> impl Future<Output = Result<(), StoreError>>;
    /// The time of this alarm's newest remembered change. Read consistently.
    fn newest(&self, alarm_arn: &str) -> impl Future<Output = Result<Option<Timestamp>, StoreError>>;
    /// Remembers this change as the alarm's newest, unless a newer one is remembered.
    fn remember(&self, entry: &JournalEntry) -> impl Future<Output = Result<(), StoreError>>;
    /// The open run whose trigger this alarm is. Read consistently.
    fn holder(&self, alarm_arn: &str) -> impl Future<Output = Result<Option<RunId>, StoreError>>;
    /// The head of a run. Read consistently.
    fn run(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, StoreError>>;
}

/// Whether traffic can be moved now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverReadiness {
    /// Traffic can be moved.
    Ready,
    /// Traffic is there already, or on its way: what was seen.
    Already(String),
    /// Traffic must not be moved: why.
    Unfit(String),
    /// The resource could not be read: why.
    Unknown(String),
}

/// The result of the one mutating call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// What AWS answered.
    pub outcome: CallOutcome,
    /// What was asked for, such as `cloudfront:UpdateDistribution of E1: primary to standby`.
    pub what: String,
}

/// The resource that fails over: a distribution or a database.
pub trait FailoverAction {
    /// Reads whether traffic can be moved in this direction: `by_drill`, or for a real alarm.
    fn look(&mut self, direction: Direction, by_drill: bool) -> impl Future<Output = FailoverReadiness>;
    /// Sends the one mutating call, once.
    fn call(&mut self, direction: Direction) -> impl Future<Output = CallResult>;
    /// Whether a call whose outcome is unknown may be sent again after a look: true where a second one changes nothing, as
    /// with `UpdateDistribution` and its `ETag`; false where it would move the writer back, as with `FailoverDBCluster`.
    fn is_repeatable(&self) -> bool;
    /// Pages operators about a real failover; false if the page could not be sent.
    fn page(&mut self, text: &str) -> impl Future<Output = bool>;
}

/// Why a change was not concluded. SNS, Lambda or EventBridge should deliver it again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HandleError {
    /// The record cannot be reached: whether another invocation acts on the change is not known.
    #[error("{0}; deliver the change again")]
    Store(#[from] StoreError),
    /// Another invocation is handling the change.
    #[error("invocation {0} is handling this change; deliver it again to learn the result")]
    InProgress(String),
    /// The resource that fails over could not be read.
    #[error("{0}; deliver the change again")]
    NotNow(String),
}

/// What a failover function answers about one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandledChange {
    /// Its journal entry.
    pub entry: JournalEntry,
    /// Whether it was concluded by an earlier delivery.
    pub duplicate: bool,
}

/// The engine of a failover function: handles changes of one alarm.
#[derive(Debug)]
pub struct FailoverEngine<'a, C, J> {
    /// The machine's clock.
    pub clock: &'a C,
    /// The journal.
    pub journal: &'a J,
    /// What the alarm fails over.
    pub rule: &'a FailoverRule,
    /// The time limits of the function.
    pub limits: ChangeLimits,
}

impl<C: Clock, J: Journal> FailoverEngine<'_, C, J> {
    /// Handles one change of the alarm, as invocation `by`.
    ///
    /// # Errors
    /// See [`HandleError`]: nothing was concluded.
    pub async fn handle(
        &self,
        action: &mut impl FailoverAction,
        change: &AlarmChange,
        by: &str,
    ) -> Result<HandledChange, HandleError> {
        let now = self.clock.now();
        let mut entry = JournalEntry::new(change, now, by);
        match self.journal.claim(&entry).await? {
            Claimed::New => {}
            Claimed::Exists(earlier) if earlier.done.is_some() => {
                return Ok(HandledChange { entry: *earlier, duplicate: true });
            }
            Claimed::Exists(earlier) => {
                if self.clock.now() - earlier.claimed_at <= self.limits.function_timeout {
                    return Err(HandleError::InProgress(earlier.by));
                }
                // That invocation is dead. `called_at` tells whether it may have sent the call.
                let dead = earlier.by.clone();
                entry = JournalEntry { by: by.to_owned(), claimed_at: self.clock.now(), ..*earlier };
                if !self.journal.take(&entry, &dead).await? {
                    return Err(HandleError::InProgress("of a concurrent delivery".to_owned()));
                }
            }
        }
        let handled = self.decide_and_act(action, change, &mut entry).await;
        if handled.is_err() {
            release_claim(self.journal, &entry).await;
        }
        handled
    }

    /// Decides about a claimed entry, acts, and concludes it.
    async fn decide_and_act(
        &self,
        action: &mut impl FailoverAction,
        change: &AlarmChange,
        entry: &mut JournalEntry,
    ) -> Result<HandledChange, HandleError> {
        let Self { clock, journal, .. } = *self;
        if entry.outcome == Some(CallOutcome::Done) {
            // An earlier invocation did everything but conclude the entry.
            let direction = if entry.state == AlarmState::Alarm { Direction::Over } else { Direction::Back };
            let why = "AWS accepted the call of an earlier invocation".to_owned();
            return self.conclude_and_page(action, entry, (done(direction), why)).await;
        }
        let registered = journal.holder(&change.alarm_arn).await?;
        let newest = journal.newest(&change.alarm_arn).await?;
        let alarm = AlarmOnRecord { newest, registered };
        match decide(change, self.rule, &alarm, self.limits.max_event_age, clock.now()) {
            // No call is sent any more, but an earlier one may have been: the journal must not deny it.
            ChangeDecision::Conclude { why, .. } if entry.may_have_been_sent() => {
                let why = format!("{SENT_BEFORE} ({why})");
                self.conclude_and_page(action, entry, (Done::Failed, why)).await
            }
            ChangeDecision::Conclude { done, why, remember } => {
                if remember {
                    journal.remember(entry).await?;
                }
                self.conclude(entry, (done, why)).await
            }
            ChangeDecision::MoveTraffic { direction, run } => {
                journal.remember(entry).await?;
                let result = self.attempt_move(action, entry, direction, run.as_ref()).await?;
                if self.is_explained(entry, result.0, alarm.registered.as_ref()).await {
                    return self.conclude(entry, result).await;
                }
                self.conclude_and_page(action, entry, result).await
            }
        }
    }

    /// Writes what was done, and why, into the entry.
    async fn conclude(
        &self,
        entry: &JournalEntry,
        (done, why): (Done, String),
    ) -> Result<HandledChange, HandleError> {
        let concluded_at = Some(self.clock.now());
        let entry = JournalEntry { done: Some(done), why: Some(why), concluded_at, ..entry.clone() };
        self.journal.write(&entry).await?;
        Ok(HandledChange { entry, duplicate: false })
    }

    /// Concludes the entry, and pages if the alarm is real, whether it failed over or not. A drill sends its own pages.
    async fn conclude_and_page(
        &self,
        action: &mut impl FailoverAction,
        entry: &JournalEntry,
        (done, why): (Done, String),
    ) -> Result<HandledChange, HandleError> {
        let text =
            format!("Alarm {} went to {} at {}. {done}: {why}", entry.alarm_arn, entry.state, entry.at);
        let answer = self.conclude(entry, (done, why)).await?;
        if entry.run_id.is_none() {
            action.page(&text).await;
        }
        Ok(answer)
    }

    /// Whether the run whose trigger the alarm is explains that no call was sent: its own failover of the database cut the
    /// connections that the alarm watches. A run that cannot be read explains nothing.
    async fn is_explained(&self, entry: &JournalEntry, done: Done, registered: Option<&RunId>) -> bool {
        let (Done::Refused | Done::Already, Some(id)) = (done, registered) else { return false };
        matches!(self.journal.run(id).await, Ok(Some(run)) if run.explains_rise(entry.at))
    }

    /// Looks at the resource and sends the one call, again only if AWS proves that it was not executed or a second one is safe.
    async fn attempt_move(
        &self,
        action: &mut impl FailoverAction,
        entry: &mut JournalEntry,
        direction: Direction,
        run: Option<&RunId>,
    ) -> Result<(Done, String), HandleError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=MAX_CALLS {
            let looked = action.look(direction, run.is_some()).await;
            if entry.may_have_been_sent() && !action.is_repeatable() {
                let seen = match looked {
                    FailoverReadiness::Already(what) => return Ok((done(direction), what)),
                    FailoverReadiness::Unknown(why) => return Err(HandleError::NotNow(why)),
                    FailoverReadiness::Ready => String::new(),
                    FailoverReadiness::Unfit(why) => format!(" ({why})"),
                };
                return Ok((Done::Failed, format!("{SENT_BEFORE}{seen}")));
            }
            match looked {
                FailoverReadiness::Ready => {}
                // Our earlier call, whose answer was lost, did it.
                FailoverReadiness::Already(what) if entry.called_at.is_some() => {
                    return Ok((done(direction), what));
                }
                FailoverReadiness::Already(what) => return Ok((Done::Already, what)),
                FailoverReadiness::Unfit(why) => return Ok(unsent(entry, why)),
                FailoverReadiness::Unknown(why) => return Err(HandleError::NotNow(why)),
            }
            let before = (entry.called_at, entry.outcome.take());
            entry.called_at = Some(self.clock.now());
            let unwanted = match self.journal.write(entry).await {
                // Read last of all before the call: a run that has begun its rollback must not be failed over any more.
                Ok(()) => match run {
                    Some(id) => unwanted_by_run(self.journal, id).await,
                    None => Ok(None),
                },
                Err(error) => Err(error),
            };
            if !matches!(unwanted, Ok(None)) {
                // The call is not sent.
                (entry.called_at, entry.outcome) = before;
            }
            if let Some(why) = unwanted? {
                return Ok(unsent(entry, why));
            }
            let CallResult { outcome, what } = action.call(direction).await;
            entry.outcome = Some(outcome.clone());
            match outcome {
                CallOutcome::Done => return Ok((done(direction), what)),
                CallOutcome::NotExecuted { code, message, again: false } => {
                    return Ok((Done::Failed, format!("{what} was not executed ({code}): {message}")));
                }
                CallOutcome::NotExecuted { code, message, again: true } if attempt == MAX_CALLS => {
                    let why = format!("{what} was not executed in {MAX_CALLS} attempts ({code}): {message}");
                    return Ok((Done::Failed, why));
                }
                CallOutcome::Unknown { message } if !action.is_repeatable() => {
                    let why = format!("whether {what} was executed is not known: {message}");
                    return Ok((Done::Failed, why));
                }
                // Another writer changed the resource first, or an answer was lost: look again before the next call.
                CallOutcome::NotExecuted { .. } | CallOutcome::Unknown { .. } => {}
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        }
        Ok((Done::Failed, "the call was sent several times, and its effect was never observed".to_owned()))
    }
}

/// Releases the claim on an entry that is not concluded, so that the next delivery may take it over at once. If that cannot
/// be written, the next delivery waits until this invocation has surely timed out.
async fn release_claim(journal: &impl Journal, entry: &JournalEntry) {
    let free = JournalEntry { claimed_at: Timestamp::from_millis(0), ..entry.clone() };
    let _ = journal.write(&free).await;
}

/// The result if no call is sent any more, and why: refused, unless an earlier one may have been executed, or may still be.
/// The journal must not deny that one.
fn unsent(entry: &JournalEntry, why: String) -> (Done, String) {
    if entry.may_have_been_sent() {
        (Done::Failed, format!("an earlier call may have been executed; no other is sent ({why})"))
    } else {
        (Done::Refused, why)
    }
}

const fn done(direction: Direction) -> Done {
    match direction {
        Direction::Over => Done::FailedOver,
        Direction::Back => Done::FailedBack,
    }
}

/// Why the run does not want the failover any more; `None` if it still does.
async fn unwanted_by_run(journal: &impl Journal, id: &RunId) -> Result<Option<String>, StoreError> {
    let Some(run) = journal.run(id).await? else {
        return Ok(Some(format!("there is no run {id}")));
    };
    Ok(match run.phase {
        Phase::Injecting | Phase::Recovering => None,
        Phase::Pending
        | Phase::Checking
        | Phase::RollingBack
        | Phase::Verifying
        | Phase::Held
        | Phase::Finished => Some(format!("run {id} is {}: it wants no failover", run.phase)),
    })
}
