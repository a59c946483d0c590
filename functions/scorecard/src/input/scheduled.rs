//! Scheduled drill: one schedule, or one target of a rule, that invokes a drill function, as `EventBridge` has it.

use firedrill_core::{
    Request, Timestamp,
    request::{Delivery, WrittenDocument, parse_written},
    text::one_line,
};

use crate::model::DrillKey;

/// What is scheduled, as read from `EventBridge` Scheduler or from a rule with its target.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledDrill {
    /// The ARN of the schedule or rule.
    pub arn: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// `rate(..)`, `cron(..)` or `at(..)`; none for a rule that only events start.
    pub expression: Option<String>,
    /// The IANA time zone of the expression; UTC if none. A rule has none.
    pub time_zone: Option<String>,
    /// It starts nothing before this.
    pub starts: Option<Timestamp>,
    /// It starts nothing after this.
    pub ends: Option<Timestamp>,
    /// When it was created; none for a rule, of which that cannot be read.
    pub created: Option<Timestamp>,
    /// A delivery may come so many minutes after its time.
    pub flexible_window_minutes: u32,
    /// The request that it sends, or why it cannot be read.
    pub request: Result<Box<Request>, String>,
}

impl ScheduledDrill {
    /// The request in a schedule's input, or in the template of a rule's input: without what the delivery fills in
    /// (`schedule`, `runId`).
    ///
    /// # Errors
    /// Why it is no request, in a sentence.
    pub fn request_in(input: &str) -> Result<Box<Request>, String> {
        let mut document: WrittenDocument = serde_json::from_str(input)
            .map_err(|error| format!("the input is no JSON: {}", one_line(&error.to_string(), 200)))?;
        if let Some(fields) = document.value.as_object_mut() {
            fields.remove("schedule");
            fields.remove("runId");
        }
        match parse_written(&document) {
            Ok(Delivery::Start(request)) => Ok(request),
            Ok(_) => Err("the input is an operator command, and no request".to_owned()),
            Err(error) => Err(one_line(&error.to_string(), 500)),
        }
    }

    /// Whether its request executes. One that only plans starts no run.
    pub(crate) fn executes(&self) -> bool {
        self.request.as_ref().is_ok_and(|request| request.execute)
    }

    /// Whether it starts runs.
    pub(crate) fn starts_runs(&self) -> bool {
        self.enabled && self.executes()
    }

    /// The drill that it starts; none if its request cannot be read.
    #[must_use]
    pub fn key(&self) -> Option<DrillKey> {
        let request = self.request.as_ref().ok()?;
        Some(DrillKey {
            environment: request.environment.to_string(),
            application: request.application.to_string(),
            drill: request.drill.to_string(),
        })
    }
}
