//! `step`: one run, one look, one decision.
//!
//! It is total: every phase, every observation, no panic. The loop saves what it returns before it
//! carries out the act, so that what may have been done is on record before it is.

mod checking;
mod injecting;
mod recovering;
mod rolling_back;
mod verifying;

use crate::{
    Decision, DecisionResult, Measured, Observation, Run, Timestamp, Tristate,
    run::{Outcome, Phase, Verdict},
};

/// Decides what follows from a look.
#[must_use]
pub fn step(run: &Run, observed: &Observation, now: Timestamp) -> (Run, Decision) {
    let mut next = run.clone();
    record_results(&mut next, &observed.results);
    record_answers(&mut next, observed);
    record_commands(&mut next, observed);
    record_effect(&mut next, observed);
    let decision = match run.phase {
        // Announced only: taking the lock begins it, which is the store's to do.
        Phase::Pending | Phase::Finished => Decision::Wait,
        Phase::Checking => checking::step(&mut next, observed, now),
        Phase::Injecting => injecting::step(&mut next, observed, now),
        Phase::Recovering => recovering::step(&mut next, observed, now),
        Phase::RollingBack => rolling_back::step(&mut next, observed, now),
        Phase::Verifying => verifying::step(&mut next, observed, now),
        Phase::Held => rolling_back::step_while_held(&mut next, observed, now),
    };
    (next, decision)
}

/// Writes down what came of the calls that were sent.
fn record_results(run: &mut Run, results: &[DecisionResult]) {
    for DecisionResult { decision, sent, answered, outcome } in results {
        match *decision {
            Decision::Wait => {}
            Decision::Inject(number) => {
                let calls = run.injection.iter_mut().flat_map(|injection| &mut injection.calls);
                for call in calls.filter(|call| call.number == number && call.outcome.is_none()) {
                    call.sent = *sent;
                    call.answered = Some(*answered);
                    call.outcome = Some(outcome.clone());
                }
            }
            Decision::Undo(index) => {
                if let Some(step) = run.undo.get_mut(index) {
                    step.progress.last = Some(outcome.clone());
                    // What never left us was no attempt: the next one need not wait longer for it.
                    step.progress.attempts -= u32::from(sent.is_none() && step.progress.attempts > 0);
                }
            }
        }
    }
}

/// Takes the probes' answers into the streaks, and counts those between injection and verdict.
fn record_answers(run: &mut Run, observed: &Observation) {
    let began = run.injection_began();
    let mut unobserved = false;
    run.streaks.resize_with(run.limits.probes.len(), Default::default);
    for (index, answer) in &observed.answers {
        let (Some(streak), Some(rule)) = (run.streaks.get_mut(*index), run.limits.probes.get(*index)) else {
            continue;
        };
        // A recovery may have come and gone.
        unobserved |=
            answer.seen == Tristate::No && streak.silent_until(answer.asked) > rule.longest_unseen_ms();
        streak.push(answer, rule);
        // Who answers is another question than whether users were served.
        let users = rule.role == crate::ProbeRole::SteadyState;
        if users && run.verdict.is_none() && began.is_some_and(|began| answer.answered > began) {
            run.answers.asked += 1;
            match answer.seen {
                Tristate::Yes => {}
                Tristate::No => run.answers.failed += 1,
                Tristate::Unknown => run.answers.unknown += 1,
            }
        }
    }
    if let (true, Phase::Recovering, Some(injection)) = (unobserved, run.phase, &mut run.injection) {
        injection.unobserved = true;
    }
}

/// The first stop and the latest release are kept; what they change is the phase's to say.
fn record_commands(run: &mut Run, observed: &Observation) {
    if run.stop.is_none() {
        run.stop.clone_from(&observed.stop);
    }
    if observed.release.is_some() {
        run.release.clone_from(&observed.release);
    }
    run.last_command = observed.last_command.unwrap_or(run.last_command).max(run.last_command);
}

/// Notes what the trigger has come to: when AWS first showed its effect, and what the automation says.
fn record_effect(run: &mut Run, observed: &Observation) {
    if observed.automation_report.is_some() {
        run.automation_report.clone_from(&observed.automation_report);
    }
    let (Some(at), Some(began), None) = (observed.looked, run.injection_began(), run.times.failed_over)
    else {
        return;
    };
    match observed.failed_over {
        Tristate::Yes => {
            let before = run.last_not_failed_over.unwrap_or(began).max(began);
            run.times.failed_over = Some(Measured::ours(at, at.millis_since(before)));
        }
        Tristate::No => run.last_not_failed_over = Some(at),
        Tristate::Unknown => {}
    }
}

/// An alarm went off that is not this run's doing: something really fails, so the drill is over. Where
/// the failure lasts, the run itself is what the alarm is about.
fn real_incident(run: &Run, observed: &Observation) -> Option<String> {
    (!run.mode.lasts() && observed.foreign_alarm == Tristate::Yes)
        .then(|| "real incident: the alarm went off, and not by this run".to_owned())
}

/// Notes when the alarm went off: once, and only if that was after the injection.
fn record_detection(run: &mut Run, observed: &Observation) {
    if run.times.detected.is_none()
        && let (Some(at), Some(began)) = (observed.detected, run.injection_began())
        && at >= began
    {
        run.times.detected = Some(crate::run::by_cloudwatch(at));
    }
}

/// The verdict is set once.
fn set_verdict(run: &mut Run, verdict: Verdict, reason: String) {
    if run.verdict.is_none() {
        run.verdict = Some(verdict);
        run.reason = Some(reason);
    }
}

/// Ends a run of which nothing is left in the world.
fn finish(run: &mut Run, now: Timestamp) -> Decision {
    run.phase = Phase::Finished;
    run.times.finished = Some(now);
    run.finished_by.clone_from(&run.owner);
    run.owner = None;
    run.unwell_since = None;
    if run.outcome.is_none() {
        run.outcome = run.verdict.map(Outcome::from);
    }
    Decision::Wait
}

/// Ends a run that touched nothing.
fn finish_untouched(run: &mut Run, verdict: Verdict, reason: String, now: Timestamp) -> Decision {
    set_verdict(run, verdict, reason);
    finish(run, now)
}

/// Turns back: a failure may have been caused, so it is taken back, whatever was learned.
fn roll_back(run: &mut Run, verdict: Verdict, reason: String, now: Timestamp) -> Decision {
    set_verdict(run, verdict, reason);
    run.phase = Phase::RollingBack;
    run.times.rollback_started_at = Some(now);
    run.unwell_since = Some(now);
    // A call whose answer was lost may land late; and what AWS says about one that was answered may
    // for a while be from before it.
    let landed = run.injection.as_ref().and_then(|injection| injection.may_land_until(run.limits.settle_ms));
    let visible = run.injection_began().map(|began| began.plus_millis(run.limits.consistency_ms));
    run.settled_at = run.settled_at.max(landed).max(visible);
    Decision::Wait
}

/// The whole run has a deadline of its own.
fn past_deadline(run: &Run, now: Timestamp) -> Option<String> {
    let deadline = run.deadline?;
    (now > deadline).then(|| format!("the deadline of the whole run ({deadline}) is over"))
}

/// What a stop says, for the verdict's reason.
fn stop_reason(run: &Run) -> Option<String> {
    run.stop.as_ref().map(|stop| format!("stopped by {}: {}", stop.by, stop.reason))
}
