//! Report: the answer about a run: phase, outcome, times, and the durations between them.

use serde::Serialize;

use crate::{
    Measured, Outcome, Phase, Run, Timestamp, Verdict,
    run::{AnswerCounts, Status, Times},
    time::millis,
};

/// A duration between two measured moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Took {
    /// The duration, in milliseconds.
    pub ms: u64,
    /// It may have been shorter by this much, in milliseconds: the resolution of the end, and of the start as well if another
    /// clock measured it.
    pub resolution_ms: u64,
}

/// The answer about a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of `Run`")]
pub struct Report {
    pub run_id: String,
    pub drill: String,
    pub application: String,
    pub environment: String,
    pub phase: Phase,
    pub status: Status,
    pub verdict: Option<Verdict>,
    pub outcome: Option<Outcome>,
    pub reason: Option<String>,
    pub missing: Option<String>,
    pub impaired: Option<bool>,
    pub targets: Vec<String>,
    pub objective_ms: u64,
    pub exercises: &'static str,
    pub time_to_detect: Option<Took>,
    pub time_to_fail_over: Option<Took>,
    pub time_to_serve_from_standby: Option<Took>,
    pub time_to_deploy: Option<Took>,
    pub time_to_recover: Option<Took>,
    pub time_to_roll_back_ms: Option<u64>,
    pub answers: AnswerCounts,
    pub times: Times,
    pub finished_by: Option<String>,
}

/// Makes the report of a run.
#[must_use]
pub fn report(run: &Run) -> Report {
    let since_injected = |moment: Option<Measured>| Some(took(run.times.injected?, moment?));
    Report {
        run_id: run.run_id.0.clone(),
        drill: run.drill.to_string(),
        application: run.application.to_string(),
        environment: run.environment.to_string(),
        phase: run.phase,
        status: run.status(),
        verdict: run.verdict,
        outcome: run.outcome,
        reason: run.reason.clone(),
        missing: run.missing.clone(),
        impaired: run.impaired,
        targets: run.undo.iter().flat_map(|step| step.resources.clone()).collect(),
        objective_ms: millis(run.limits.rto),
        exercises: run.mode.exercises(),
        time_to_detect: since_injected(run.times.detected),
        time_to_fail_over: since_injected(run.times.failed_over),
        time_to_serve_from_standby: since_injected(run.times.serving_standby),
        time_to_deploy: since_injected(run.times.deployed),
        time_to_recover: since_injected(run.times.recovered),
        time_to_roll_back_ms: span(run.times.rollback_started_at, run.times.rolled_back.map(|at| at.at)),
        answers: run.answers,
        times: run.times.clone(),
        finished_by: run.finished_by.as_ref().map(|owner| owner.0.clone()),
    }
}

fn took(from: Measured, to: Measured) -> Took {
    let start_resolution_ms = if from.clock == to.clock { 0 } else { from.resolution_ms };
    Took {
        ms: to.at.millis_since(from.at),
        resolution_ms: to.resolution_ms.saturating_add(start_resolution_ms),
    }
}

fn span(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<u64> {
    Some(to?.millis_since(from?))
}
