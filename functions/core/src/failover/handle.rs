//! One change, from its delivery to its entry.
//!
//! The order is what makes it safe to deliver a change many times: claim the entry, decide, remember, look,
//! write down that the call is about to be sent, ask the run once more, call once, conclude.

use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::{
    AlarmChange, AlarmState, ChangeDecision, Direction, Done, FailoverRule, JournalEntry, decide, run_of,
};
use crate::{
    CallOutcome, Phase, Run, Timestamp,
    ports::{Clock, StoreError},
    run::RunId,
};

/// How often a call is tried that was proven not to have been executed.
const MAX_CALLS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const SENT_BEFORE: &str =
    "an earlier invocation may have sent the call, and died; it is not sent a second time";

/// The numbers of a failover function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeLimits {
    /// A change older than this is refused, in milliseconds.
    pub max_event_age_ms: u64,
    /// An invocation that has had an entry in hand for longer is dead, in milliseconds.
    pub function_timeout_ms: u64,
}

/// What came of claiming an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours.
    New,
    /// Somebody had it before.
    Exists(Box<JournalEntry>),
}

/// The record, as a failover function needs it. Every call is bounded in time.
pub trait Journal {
    /// Creates the entry of a change, unless it exists.
    fn claim(&self, entry: &JournalEntry) -> impl Future<Output = Result<Claimed, StoreError>>;
    /// Replaces an undecided entry by one of ours, if invocation `from` still has it in hand; whether it did.
    /// Of two that find its invocation dead, one takes it.
    fn take(&self, entry: &JournalEntry, from: &str) -> impl Future<Output = Result<bool, StoreError>>;
    /// Replaces an entry that is ours.
    fn write(&self, entry: &JournalEntry) -> impl Future<Output = Result<(), StoreError>>;
    /// When the newest change of this alarm was that is remembered. Read consistently.
    fn newest(&self, alarm_arn: &str) -> impl Future<Output = Result<Option<Timestamp>, StoreError>>;
    /// Remembers a change as the alarm's newest, unless a newer one is remembered.
    fn remember(&self, entry: &JournalEntry) -> impl Future<Output = Result<(), StoreError>>;
    /// The run that holds this alarm. Read consistently.
    fn holder(&self, alarm_arn: &str) -> impl Future<Output = Result<Option<RunId>, StoreError>>;
    /// The head of a run. Read consistently.
    fn run(&self, id: &RunId) -> impl Future<Output = Result<Option<Run>, StoreError>>;
}

/// How what fails over stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverReadiness {
    /// Traffic can be moved.
    Ready,
    /// It is where it should be moved to.
    Already(String),
    /// It must not be moved: why.
    Unfit(String),
    /// Could not look: why.
    Unknown(String),
}

/// What came of the one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// What AWS said.
    pub outcome: CallOutcome,
    /// What was asked for, such as `cloudfront:UpdateDistribution of E1: primary to standby`.
    pub what: String,
}

/// What fails over.
pub trait FailoverAction {
    /// How it stands.
    fn look(&mut self, direction: Direction) -> impl Future<Output = FailoverReadiness>;
    /// Sends the one call.
    fn call(&mut self, direction: Direction) -> impl Future<Output = CallResult>;
    /// Whether a call of unknown fate may be sent again after a look: true where a second one changes
    /// nothing, as with a guarded update; false where it would move the writer back.
    fn is_repeatable(&self) -> bool;
    /// Tells people about a real failover; false if that could not be sent.
    fn page(&mut self, text: &str) -> impl Future<Output = bool>;
}

/// Why a change was not concluded. Whoever delivered it should deliver it again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HandleError {
    /// The record cannot be reached: whether somebody else acts on the change is not known.
    #[error("{0}; deliver the change again")]
    Store(#[from] StoreError),
    /// Another invocation has the change in hand.
    #[error("invocation {0} has this change in hand; deliver it again to learn what came of it")]
    InProgress(String),
    /// It could not be looked at, or AWS will not do it now.
    #[error("{0}; deliver the change again")]
    NotNow(String),
}

/// What a failover function answers about one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandledChange {
    /// Its entry.
    pub entry: JournalEntry,
    /// Whether it was concluded by an earlier delivery.
    pub duplicate: bool,
}

