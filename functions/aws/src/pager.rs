//! Messages to people: one to the stack's topic, and one line in the log.

use firedrill_core::{
    Run,
    request::Arn,
    run::{Page, StepState},
};

use crate::{client::Connection, sns::Sns};

/// Sends messages to the stack's topic, if it has one.
#[derive(Clone, Debug)]
pub struct Pager {
    topic: Option<(Sns, Arn)>,
}

impl Pager {
    /// To this topic, in its own Region.
    #[must_use]
    pub fn new(connection: &Connection, topic: Option<&Arn>) -> Self {
        let topic = topic.map(|arn| (Sns::new(&connection.in_region(arn.region())), arn.clone()));
        Self { topic }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Why it was not sent, or is not known to have been.
    pub async fn send(&self, subject: &str, text: &str) -> Result<(), String> {
        let Some((sns, arn)) = &self.topic else {
            return Err("no topic is configured (FIREDRILL_TOPIC_ARN is empty)".to_owned());
        };
        sns.publish(arn.as_str(), subject, text).await.map_err(|failure| failure.to_string())
    }

    /// Tells about a run. `stands` is what is known of the application: what serves now, what is ill. The
    /// log gets it once per cause, however often sending is tried.
    ///
    /// # Errors
    /// See [`Pager::send`].
    pub async fn page(&self, run: &Run, page: &Page, stands: &[String]) -> Result<(), String> {
        let cause = &page.cause;
        if page.attempts == 0 {
            tracing::error!(runId = %run.run_id, cause, decidedAt = %page.at, "{}", page.text);
        }
        let subject = format!("Firedrill: {cause}: {} in {}", run.application, run.environment);
        self.send(&subject, &message(run, page, stands)).await
    }
}

fn message(run: &Run, page: &Page, stands: &[String]) -> String {
    let mut lines = vec![page.text.clone(), String::new()];
    lines.push(format!("Run {} of drill {} is {}.", run.run_id, run.drill, run.phase));
    let ended = run.outcome.map(|outcome| outcome.to_string());
    if let Some(word) = ended.or_else(|| run.verdict.map(|verdict| verdict.to_string())) {
        let reason = run.reason.as_deref().unwrap_or("no reason is on record");
        lines.push(format!("Outcome so far: {word} ({reason})."));
    }
    lines.extend_from_slice(stands);
    let open = run.undo.iter().filter(|step| step.progress.state == StepState::Open);
    for step in open {
        lines.push(format!("Not undone yet: {} of {}.", step.action, step.resources.join(", ")));
    }
    lines.push(format!("Decided at {}.", page.at));
    lines.join("\n")
}
