//! Pager: sends pages to operators through the stack's SNS topic, and logs each once.

use firedrill_core::{
    Run,
    request::Arn,
    run::{Page, StepState},
};
use thiserror::Error;

use crate::{client::Connection, error::Failure, sns::Sns};

/// Sends pages to the stack's SNS topic, if the stack has one.
#[derive(Clone, Debug)]
pub struct Pager {
    topic: Option<(Sns, Arn)>,
}

/// Why a page was not sent, or is not known to have been sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PageError {
    /// The stack has no topic.
    #[error("no topic is configured (FIREDRILL_TOPIC_ARN is empty)")]
    NoTopic,
    /// The call to SNS failed.
    #[error(transparent)]
    Publish(#[from] Failure),
}

impl Pager {
    /// A pager for this topic, in the topic's own Region; without a topic, one that sends nothing.
    #[must_use]
    pub fn new(connection: &Connection, topic: Option<&Arn>) -> Self {
        let topic = topic.map(|arn| (Sns::new(&connection.in_region(arn.region())), arn.clone()));
        Self { topic }
    }

    /// Sends one page, once.
    ///
    /// # Errors
    /// See [`PageError`].
    pub async fn send(&self, subject: &str, text: &str) -> Result<(), PageError> {
        let (sns, arn) = self.topic.as_ref().ok_or(PageError::NoTopic)?;
        Ok(sns.publish(arn.as_str(), subject, text).await?)
    }

    /// Sends a page about a run. `status` holds lines on the application: what serves now, what is unhealthy. Only
    /// the first attempt logs the page, so that the log has one line per cause.
    ///
    /// # Errors
    /// See [`PageError`].
    pub async fn page(&self, run: &Run, page: &Page, status: &[String]) -> Result<(), PageError> {
        let cause = &page.cause;
        if page.attempts == 0 {
            tracing::error!(runId = %run.run_id, cause, decidedAt = %page.at, "{}", page.text);
        }
        let subject = format!("Firedrill: {cause}: {} in {}", run.application, run.environment);
        self.send(&subject, &message(run, page, status)).await
    }
}

fn message(run: &Run, page: &Page, status: &[String]) -> String {
    let mut lines = vec![page.text.clone(), String::new()];
    lines.push(format!("Run {} of drill {} is {}.", run.run_id, run.drill, run.phase));
    let outcome = run.outcome.map(|outcome| outcome.to_string());
    if let Some(outcome) = outcome.or_else(|| run.verdict.map(|verdict| verdict.to_string())) {
        let reason = run.reason.as_deref().unwrap_or("no reason is on record");
        lines.push(format!("Outcome so far: {outcome} ({reason})."));
    }
    lines.extend_from_slice(status);
    let open = run.undo.iter().filter(|step| step.progress.state == StepState::Open);
    for step in open {
        lines.push(format!("Not undone yet: {} on {}.", step.action, step.resources.join(", ")));
    }
    lines.push(format!("Decided at {}.", page.at));
    lines.join("\n")
}
