//! Phases `rollingBack` and `held`: the undo, step by step. Gates, stops and the kill switch never delay it.

use super::{finish, record_detection};
use crate::{
    Decision, Measured, Observation, Run, StepObservation, Timestamp, Tristate,
    run::{CallOutcome, Hold, Outcome, Phase, StepState, Verdict},
    time::{MAX_PAUSE, backoff},
};

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    record_detection(run, observed);
    extend_settling(run);
    if let Some(decision) = apply_release(run, now) {
        return decision;
    }
    // AWS was not asked this time: nothing new is known about the undo steps.
    let Some(at) = observed.looked else { return check_overdue(run, now) };
    reopen(run, observed);
    record_undo_steps(run, observed, at, true);
    if let Some(drift) = drifted(run, observed) {
        rollback_failed(run, drift, now);
    }
    if run.undo.iter().any(|step| step.progress.state == StepState::Open) {
        return next_undo_step(run, observed, now);
    }
    run.phase = Phase::Verifying;
    let began = run.times.rollback_started_at.unwrap_or(at);
    let before = run.last_not_undone.unwrap_or(began).max(began);
    run.times.rolled_back.get_or_insert(Measured::ours(at, at.millis_since(before)));
    record_failing_back(run, began);
    // The steady state must hold again from here on: earlier answers came from before the undo was complete. When a
    // probe last answered no stays known, because since then the steady state may have held.
    run.streaks.iter_mut().for_each(|streak| {
        *streak = crate::Streak { last_no_asked: streak.last_no_asked, ..crate::Streak::default() };
    });
    Decision::Wait
}

/// Records what a look showed of the undo steps that are still open.
fn record_undo_steps(run: &mut Run, observed: &Observation, at: Timestamp, with_traffic: bool) {
    for index in 0..run.undo.len() {
        let step = &run.undo[index];
        if step.progress.state != StepState::Open || (step.moves_traffic && !with_traffic) {
            continue;
        }
        match observed.undone.get(index) {
            Some(StepObservation::Done) => {
                let progress = &mut run.undo_mut()[index].progress;
                progress.state = StepState::Done;
                progress.done = Some(at);
            }
            Some(StepObservation::Busy | StepObservation::Open | StepObservation::Drifted(_)) => {
                run.last_not_undone = Some(at);
            }
            Some(StepObservation::Unknown) | None => {}
        }
    }
}

/// Reopens undo steps while others are open or held: an injecting call whose answer was lost may be executed late, and its
/// effect is then undone, unless that moves traffic.
fn reopen(run: &mut Run, observed: &Observation) {
    for (step, looked) in run.undo_mut().iter_mut().zip(&observed.undone) {
        if step.progress.state == StepState::Done && !step.moves_traffic && *looked == StepObservation::Open {
            step.progress.reopen();
        }
    }
}

/// The open undo step whose resource somebody else changed meanwhile, with both versions; it is not carried out.
fn drifted(run: &Run, observed: &Observation) -> Option<String> {
    run.undo.iter().zip(&observed.undone).find_map(|(step, looked)| match looked {
        StepObservation::Drifted(versions) if step.progress.state == StepState::Open => Some(format!(
            "{} of {} is not carried out, because somebody else changed the resource meanwhile: {versions}",
            step.action,
            step.resources.join(", ")
        )),
        _ => None,
    })
}

/// Records since when the primary answers users again. That may be before every CloudFront edge has the configuration.
fn record_failing_back(run: &mut Run, began: Timestamp) {
    let moved = run.sent_back().next().is_some();
    let answers = run.streaks_of(&[crate::ProbeRole::Primary]).map(|(streak, _)| streak.clone()).next();
    if let (true, Some(streak)) = (moved, answers)
        && let Some(first) = streak.first_yes.filter(|first| *first > began)
    {
        let before = streak.last_no_asked.unwrap_or(began).max(began);
        run.times.failed_back = Some(Measured::ours(first, first.millis_since(before)));
    }
}

