//! The undo, step by step. Gates, stops and the kill switch have no say here.

use super::{finish, record_detection};
use crate::{
    Decision, Measured, Observation, Run, StepObservation, Timestamp, Tristate,
    run::{CallOutcome, Hold, Outcome, Phase, StepState, Verdict},
    time::{MAX_PAUSE_MS, backoff_ms},
};

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    record_detection(run, observed);
    extend_settling(run);
    if let Some(decision) = apply_release(run, now) {
        return decision;
    }
    // Not asked this time: what is known of the steps is from an earlier look.
    let Some(at) = observed.looked else { return overdue(run, now) };
    record_undo_steps(run, observed, at, true);
    if let Some(drift) = drifted(run, observed) {
        rollback_failed(run, drift, now);
    }
    if run.undo.iter().any(|step| step.progress.state == StepState::Open) {
        return ask(run, observed, now);
    }
    run.phase = Phase::Verifying;
    let began = run.times.rollback_started_at.unwrap_or(at);
    let before = run.last_not_undone.unwrap_or(began).max(began);
    run.times.rolled_back.get_or_insert(Measured::ours(at, at.millis_since(before)));
    record_failing_back(run, began);
    // The steady state must hold anew, on what serves now. When it last did not stays known: since then it may have held.
    run.streaks.iter_mut().for_each(|streak| {
        *streak = crate::Streak { last_no_asked: streak.last_no_asked, ..crate::Streak::default() };
    });
    Decision::Wait
}

/// What a look showed of the steps that are still open.
fn record_undo_steps(run: &mut Run, observed: &Observation, at: Timestamp, with_traffic: bool) {
    for index in 0..run.undo.len() {
        let step = &run.undo[index];
        if step.progress.state != StepState::Open || (step.moves_traffic && !with_traffic) {
            continue;
        }
        match observed.undone.get(index) {
            Some(StepObservation::Done) => {
                let progress = &mut run.undo[index].progress;
                progress.state = StepState::Done;
                progress.done = Some(at);
            }
            Some(StepObservation::Busy | StepObservation::Open | StepObservation::Drifted(_)) => {
                run.last_not_undone = Some(at)
            }
            Some(StepObservation::Unknown) | None => {}
        }
    }
}

/// A call that was lost may land while people are waited for: what it caused is taken back then, unless that moves
/// traffic.
fn reopen(run: &mut Run, observed: &Observation) {
    for (step, looked) in run.undo.iter_mut().zip(&observed.undone) {
        if step.progress.state == StepState::Done && !step.moves_traffic && *looked == StepObservation::Open {
            step.progress.reopen();
        }
    }
}

/// What somebody else changed meanwhile, with both versions.
fn drifted(run: &Run, observed: &Observation) -> Option<String> {
    run.undo.iter().zip(&observed.undone).find_map(|(step, looked)| match looked {
        StepObservation::Drifted(versions) if step.progress.state == StepState::Open => Some(format!(
            "{} of {} is not carried out, because somebody else changed it meanwhile: {versions}",
            step.action,
            step.resources.join(", ")
        )),
        _ => None,
    })
}

/// Since when the primary answers users again: before every edge is seen to have the configuration.
fn record_failing_back(run: &mut Run, began: Timestamp) {
    let moved = run.undo.iter().any(|step| step.moves_traffic && step.progress.attempts > 0);
    let answers = run.streaks_of(&[crate::ProbeRole::Primary]).map(|(streak, _)| streak.clone()).next();
    if let (true, Some(streak)) = (moved, answers)
        && let Some(first) = streak.first_yes.filter(|first| *first > began)
    {
        let before = streak.last_no_asked.unwrap_or(began).max(began);
        run.times.failed_back = Some(Measured::ours(first, first.millis_since(before)));
    }
}

/// A step's call whose answer was lost may land late; nothing is finished before that.
fn extend_settling(run: &mut Run) {
    for step in &run.undo {
        let lost = !matches!(step.progress.last, Some(CallOutcome::Done | CallOutcome::NotExecuted { .. }));
        if let Some(sent) = step.progress.last_sent.filter(|_| lost) {
            run.settled_at = run.settled_at.max(Some(sent.plus_millis(run.limits.settle_ms)));
        }
    }
}

/// Asks for one step: first for those that move no traffic, which nothing holds back. A step that is
/// refused or on its way does not keep the others from being asked for.
fn ask(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    if let Some(decision) = next_due(run, &askable(run, observed, false), now) {
        overdue(run, now);
        return decision;
    }
    let moving = askable(run, observed, true);
    if !moving.is_empty()
        && let Some(decision) = hold_back(run, observed, now)
    {
        return decision;
    }
    let decision = next_due(run, &moving, now);
    overdue(run, now);
    decision.unwrap_or(Decision::Wait)
}

