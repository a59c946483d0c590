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
    Act, Acted, Measured, Observation, Run, Seen, Timestamp,
    run::{Outcome, Phase, Verdict},
};

/// Decides what follows from a look.
#[must_use]
pub fn step(run: &Run, seen: &Observation, now: Timestamp) -> (Run, Act) {
    let mut next = run.clone();
    note_acted(&mut next, &seen.acted);
    note_answers(&mut next, seen);
    note_people(&mut next, seen);
    note_effect(&mut next, seen);
    let act = match run.phase {
        // Announced only: taking the lock begins it, which is the store's to do.
        Phase::Pending | Phase::Finished => Act::Wait,
        Phase::Checking => checking::step(&mut next, seen, now),
        Phase::Injecting => injecting::step(&mut next, seen, now),
        Phase::Recovering => recovering::step(&mut next, seen, now),
        Phase::RollingBack => rolling_back::step(&mut next, seen, now),
        Phase::Verifying => verifying::step(&mut next, seen, now),
        Phase::Held => rolling_back::while_held(&mut next, seen, now),
    };
    (next, act)
}

/// Writes down what came of the calls that were sent.
fn note_acted(run: &mut Run, acted: &[Acted]) {
    for Acted { act, sent, answered, outcome } in acted {
        match *act {
            Act::Wait => {}
            Act::Inject(number) => {
                let calls = run.injection.iter_mut().flat_map(|injection| &mut injection.calls);
                for call in calls.filter(|call| call.number == number && call.outcome.is_none()) {
                    call.sent = *sent;
                    call.answered = Some(*answered);
                    call.outcome = Some(outcome.clone());
                }
            }
            Act::Undo(index) => {
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
fn note_answers(run: &mut Run, seen: &Observation) {
    let began = run.injection_began();
    let mut unwatched = false;
    run.streaks.resize_with(run.limits.probes.len(), Default::default);
    for (index, answer) in &seen.answers {
        let (Some(streak), Some(rule)) = (run.streaks.get_mut(*index), run.limits.probes.get(*index)) else {
            continue;
        };
        // A recovery may have come and gone.
        unwatched |= answer.seen == Seen::No && streak.silent_until(answer.asked) > rule.longest_unseen_ms();
        streak.push(answer, rule);
        // Who answers is another question than whether users were served.
        let users = rule.part == crate::Part::Steady;
        if users && run.verdict.is_none() && began.is_some_and(|began| answer.answered > began) {
            run.answers.asked += 1;
            match answer.seen {
                Seen::Yes => {}
                Seen::No => run.answers.failed += 1,
                Seen::Unknown => run.answers.unknown += 1,
            }
        }
    }
    if let (true, Phase::Recovering, Some(injection)) = (unwatched, run.phase, &mut run.injection) {
        injection.unwatched = true;
    }
}

/// The first stop and the latest release are kept; what they change is the phase's to say.
fn note_people(run: &mut Run, seen: &Observation) {
    if run.stop.is_none() {
        run.stop.clone_from(&seen.stop);
    }
    if seen.release.is_some() {
        run.release.clone_from(&seen.release);
    }
    run.heard = seen.heard.unwrap_or(run.heard).max(run.heard);
}

/// Notes what the lever has come to: when AWS first showed its effect, and what the automation says.
fn note_effect(run: &mut Run, seen: &Observation) {
    if seen.automation_said.is_some() {
        run.automation_said.clone_from(&seen.automation_said);
    }
    let (Some(at), Some(began), None) = (seen.looked, run.injection_began(), run.times.failed_over) else {
        return;
    };
    match seen.failed_over {
        Seen::Yes => {
            let before = run.last_not_failed_over.unwrap_or(began).max(began);
            run.times.failed_over = Some(Measured::ours(at, at.millis_since(before)));
        }
        Seen::No => run.last_not_failed_over = Some(at),
        Seen::Unknown => {}
    }
}

/// An alarm went off that is not this run's doing: something really fails, so the drill is over. Where
/// the failure lasts, the run itself is what the alarm is about.
fn real_incident(run: &Run, seen: &Observation) -> Option<String> {
    (!run.mode.lasts() && seen.foreign_alarm == Seen::Yes)
        .then(|| "real incident: the alarm went off, and not by this run".to_owned())
}

/// Notes when the alarm went off: once, and only if that was after the injection.
fn note_detected(run: &mut Run, seen: &Observation) {
    if run.times.detected.is_none()
        && let (Some(at), Some(began)) = (seen.detected, run.injection_began())
        && at >= began
    {
        run.times.detected = Some(crate::run::by_cloudwatch(at));
    }
}

/// The verdict is set once.
fn learn(run: &mut Run, verdict: Verdict, reason: String) {
    if run.verdict.is_none() {
        run.verdict = Some(verdict);
        run.reason = Some(reason);
    }
}

/// Ends a run of which nothing is left in the world.
fn finish(run: &mut Run, now: Timestamp) -> Act {
    run.phase = Phase::Finished;
    run.times.finished = Some(now);
    run.finished_by.clone_from(&run.owner);
    run.owner = None;
    run.unwell_since = None;
    if run.outcome.is_none() {
        run.outcome = run.verdict.map(Outcome::from);
    }
    Act::Wait
}

/// Ends a run that touched nothing.
fn finish_untouched(run: &mut Run, verdict: Verdict, reason: String, now: Timestamp) -> Act {
    learn(run, verdict, reason);
    finish(run, now)
}

/// Turns back: a failure may have been caused, so it is taken back, whatever was learned.
fn roll_back(run: &mut Run, verdict: Verdict, reason: String, now: Timestamp) -> Act {
    learn(run, verdict, reason);
    run.phase = Phase::RollingBack;
    run.times.roll_back_began = Some(now);
    run.unwell_since = Some(now);
    // A call whose answer was lost may land late; and what AWS says about one that was answered may
    // for a while be from before it.
    let landed = run.injection.as_ref().and_then(|injection| injection.may_land_until(run.limits.settle_ms));
    let visible = run.injection_began().map(|began| began.plus_millis(run.limits.consistency_ms));
    run.settled_at = run.settled_at.max(landed).max(visible);
    Act::Wait
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