/// An undo call whose answer was lost may be executed late: the run must not finish before that.
fn extend_settling(run: &mut Run) {
    for step in run.undo.iter() {
        let lost = !matches!(step.progress.last, Some(CallOutcome::Done | CallOutcome::NotExecuted { .. }));
        if let Some(sent) = step.progress.last_sent.filter(|_| lost) {
            run.settled_at = run.settled_at.max(Some(sent + run.limits.settle));
        }
    }
}

/// Chooses the undo step to send next: first those that move no traffic, which nothing holds back. A step that AWS refuses or
/// is still carrying out does not delay the others.
fn next_undo_step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    if let Some(decision) = next_due(run, &sendable_steps(run, observed, false), now) {
        check_overdue(run, now);
        return decision;
    }
    let moving = sendable_steps(run, observed, true);
    if !moving.is_empty()
        && let Some(decision) = hold_unless_safe(run, observed, now)
    {
        return decision;
    }
    let decision = next_due(run, &moving, now);
    check_overdue(run, now);
    decision.unwrap_or(Decision::Wait)
}

/// The open undo steps that may be sent. A step whose state could not be read is sent all the same, because every step
/// names the state it leads to and may be repeated: starting a running instance or setting back an alarm in OK changes
/// nothing, a distribution is updated on a fresh `ETag`, and a failover names its target, the original writer.
fn sendable_steps(run: &Run, observed: &Observation, traffic: bool) -> Vec<usize> {
    let open = run.undo.iter().enumerate().filter(|(_, step)| {
        step.progress.state == StepState::Open && !step.awaited && step.moves_traffic == traffic
    });
    let looked = |index: usize| observed.undone.get(index).cloned().unwrap_or_default();
    open.map(|(index, _)| index)
        .filter(|index| matches!(looked(*index), StepObservation::Open | StepObservation::Unknown))
        .collect()
}

/// The first of these steps whose back-off is over.
fn next_due(run: &mut Run, steps: &[usize], now: Timestamp) -> Option<Decision> {
    let first_pause = run.limits.retry_pause;
    for &index in steps {
        let progress = &mut run.undo_mut()[index].progress;
        let pause = backoff(first_pause, progress.attempts).min(MAX_PAUSE);
        if progress.last_sent.is_none_or(|last| now >= last + pause) {
            progress.attempts = progress.attempts.saturating_add(1);
            progress.last_sent = Some(now);
            progress.last = None;
            return Some(Decision::Undo(index));
        }
    }
    None
}

/// Holds the run unless traffic may be moved back: only onto a primary that is known to be healthy, and not during a real
/// incident.
fn hold_unless_safe(run: &mut Run, observed: &Observation, now: Timestamp) -> Option<Decision> {
    let hold = match (observed.primary, observed.foreign_alarm) {
        (Tristate::Yes, Tristate::No) => return None,
        (Tristate::No, _) | (_, Tristate::Yes) => Hold::RealIncident,
        (Tristate::Unknown, _) | (_, Tristate::Unknown) => {
            if !is_overdue(run, now) {
                return Some(Decision::Wait);
            }
            Hold::PrimaryUnknown
        }
    };
    let (cause, text) = match hold {
        Hold::RealIncident => {
            ("real incident", "the primary is not healthy, or an alarm went off that the run did not cause")
        }
        Hold::PrimaryUnknown => (
            "primary unknown",
            "the primary's own probe or the alarm could not be read, so it is unknown whether the primary is healthy",
        ),
    };
    super::set_verdict(run, Verdict::Stopped, cause.to_owned());
    run.hold = Some(hold);
    run.phase = Phase::Held;
    let how = format!(
        "{text}. The standby keeps serving. Once the primary is healthy, send {{\"release\": {{\"runId\": \"{}\", \
         \"by\": …, \"reason\": …, \"failBack\": true}}}}; without failBack the remaining steps are left to you",
        run.run_id
    );
    run.page(cause, how, now);
    Some(Decision::Wait)
}

