//! Recorded target: what the head keeps of the request, so that a run is rolled back and verified without it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::request::{Cadence, Days, Objective, Playbook, Probe, Request, Seconds, SteadyState, Target};

/// What has to be known of a request to look at its target, to undo the failure, to ask whether the application is in
/// its steady state and whether the primary is healthy, to tell operators where the procedure is, and to say in the run's
/// result what it was measured against.
///
/// The whole request lies in an item of its own. That item can be lost, or hold what this version cannot read; the head
/// cannot, because a reader that does not know its layout touches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedTarget {
    /// What the run may touch, with the identity probe and the probe aimed at the primary.
    pub target: Target,
    /// The steady state's probes, in the order of [`Limits::probes`](super::Limits::probes).
    pub probes: Vec<Probe>,
    /// The team's procedure, for messages to operators.
    pub playbook: Playbook,
    /// How often the drill must pass; none in a head of a version that did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<Days>,
    /// What a minute of impairment costs, in the application's own currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue_per_minute: Option<u32>,
}

impl RecordedTarget {
    /// As many bytes as it may take in the head, written as JSON.
    pub const MAX_BYTES: usize = 8_192;

    /// What is recorded of this request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self {
            target: request.target.clone(),
            probes: request.steady_state.probes.clone(),
            playbook: request.playbook.clone(),
            every_days: Some(request.cadence.every_days),
            revenue_per_minute: request.objective.revenue_per_minute,
        }
    }
}

impl Run {
    /// The request as far as the head records it, for a run whose request cannot be read: it continues, rolls back and
    /// verifies. What only a start or an early end would need (windows, stop conditions) is empty, and `execute`
    /// is false.
    #[must_use]
    pub fn recorded_request(&self) -> Request {
        let RecordedTarget { target, probes, playbook, every_days, revenue_per_minute } =
            (*self.recorded).clone();
        let limits = &self.limits;
        Request {
            schema: None,
            drill: self.drill.clone(),
            application: self.application.clone(),
            dependency: self.dependency.clone(),
            environment: self.environment.clone(),
            execute: false,
            mode: self.mode,
            target,
            steady_state: SteadyState { probes, within_seconds: seconds(limits.baseline_within) },
            objective: Objective {
                rto_seconds: seconds(limits.rto),
                rpo_seconds: None,
                give_up_after_seconds: Some(seconds(limits.give_up_after)),
                restore_within_seconds: seconds(limits.restore_within),
                inject_within_seconds: seconds(limits.inject_within),
                run_within_seconds: None,
                revenue_per_minute,
            },
            detection: None,
            stop_conditions: Vec::new(),
            windows: Vec::new(),
            cadence: Cadence { every_days: every_days.unwrap_or(Days::new(1)) },
            playbook,
            schedule: None,
            run_id: None,
        }
    }
}

fn seconds(span: Duration) -> Seconds {
    Seconds::new(u32::try_from(span.as_secs()).unwrap_or(u32::MAX))
}
