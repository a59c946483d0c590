//! The head of a run that begins.

use super::Invocation;
use crate::{
    Phase, ProbeRole, Request, Run, Shared, StreakRule, Timestamp,
    run::{AnswerCounts, EvidenceCounts, LAYOUT, Limits, Times},
    timing::Timing,
};

/// The head of a new run.
#[must_use]
pub fn new_run(request: &Request, invocation: &Invocation, now: Timestamp) -> Run {
    Run {
        layout: LAYOUT,
        run_id: request.identity(&invocation.request_id),
        environment: request.environment.as_str().into(),
        application: request.application.as_str().into(),
        drill: request.drill.as_str().into(),
        dependency: request.dependency.as_str().into(),
        mode: request.mode,
        caller: request.caller(),
        phase: Phase::Checking,
        verdict: None,
        outcome: None,
        reason: None,
        impaired: None,
        version: 1,
        starter: invocation.owner.clone(),
        owner: Some(invocation.owner.clone()),
        finished_by: None,
        deadline: Some(now.plus_millis(u64::from(request.run_within()) * 1_000)),
        limits: limits(request, &invocation.timing).into(),
        times: Times {
            scheduled: request.schedule.as_ref().map(|schedule| schedule.scheduled_at),
            started: Some(now),
            ..Times::default()
        },
        injection: None,
        trigger: None,
        undo: Shared::default(),
        streaks: Vec::new(),
        answers: AnswerCounts::default(),
        stop: None,
        unwell_since: None,
        last_not_undone: None,
        last_not_failed_over: None,
        settled_at: None,
        rollback_saved_at: None,
        missing: None,
        hold: None,
        release: None,
        last_command: 0,
        released_at: None,
        automation_report: None,
        pages: Vec::new(),
        evidence: EvidenceCounts::default(),
    }
}

fn limits(request: &Request, timing: &Timing) -> Limits {
    let ms = |seconds: u32| u64::from(seconds) * 1_000;
    let objective = &request.objective;
    let probes = request.steady_state.probes.iter().map(|probe| {
        let pause = if probe.kind.asks_aws() { timing.aws_poll_ms } else { timing.poll_ms };
        StreakRule {
            probe: probe.name.clone(),
            count: probe.count,
            hold_for_ms: ms(probe.hold_for_seconds),
            widest_gap_ms: 2 * pause + probe.kind.deadline_ms(timing.call_deadline_ms) + timing.poll_ms,
            role: ProbeRole::SteadyState,
        }
    });
    let identity = request.target.identity().into_iter().flat_map(|identity| {
        let rule = |name: &str, role| StreakRule {
            probe: format!("{name} serves"),
            count: identity.count,
            hold_for_ms: ms(identity.hold_for_seconds),
            widest_gap_ms: 3 * timing.poll_ms + u64::from(identity.deadline_ms),
            role,
        };
        [rule(&identity.primary, ProbeRole::Primary), rule(&identity.standby, ProbeRole::Standby)]
    });
    Limits {
        probes: probes.chain(identity).collect(),
        baseline_within_ms: ms(request.steady_state.within_seconds),
        inject_within_ms: ms(objective.inject_within_seconds),
        rto_ms: ms(objective.rto_seconds),
        give_up_after_ms: ms(objective.give_up_after()),
        restore_within_ms: ms(objective.restore_within_seconds),
        // Whoever waits for it may read another clock than whoever sent the call.
        settle_ms: timing.settle_ms + timing.margin_ms,
        consistency_ms: timing.margin_ms,
        patience_ms: 2 * timing.aws_poll_ms + 2 * timing.call_deadline_ms + timing.margin_ms,
        retry_pause_ms: timing.aws_poll_ms,
    }
}