/// While the run is held, only an operator's release moves traffic. Undo steps that move none are carried out all the same.
pub(super) fn step_while_held(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    extend_settling(run);
    let Some(release) = &run.release else {
        let Some(at) = observed.looked else { return Decision::Wait };
        reopen(run, observed);
        record_undo_steps(run, observed, at, false);
        return next_due(run, &sendable_steps(run, observed, false), now).unwrap_or(Decision::Wait);
    };
    // A release may be applied minutes after it was given: its operator did not know of alarms raised in between.
    let given_at = release.given_at.map_or(now, |at| at.min(now));
    let known = given_at - run.limits.consistency;
    let fail_back = release.fail_back;
    run.hold = None;
    run.phase = Phase::RollingBack;
    run.unwell_since = Some(now);
    if fail_back {
        // A release counts once: if the primary becomes unhealthy again, the run is held again.
        run.release = None;
        run.released_at = Some(known);
        run.pages.retain(|page| page.cause != "real incident" && page.cause != "primary unknown");
    } else {
        leave_to_operators(run, |step| step.moves_traffic);
    }
    Decision::Wait
}

/// Closes a run whose rollback failed, once an operator releases it: the open undo steps are left to operators.
pub(super) fn apply_release(run: &mut Run, now: Timestamp) -> Option<Decision> {
    let release = run.release.as_ref()?;
    let failed = run.outcome == Some(Outcome::RollbackFailed);
    if failed {
        if release.fail_back {
            // The undo is being retried anyway. The release is discarded: it must not end a later hold.
            run.release = None;
            return None;
        }
        leave_to_operators(run, |_| true);
        return (run.nothing_can_land(now) && !run.has_unsent_pages()).then(|| finish(run, now));
    }
    None
}

/// Marks the open undo steps of this kind as left to operators.
fn leave_to_operators(run: &mut Run, which: impl Fn(&crate::UndoStep) -> bool) {
    for step in run.undo_mut().iter_mut() {
        if step.progress.state == StepState::Open && which(step) {
            step.progress.state = StepState::LeftToOperators;
        }
    }
}

/// Whether the undo and the steady state are missing for longer than `restoreWithin`.
pub(super) fn is_overdue(run: &Run, now: Timestamp) -> bool {
    run.unwell_since.is_some_and(|since| now - since > run.limits.restore_within)
}

/// Sets the outcome to `rollback-failed` for good if the undo is overdue, and pages. The undo is still retried.
fn check_overdue(run: &mut Run, now: Timestamp) -> Decision {
    if is_overdue(run, now) && run.outcome != Some(Outcome::RollbackFailed) {
        let missing = run
            .undo
            .iter()
            .find(|step| step.progress.state == StepState::Open)
            .map(|step| {
                let last = match &step.progress.last {
                    Some(CallOutcome::NotExecuted { code, message, .. }) => format!(": {code}: {message}"),
                    Some(CallOutcome::Unknown { message }) => format!(": {message}"),
                    Some(CallOutcome::Done) | None => String::new(),
                };
                format!("{} of {} is not confirmed{last}", step.action, step.resources.join(", "))
            })
            .unwrap_or_default();
        rollback_failed(run, missing, now);
    }
    Decision::Wait
}

/// Sets the outcome to `rollback-failed` and pages, once.
pub(super) fn rollback_failed(run: &mut Run, missing: String, now: Timestamp) {
    if run.outcome == Some(Outcome::RollbackFailed) {
        return;
    }
    let text = format!(
        "run {} did not restore the application in time: {missing}. The application may still be impaired, or served by its \
         standby. Firedrill keeps retrying and keeps the application's lock. If you restore it yourself, close the run \
         with {{\"release\": {{\"runId\": \"{}\", \"by\": …, \"reason\": …}}}}",
        run.run_id, run.run_id
    );
    run.outcome = Some(Outcome::RollbackFailed);
    run.missing.get_or_insert(missing);
    run.page("rollback failed", text, now);
}
