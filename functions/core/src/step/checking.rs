//! Phase `checking`: gates, targets and steady state. Nothing has been touched yet.

use std::sync::Arc;

use super::{finish_untouched, past_deadline, stop_reason};
use crate::{
    Decision, Observation, PreparedInjection, ProbeRole, Readiness, Run, Timestamp,
    gate::{closed, is_closed},
    run::{Call, Injection, Phase, Verdict},
    time::millis,
};

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    if run.has_successor() {
        let reason =
            "abandoned: the invocation that started the run ended before anything was injected".to_owned();
        return finish_untouched(run, Verdict::Skipped, reason, now);
    }
    if let Some(reason) = stop_reason(run) {
        return finish_untouched(run, Verdict::Skipped, reason, now);
    }
    let closed = closed(&observed.gates);
    if let Some(reason) = closed.as_ref().filter(|_| is_closed(&observed.gates)) {
        return finish_untouched(run, Verdict::Skipped, reason.clone(), now);
    }
    if let Some(Readiness::Refused(reason)) = &observed.prepared {
        return finish_untouched(run, Verdict::NotInjected, reason.clone(), now);
    }
    let steady = run.streaks_of(ProbeRole::STEADY_STATE).all(|(streak, rule)| streak.holds_now(rule, now));
    if let Some(Readiness::Ready(ready)) = &observed.prepared
        && steady
        && closed.is_none()
        && !run.limits.probes.is_empty()
        && !ready.undo.is_empty()
    {
        return save_intent(run, (**ready).clone(), now);
    }
    if let Some(reason) = past_deadline(run, now) {
        return finish_untouched(run, Verdict::Skipped, reason, now);
    }
    let started = run.times.started.unwrap_or(now);
    if now - started > run.limits.baseline_within {
        if let Some(reason) = closed {
            return finish_untouched(run, Verdict::Skipped, reason, now);
        }
        if let Some(Readiness::Unknown(why)) = &observed.prepared {
            let reason =
                format!("what the run needs could not be read in time, so nothing was injected: {why}");
            return finish_untouched(run, Verdict::NotInjected, reason, now);
        }
        let reason = not_steady(run, now);
        return finish_untouched(run, Verdict::Skipped, reason, now);
    }
    Decision::Wait
}

/// Puts intent, undo and deadline into the head. The loop sends the injecting call only after this head is saved.
fn save_intent(run: &mut Run, ready: PreparedInjection, now: Timestamp) -> Decision {
    run.undo = ready.undo.into();
    run.trigger = ready.trigger.map(Arc::from);
    let injection = Injection {
        owner: run.starter.clone(),
        deadline: now + run.limits.inject_within,
        calls: vec![Call::intended(1, now)],
        last_absent: None,
        unobserved: false,
    };
    if let Some(why) = run.outgrows() {
        (run.undo, run.trigger) = (Arc::default(), None);
        let reason = format!("nothing was injected: probes {why}");
        return finish_untouched(run, Verdict::NotInjected, reason, now);
    }
    run.injection = Some(injection.into());
    run.phase = Phase::Injecting;
    Decision::Inject(1)
}

/// Why the baseline was not reached: which probe did not hold, and how.
fn not_steady(run: &Run, now: Timestamp) -> String {
    let within = millis(run.limits.baseline_within);
    for (streak, rule) in run.streaks_of(ProbeRole::STEADY_STATE) {
        if !streak.holds_now(rule, now) {
            let probe = &rule.probe;
            return match (streak.last_no_answered, streak.last_yes) {
                (Some(at), None) => {
                    format!(
                        "the steady state did not hold within {within} ms: probe `{probe}` answered no at {at}"
                    )
                }
                (None, None) => {
                    format!(
                        "the steady state is not known: probe `{probe}` gave no answer within {within} ms"
                    )
                }
                (_, Some(_)) => format!(
                    "the steady state did not hold within {within} ms: probe `{probe}` answered yes {} times in a \
                     row; it needs {} over {} ms",
                    streak.count,
                    rule.count,
                    millis(rule.hold_for)
                ),
            };
        }
    }
    format!("the targets were not resolved within {within} ms")
}
