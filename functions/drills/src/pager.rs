//! Pager: the text of a page to operators, and its publication through the stack's SNS topic.

use firedrill_core::{
    Run,
    request::Arn,
    run::{Page, StepState},
};
use thiserror::Error;

use crate::{Failure, ports::Topics};

/// Why a page was not sent, or is not known to have been sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum PageError {
    /// The stack has no topic.
    #[error("no topic is configured (FIREDRILL_TOPIC_ARN is empty)")]
    NoTopic,
    /// The call to SNS failed.
    #[error(transparent)]
    Publish(#[from] Failure),
}

/// Sends a page about a run. `status` holds lines on the application: what serves now, what is unhealthy. Only
/// the first attempt logs the page, so that the log has one line per cause.
pub(crate) async fn page(
    topics: &impl Topics,
    topic: Option<&Arn>,
    run: &Run,
    page: &Page,
    status: &[String],
) -> Result<(), PageError> {
    let cause = &page.cause;
    if page.attempts == 0 {
        tracing::error!(runId = %run.run_id, cause, decidedAt = %page.at, "{}", page.text);
    }
    let subject = format!("Firedrill: {cause}: {} in {}", run.application, run.environment);
    send(topics, topic, &subject, &message(run, page, status)).await
}

/// Sends one page, once.
pub(crate) async fn send(
    topics: &impl Topics,
    topic: Option<&Arn>,
    subject: &str,
    text: &str,
) -> Result<(), PageError> {
    let topic = topic.ok_or(PageError::NoTopic)?;
    Ok(topics.publish(topic, subject, text).await?)
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