/// Handles one change.
///
/// # Errors
/// See [`HandleError`]: nothing was concluded.
pub async fn handle(
    clock: &impl Clock,
    journal: &impl Journal,
    effect: &mut impl FailoverAction,
    config: &FailoverRule,
    settings: ChangeLimits,
    change: &AlarmChange,
    by: &str,
) -> Result<HandledChange, HandleError> {
    let mut entry = fresh(change, clock.now(), by);
    match journal.claim(&entry).await? {
        Claimed::New => {}
        Claimed::Exists(there) if there.done.is_some() => {
            return Ok(HandledChange { entry: *there, duplicate: true });
        }
        Claimed::Exists(there) => {
            if clock.now().millis_since(there.claimed_at) <= settings.function_timeout_ms {
                return Err(HandleError::InProgress(there.by));
            }
            // Its invocation is dead. What it may have sent is in `called_at`.
            let dead = there.by.clone();
            entry = JournalEntry { by: by.to_owned(), claimed_at: clock.now(), ..*there };
            if !journal.take(&entry, &dead).await? {
                return Err(HandleError::InProgress("that was faster".to_owned()));
            }
        }
    }
    let handled = decided(clock, journal, effect, config, settings, change, &mut entry).await;
    if handled.is_err() {
        release_claim(journal, &entry).await;
    }
    handled
}

async fn decided(
    clock: &impl Clock,
    journal: &impl Journal,
    effect: &mut impl FailoverAction,
    config: &FailoverRule,
    settings: ChangeLimits,
    change: &AlarmChange,
    entry: &mut JournalEntry,
) -> Result<HandledChange, HandleError> {
    if entry.outcome == Some(CallOutcome::Done) {
        // Only its conclusion was not written.
        let direction = if entry.state == AlarmState::Alarm { Direction::Over } else { Direction::Back };
        let why = "AWS took the call of an earlier invocation".to_owned();
        return conclude_and_tell(journal, effect, entry, (done(direction), why), clock.now()).await;
    }
    let registered = journal.holder(&change.alarm_arn).await?;
    let newest = journal.newest(&change.alarm_arn).await?;
    let age = settings.max_event_age_ms;
    match decide(change, config, newest, registered.as_ref(), age, clock.now()) {
        // It is too late for a call, but one may have been sent: the record must not say otherwise.
        ChangeDecision::Conclude { why, .. } if may_have_been_sent(entry) => {
            let why = format!("{SENT_BEFORE} ({why})");
            conclude_and_tell(journal, effect, entry, (Done::Failed, why), clock.now()).await
        }
        ChangeDecision::Conclude { done, why, remember } => {
            if remember {
                journal.remember(entry).await?;
            }
            conclude(journal, entry, done, why, clock.now()).await
        }
        ChangeDecision::MoveTraffic { direction, run } => {
            journal.remember(entry).await?;
            let tried = attempt_move(clock, journal, effect, entry, direction, run.as_ref()).await?;
            conclude_and_tell(journal, effect, entry, tried, clock.now()).await
        }
    }
}

/// Lets go of an entry that is not concluded, so that the next delivery may take it at once. If that cannot be
/// written, the next one waits until this invocation is surely dead.
async fn release_claim(journal: &impl Journal, entry: &JournalEntry) {
    let free = JournalEntry { claimed_at: Timestamp::from_millis(0), ..entry.clone() };
    let _ = journal.write(&free).await;
}

fn fresh(change: &AlarmChange, now: Timestamp, by: &str) -> JournalEntry {
    JournalEntry {
        alarm_arn: change.alarm_arn.clone(),
        at: change.at,
        state: change.state,
        reason: change.reason.chars().take(1_023).collect(),
        run_id: run_of(&change.reason),
        received_at: now,
        claimed_at: now,
        by: by.to_owned(),
        called_at: None,
        outcome: None,
        done: None,
        why: None,
        concluded_at: None,
    }
}

async fn conclude(
    journal: &impl Journal,
    entry: &JournalEntry,
    done: Done,
    why: String,
    now: Timestamp,
) -> Result<HandledChange, HandleError> {
    let entry = JournalEntry { done: Some(done), why: Some(why), concluded_at: Some(now), ..entry.clone() };
    journal.write(&entry).await?;
    Ok(HandledChange { entry, duplicate: false })
}

