//! One event: every change in it is handled, whatever comes of the others.

use std::rc::Rc;

use firedrill_core::{
    Timestamp,
    answer::list,
    failover::{
        AlarmChange, AlarmState, ChangeLimits, Claimed, Done, FailoverEngine, FailoverRule, FailoverRules,
        FailoverTarget, HandleError, HandledChange, Journal, JournalEntry, WrongEntry,
    },
    ports::Clock,
    text::{cut_bytes, one_line},
};
use serde_json::{Value, json};

use super::{
    Failover, FailoverContext,
    event::{UnreadableChange, changes},
};
use crate::ports::Topics;

/// Why an event was not answered, by a stable name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// For alarms and callers.
    pub name: &'static str,
    /// What, and what to do.
    pub text: String,
}

impl From<HandleError> for Unanswered {
    fn from(error: HandleError) -> Self {
        let name = match &error {
            HandleError::Store(_) => "StoreFailed",
            HandleError::InProgress(_) => "InProgress",
            HandleError::NotNow(_) => "NotNow",
        };
        Self { name, text: error.to_string() }
    }
}

/// How much of a wrong entry names it in the journal.
const MAX_WRONG: usize = 500;
/// The most bytes of the error for a whole event.
const MAX_ERROR_BYTES: usize = 16_000;

/// A failover function: its journal, its rules, and what it works with.
#[derive(Debug)]
pub struct FailoverFunction<J, C, K, F> {
    /// The record of every change.
    pub journal: J,
    /// AWS, the clock and what belongs to them.
    pub context: Rc<FailoverContext<C, K>>,
    /// How old a change may be, and after how long an invocation is dead.
    pub limits: ChangeLimits,
    /// Which alarm fails over what, and how.
    pub failovers: Vec<(FailoverRule, F)>,
    /// The entries of the configuration that configure nothing. People are told of each once.
    pub wrong: Vec<WrongEntry>,
}

/// The failovers that these rules set up, and the entries that set up none. `make` builds the failover of one rule.
#[must_use]
pub fn set_up<F, E: ToString>(
    rules: FailoverRules,
    make: impl Fn(&FailoverRule, &FailoverTarget) -> Result<F, E>,
) -> (Vec<(FailoverRule, F)>, Vec<WrongEntry>) {
    let FailoverRules { rules, mut wrong } = rules;
    let mut failovers = Vec::with_capacity(rules.len());
    for (rule, target) in rules {
        match make(&rule, &target) {
            Ok(failover) => failovers.push((rule, failover)),
            Err(error) => {
                let alarm = Some(rule.alarm_arn.to_string());
                wrong.push(WrongEntry { index: None, alarm, what: error.to_string() });
            }
        }
    }
    (failovers, wrong)
}

