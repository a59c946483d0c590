//! New run: the head of a run as it begins, with its limits.

use std::sync::Arc;

use super::Invocation;
use crate::{
    Phase, ProbeRole, Request, Run, StreakRule, Timestamp,
    run::{AnswerCounts, EvidenceCounts, LAYOUT, Limits, RecordedTarget, Times},
    timing::Timing,
};

/// The head of a new run in `checking`, owned by this invocation.
#[must_use]
pub fn new_run(request: &Request, invocation: &Invocation, timing: &Timing, now: Timestamp) -> Run {
    Run {
        layout: LAYOUT,
        run_id: request.identity(&invocation.request_id),
        environment: request.environment.clone(),
        application: request.application.clone(),
        drill: request.drill.clone(),
        dependency: request.dependency.clone(),
        recorded: RecordedTarget::of(request).into(),
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
        handed_over: None,
        finished_by: None,
        deadline: Some(now + request.run_within()),
        limits: limits(request, timing).into(),
        times: Times {
            scheduled: request.schedule.as_ref().map(|schedule| schedule.scheduled_at),
            started: Some(now),
            ..Times::default()
        },
        injection: None,
        trigger: None,
        undo: Arc::default(),
        streaks: Vec::new(),
        answers: AnswerCounts::default(),
        stop: None,
        unwell_since: None,
        own_rise: None,
        last_rise: None,
        alarm_read: None,
        last_not_undone: None,
        last_not_failed_over: None,
        last_not_deployed: None,
        contrary_since: None,
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

/// The limits of the run, from the request and the stack's timing. They stay as they are for the whole run.
fn limits(request: &Request, timing: &Timing) -> Limits {
    let objective = &request.objective;
    let probes = request.steady_state.probes.iter().map(|probe| {
        let pause = if probe.check.asks_aws() { timing.aws_poll } else { timing.poll };
        StreakRule {
            probe: probe.name.clone(),
            count: probe.count,
            hold_for: probe.hold_for_seconds.duration(),
            widest_gap: 2 * pause + probe.check.deadline(timing.call_deadline) + timing.poll,
            role: ProbeRole::SteadyState,
        }
    });
    let identity = request.target.identity().into_iter().flat_map(|identity| {
        let rule = |name: &str, role| StreakRule {
            probe: format!("{name} serves"),
            count: identity.count,
            hold_for: identity.hold_for_seconds.duration(),
            widest_gap: 3 * timing.poll + identity.deadline_ms.duration(),
            role,
        };
        [rule(&identity.primary, ProbeRole::Primary), rule(&identity.standby, ProbeRole::Standby)]
    });
    Limits {
        probes: probes.chain(identity).collect(),
        baseline_within: request.steady_state.within_seconds.duration(),
        inject_within: objective.inject_within_seconds.duration(),
        rto: objective.rto_seconds.duration(),
        give_up_after: objective.give_up_after(),
        require_deployed: request.target.requires_deployed(),
        minimum_outage: request.minimum_outage(),
        restore_within: objective.restore_within_seconds.duration(),
        // The invocation that waits may run on another machine than the one that sent the call: their clocks differ.
        settle: timing.settle + timing.margin,
        consistency: timing.margin,
        patience: 2 * timing.aws_poll + 2 * timing.call_deadline + timing.margin,
        retry_pause: timing.aws_poll,
    }
}
