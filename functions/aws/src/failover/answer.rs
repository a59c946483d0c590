//! One event: every change in it is handled, whatever comes of the others.

use firedrill_core::{
    failover::{
        AlarmChange, AlarmState, Claimed, Done, HandleError, HandledChange, Journal, JournalEntry, handle,
        run_of,
    },
    ports::Clock,
};
use serde_json::{Value, json};

use super::{
    Failover, FailoverContext,
    event::{UnreadableChange, changes},
    tell,
};

/// Why an event was not answered, by a stable name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// For alarms and callers.
    pub(crate) name: &'static str,
    /// What, and what to do.
    pub(crate) text: String,
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

/// Handles every change in an event. `failovers` holds what is configured, by the alarm's ARN.
#[expect(clippy::too_many_arguments, reason = "clock and journal are ports that tests replace one by one")]
pub(crate) async fn answer<F: Failover>(
    clock: &impl Clock,
    journal: &impl Journal,
    context: &FailoverContext,
    failovers: &[F],
    event: &Value,
    by: &str,
) -> Result<Value, Unanswered> {
    let (mut answered, mut failed) = (Vec::new(), Vec::new());
    for change in changes(event) {
        let change = match change {
            Ok(change) => change,
            Err(error) => {
                failed.push(unreadable(&error));
                continue;
            }
        };
        let done = match configured(context, failovers, &change) {
            Some((config, failover)) => {
                let settings = context.settings.handling;
                let mut effect = failover.clone();
                let handled = handle(clock, journal, &mut effect, config, settings, &change, by);
                Box::pin(handled).await.map_err(Unanswered::from)
            }
            None => Err(unknown::<F>(clock, journal, context, &change, by).await),
        };
        match done {
            Ok(answer) => answered.push(shown(&answer)),
            Err(error) => {
                let Unanswered { name, text } = &error;
                tracing::error!(alarm = change.alarm_arn, at = %change.at, name, "{text}");
                failed.push(error);
            }
        }
    }
    joined(failed).map_or_else(|| Ok(json!({ "changes": answered })), Err)
}

fn configured<'a, F>(
    context: &'a FailoverContext,
    failovers: &'a [F],
    change: &AlarmChange,
) -> Option<(&'a firedrill_core::failover::FailoverRule, &'a F)> {
    let mut known = context.settings.failovers.iter().map(|(config, _)| config).zip(failovers);
    known.find(|(config, _)| config.alarm_arn.as_str() == change.alarm_arn)
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

/// No rule says what this alarm fails over. A real change is recorded all the same, and operators are paged.
async fn unknown<F: Failover>(
    clock: &impl Clock,
    journal: &impl Journal,
    context: &FailoverContext,
    change: &AlarmChange,
    by: &str,
) -> Unanswered {
    let alarm = &change.alarm_arn;
    let why = format!(
        "nothing is configured for alarm {alarm}: add {{\"alarmArn\": \"{alarm}\", {}}} to the stack's \
         parameter {}",
        F::ENTRY,
        F::PARAMETER
    );
    let now = clock.now();
    let entry = JournalEntry {
        alarm_arn: alarm.clone(),
        at: change.at,
        state: change.state,
        reason: change.reason.chars().take(1_023).collect(),
        run_id: run_of(&change.reason),
        received_at: now,
        by: by.to_owned(),
        claimed_at: now,
        called_at: None,
        outcome: None,
        done: Some(Done::Refused),
        why: Some(why.clone()),
        concluded_at: Some(now),
    };
    let is_news = change.state == AlarmState::Alarm && entry.run_id.is_none();
    match journal.claim(&entry).await {
        // Later deliveries of the same change are no news.
        Ok(Claimed::New) if is_news => {
            tell(&context.pager, &format!("Alarm {alarm} went to ALARM at {}. {why}", change.at)).await;
        }
        Ok(_) => {}
        Err(error) => {
            return Unanswered { name: "StoreFailed", text: format!("{error}; and {why}") };
        }
    }
    Unanswered { name: "UnknownAlarm", text: why }
}

/// One error for the whole event, by the name of the first; delivered again, what was concluded is answered
/// from the record.
fn joined(failed: Vec<Unanswered>) -> Option<Unanswered> {
    let mut failed = failed.into_iter();
    let first = failed.next()?;
    Some(failed.fold(first, |all, next| Unanswered { text: format!("{}; {}", all.text, next.text), ..all }))
}

#[cfg(test)]
mod tests;