impl<J: Journal, C: Topics, K: Clock, F: Failover> FailoverFunction<J, C, K, F> {
    /// Handles every change in an event; `by` names the invocation.
    ///
    /// # Errors
    /// A change was not concluded, by a stable name.
    pub async fn answer(&self, event: &Value, by: &str) -> Result<Value, Unanswered> {
        let (mut answered, mut failed) = (Vec::new(), Vec::new());
        for change in changes(event) {
            let change = match change {
                Ok(change) => change,
                Err(error) => {
                    failed.push(unreadable(&error));
                    continue;
                }
            };
            match self.handle(&change, by).await {
                Ok(answer) => answered.push(shown(&answer)),
                Err(error) => {
                    let Unanswered { name, text } = &error;
                    tracing::error!(alarm = change.alarm_arn, at = %change.at, name, "{text}");
                    failed.push(error);
                }
            }
        }
        // Only now: no failover waits for it.
        for wrong in &self.wrong {
            self.report(wrong, by).await;
        }
        let mut answer = json!({});
        list(&mut answer, "changes", answered);
        if !self.wrong.is_empty() {
            answer["wrongConfiguration"] =
                json!(self.wrong.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        joined(failed).map_or(Ok(answer), Err)
    }

    /// Tells people about an entry of the configuration that configures nothing: in the log each time, by a page once. The
    /// journal keeps that they were told.
    async fn report(&self, wrong: &WrongEntry, by: &str) {
        let text = format!(
            "{wrong}. This entry fails nothing over, whatever its alarm does; all others work. Repair it in the stack's \
             parameter {}.",
            F::PARAMETER
        );
        tracing::error!("{text}");
        let change = AlarmChange {
            alarm_arn: one_line(&wrong.to_string(), MAX_WRONG),
            at: Timestamp::from_millis(0),
            state: AlarmState::InsufficientData,
            reason: String::new(),
        };
        match self.journal.claim(&self.refused(&change, &text, by)).await {
            Ok(Claimed::New) => {
                self.context.tell(&text).await;
            }
            Ok(Claimed::Exists(_)) => {}
            Err(error) => tracing::error!(%error, "whether people were told is not known"),
        }
    }

    /// The journal's entry for what no rule says anything about.
    fn refused(&self, change: &AlarmChange, why: &str, by: &str) -> JournalEntry {
        let now = self.context.clock.now();
        JournalEntry {
            done: Some(Done::Refused),
            why: Some(why.to_owned()),
            concluded_at: Some(now),
            ..JournalEntry::new(change, now, by)
        }
    }

    async fn handle(&self, change: &AlarmChange, by: &str) -> Result<HandledChange, Unanswered> {
        let mut known = self.failovers.iter();
        let Some((rule, failover)) = known.find(|(rule, _)| rule.alarm_arn.as_str() == change.alarm_arn)
        else {
            return Err(self.unknown(change, by).await);
        };
        let (clock, journal, limits) = (&self.context.clock, &self.journal, self.limits);
        let engine = FailoverEngine { clock, journal, rule, limits };
        Ok(engine.handle(&mut failover.clone(), change, by).await?)
    }

    /// No rule says what this alarm fails over. A real change is recorded all the same, and operators are paged.
    async fn unknown(&self, change: &AlarmChange, by: &str) -> Unanswered {
        let alarm = &change.alarm_arn;
        let wrong = self.wrong.iter().find(|entry| entry.alarm.as_deref() == Some(&**alarm));
        let why = match wrong {
            Some(wrong) => {
                format!(
                    "{wrong}: repair this entry of the stack's parameter {}, which fails nothing over",
                    F::PARAMETER
                )
            }
            None => format!(
                "nothing is configured for alarm {alarm}: add {{\"alarmArn\": \"{alarm}\", {}}} to the stack's \
                 parameter {}",
                F::ENTRY,
                F::PARAMETER
            ),
        };
        let entry = self.refused(change, &why, by);
        let is_news = change.state == AlarmState::Alarm && entry.run_id.is_none();
        match self.journal.claim(&entry).await {
            // Later deliveries of the same change are no news.
            Ok(Claimed::New) if is_news => {
                self.context.tell(&format!("Alarm {alarm} went to ALARM at {}. {why}", change.at)).await;
            }
            Ok(_) => {}
            Err(error) => {
                return Unanswered { name: "StoreFailed", text: format!("{error}; and {why}") };
            }
        }
        Unanswered { name: "UnknownAlarm", text: why }
    }
}

fn unreadable(error: &UnreadableChange) -> Unanswered {
    tracing::error!(field = error.field, "{error}");
    Unanswered { name: "UnreadableEvent", text: error.to_string() }
}

/// As the answer shows it, and the log.
fn shown(answer: &HandledChange) -> Value {
    let HandledChange { entry, duplicate } = answer;
    let (alarm, why) = (&entry.alarm_arn, entry.why.as_deref().unwrap_or_default());
    let done = entry.done.map(|done| done.to_string()).unwrap_or_default();
    match entry.done {
        Some(Done::Failed) if !duplicate => tracing::error!(alarm, at = %entry.at, done, "{why}"),
        Some(Done::Refused) if !duplicate => tracing::warn!(alarm, at = %entry.at, done, "{why}"),
        _ => tracing::info!(alarm, at = %entry.at, done, duplicate, "{why}"),
    }
    let mut shown = json!(entry);
    shown["duplicate"] = json!(duplicate);
    shown
}

/// One error for the whole event, by the name of the first; delivered again, what was concluded is answered
/// from the record.
fn joined(failed: Vec<Unanswered>) -> Option<Unanswered> {
    let mut failed = failed.into_iter();
    let first = failed.next()?;
    let joined =
        failed.fold(first, |all, next| Unanswered { text: format!("{}; {}", all.text, next.text), ..all });
    Some(Unanswered { text: cut_bytes(&joined.text, MAX_ERROR_BYTES), ..joined })
}

#[cfg(test)]
mod tests;
