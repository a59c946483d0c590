//! Settings of the stack that decide what a drill may do.

use std::time::Duration;

use firedrill_core::{gate::Policy, request::Arn, timing::Timing};

/// What the stack's parameters say about every drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The stack's timing parameters.
    pub timing: Timing,
    /// What the stack allows, whatever a request says.
    pub policy: Policy,
    /// The customer managed keys that the stack's role may use to start instances.
    pub kms_key_arns: Vec<String>,
    /// Where pages are published; none if the stack has no topic.
    pub topic_arn: Option<Arn>,
    /// The name or ARN of the watchdog, which a function starts that hands a run over; none in the watchdog itself.
    pub watchdog: Option<String>,
    /// How long a database is not failed over again.
    pub cool_down: Duration,
}