/// A drill pages for itself. A real alarm's failover is news, and so is one that did not take place.
async fn conclude_and_tell(
    journal: &impl Journal,
    effect: &mut impl FailoverAction,
    entry: &JournalEntry,
    (done, why): (Done, String),
    now: Timestamp,
) -> Result<HandledChange, HandleError> {
    let text = format!("Alarm {} went to {} at {}. {done}: {why}", entry.alarm_arn, entry.state, entry.at);
    let answer = conclude(journal, entry, done, why, now).await?;
    if entry.run_id.is_none() {
        effect.page(&text).await;
    }
    Ok(answer)
}

async fn attempt_move(
    clock: &impl Clock,
    journal: &impl Journal,
    effect: &mut impl FailoverAction,
    entry: &mut JournalEntry,
    direction: Direction,
    run: Option<&RunId>,
) -> Result<(Done, String), HandleError> {
    let mut pause = FIRST_PAUSE;
    for attempt in 1..=MAX_CALLS {
        let looked = effect.look(direction).await;
        if may_have_been_sent(entry) && !effect.is_repeatable() {
            let now = match looked {
                FailoverReadiness::Already(what) => return Ok((done(direction), what)),
                FailoverReadiness::Unknown(why) => return Err(HandleError::NotNow(why)),
                FailoverReadiness::Ready => String::new(),
                FailoverReadiness::Unfit(why) => format!(" ({why})"),
            };
            return Ok((Done::Failed, format!("{SENT_BEFORE}{now}")));
        }
        match looked {
            FailoverReadiness::Ready => {}
            // What was called, though its answer was lost, and is so now, was done by that call.
            FailoverReadiness::Already(what) if entry.called_at.is_some() => {
                return Ok((done(direction), what));
            }
            FailoverReadiness::Already(what) => return Ok((Done::Already, what)),
            FailoverReadiness::Unfit(why) => return Ok((Done::Refused, why)),
            FailoverReadiness::Unknown(why) => return Err(HandleError::NotNow(why)),
        }
        let before = (entry.called_at, entry.outcome.take());
        entry.called_at = Some(clock.now());
        let unwanted = match journal.write(entry).await {
            // The very last thing before the call: a run that turned back meanwhile wants no failover any more.
            Ok(()) => match run {
                Some(id) => turned_back(journal, id).await,
                None => Ok(None),
            },
            Err(error) => Err(error),
        };
        if !matches!(unwanted, Ok(None)) {
            // It is not sent.
            (entry.called_at, entry.outcome) = before;
        }
        if let Some(why) = unwanted? {
            return Ok((Done::Refused, why));
        }
        let CallResult { outcome, what } = effect.call(direction).await;
        entry.outcome = Some(outcome.clone());
        match outcome {
            CallOutcome::Done => {
                return Ok((done(direction), what));
            }
            CallOutcome::NotExecuted { code, message, again: false } => {
                return Ok((Done::Failed, format!("{what} was not executed ({code}): {message}")));
            }
            CallOutcome::NotExecuted { code, message, again: true } if attempt == MAX_CALLS => {
                return Ok((Done::Failed, format!("{what} was never executed ({code}): {message}")));
            }
            CallOutcome::Unknown { message } if !effect.is_repeatable() => {
                return Ok((Done::Failed, format!("whether {what} was executed is not known: {message}")));
            }
            // After a lost race, or an answer that was lost: look first.
            CallOutcome::NotExecuted { .. } | CallOutcome::Unknown { .. } => {}
        }
        clock.sleep(pause).await;
        pause *= 2;
    }
    Ok((Done::Failed, "the call was sent several times, and its effect was never seen".to_owned()))
}

/// Whether AWS may have carried out a call that was sent, or may have been, about this change.
const fn may_have_been_sent(entry: &JournalEntry) -> bool {
    entry.called_at.is_some() && !matches!(entry.outcome, Some(CallOutcome::NotExecuted { .. }))
}

const fn done(direction: Direction) -> Done {
    match direction {
        Direction::Over => Done::FailedOver,
        Direction::Back => Done::FailedBack,
    }
}

/// Why the run does not want its failover, as it stands now; none if it does.
async fn turned_back(journal: &impl Journal, id: &RunId) -> Result<Option<String>, StoreError> {
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