/// The open steps that may be asked for. What cannot be looked at is asked for all the same: every step may be repeated,
/// because each says what is to be in the end. Starting what runs and setting back what is back changes nothing, a
/// distribution is changed on a fresh version, and a failover names its target, the former writer.
fn askable(run: &Run, observed: &Observation, traffic: bool) -> Vec<usize> {
    let open = run.undo.iter().enumerate().filter(|(_, step)| {
        step.progress.state == StepState::Open && !step.awaited && step.moves_traffic == traffic
    });
    let looked = |index: usize| observed.undone.get(index).cloned().unwrap_or_default();
    open.map(|(index, _)| index)
        .filter(|index| matches!(looked(*index), StepObservation::Open | StepObservation::Unknown))
        .collect()
}

/// The first of these whose pause is over.
fn next_due(run: &mut Run, steps: &[usize], now: Timestamp) -> Option<Decision> {
    let first_pause = run.limits.retry_pause_ms;
    for &index in steps {
        let progress = &mut run.undo[index].progress;
        let pause = backoff_ms(first_pause, progress.attempts).min(MAX_PAUSE_MS);
        if progress.last_sent.is_none_or(|last| now >= last.plus_millis(pause)) {
            progress.attempts += 1;
            progress.last_sent = Some(now);
            progress.last = None;
            return Some(Decision::Undo(index));
        }
    }
    None
}

/// Invariant 11: traffic is moved back only onto what is known to be well.
fn hold_back(run: &mut Run, observed: &Observation, now: Timestamp) -> Option<Decision> {
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
        Hold::RealIncident => ("real incident", "what traffic would be moved back to is not well"),
        Hold::PrimaryUnknown => ("primary unknown", "nobody can tell whether the primary is well"),
    };
    super::set_verdict(run, Verdict::Stopped, cause.to_owned());
    run.hold = Some(hold);
    run.phase = Phase::Held;
    let how = format!(
        "{text}: the standby goes on serving. Once the primary is well, send {{\"release\": {{\"runId\": \"{}\", \
         \"by\": …, \"reason\": …, \"failBack\": true}}}}; without failBack the rest is left to you",
        run.run_id
    );
    run.page(cause, how, now);
    Some(Decision::Wait)
}

/// While held, only a person's word moves traffic. What moves none is carried out all the same.
pub(super) fn step_while_held(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    extend_settling(run);
    let Some(release) = &run.release else {
        let Some(at) = observed.looked else { return Decision::Wait };
        reopen(run, observed);
        record_undo_steps(run, observed, at, false);
        return next_due(run, &askable(run, observed, false), now).unwrap_or(Decision::Wait);
    };
    // A word can be heard late: what went off since it was said is not known to whoever said it.
    let said = release.given_at.map_or(now, |at| at.min(now));
    let known = Timestamp::from_millis(said.as_millis().saturating_sub_unsigned(run.limits.consistency_ms));
    let fail_back = release.fail_back;
    run.hold = None;
    run.phase = Phase::RollingBack;
    run.unwell_since = Some(now);
    if fail_back {
        // The word is used up: should the primary fall ill again, the run is held again.
        run.release = None;
        run.released_at = Some(known);
        run.pages.retain(|page| page.cause != "real incident" && page.cause != "primary unknown");
    } else {
        leave_to_people(run, |step| step.moves_traffic);
    }
    Decision::Wait
}

/// A run whose rollback failed is closed by a person's word: what is open is left to people.
pub(super) fn apply_release(run: &mut Run, now: Timestamp) -> Option<Decision> {
    let release = run.release.as_ref()?;
    let failed = run.outcome == Some(Outcome::RollbackFailed);
    if failed {
        if release.fail_back {
            // It is tried on anyway. The word is used up: it must not open a hold that comes later.
            run.release = None;
            return None;
        }
        leave_to_people(run, |_| true);
        return (run.nothing_can_land(now) && !run.has_unsent_pages()).then(|| finish(run, now));
    }
    None
}

fn leave_to_people(run: &mut Run, which: impl Fn(&crate::UndoStep) -> bool) {
    for step in run.undo.iter_mut() {
        if step.progress.state == StepState::Open && which(step) {
            step.progress.state = StepState::LeftToPeople;
        }
    }
}

pub(super) fn is_overdue(run: &Run, now: Timestamp) -> bool {
    run.unwell_since.is_some_and(|since| now.millis_since(since) > run.limits.restore_within_ms)
}

/// Too long: the outcome is `rollback-failed` for good, somebody is paged, and it is tried on.
fn overdue(run: &mut Run, now: Timestamp) -> Decision {
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
                format!("{} of {} not seen done{last}", step.action, step.resources.join(", "))
            })
            .unwrap_or_default();
        rollback_failed(run, missing, now);
    }
    Decision::Wait
}

pub(super) fn rollback_failed(run: &mut Run, missing: String, now: Timestamp) {
    if run.outcome == Some(Outcome::RollbackFailed) {
        return;
    }
    let text = format!(
        "run {} could not restore the application in time: {missing}. It is tried on. Close it with {{\"release\": \
         {{\"runId\": \"{}\", \"by\": …, \"reason\": …}}}} once you have taken over",
        run.run_id, run.run_id
    );
    run.outcome = Some(Outcome::RollbackFailed);
    run.missing.get_or_insert(missing);
    run.page("rollback failed", text, now);
}
