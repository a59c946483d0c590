//! Step: one run and one observation give the next head and one decision.
//!
//! Pure and total: it handles every phase and every observation, and never panics. The run loop saves the head that it
//! returns before it carries out the decision, so that every call that may have been sent is on record.

mod checking;
mod injecting;
mod recovering;
mod rolling_back;
mod verifying;

use crate::{
    Decision, DecisionResult, Measured, Observation, Run, Timestamp, Tristate,
    run::{Outcome, Phase, Verdict},
    text::is_cut_of,
};

/// Decides what follows from an observation: the next head of the run, and what the loop does after saving it.
#[must_use]
pub fn step(run: &Run, observed: &Observation, now: Timestamp) -> (Run, Decision) {
    let mut next = run.clone();
    record_results(&mut next, &observed.results);
    record_answers(&mut next, observed);
    record_commands(&mut next, observed);
    record_effect(&mut next, observed);
    record_rise(&mut next, observed, now);
    let decision = match run.phase {
        // A pending run is only announced: `Store::begin` takes the lock and moves it into `checking`.
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

/// Records the outcomes of the calls that were sent.
fn record_results(run: &mut Run, results: &[DecisionResult]) {
    for DecisionResult { decision, sent, answered, outcome } in results {
        match *decision {
            Decision::Wait => {}
            Decision::Inject(number) => {
                let calls = run.injection_mut().into_iter().flat_map(|injection| &mut injection.calls);
                for call in calls.filter(|call| call.number == number && call.outcome.is_none()) {
                    call.sent = *sent;
                    call.answered = Some(*answered);
                    call.outcome = Some(outcome.clone());
                }
            }
            Decision::Undo(index) => {
                if let Some(step) = run.undo_mut().get_mut(index) {
                    step.progress.last = Some(outcome.clone());
                    // A call that was never sent is no attempt: it must not lengthen the back-off.
                    step.progress.attempts -= u32::from(sent.is_none() && step.progress.attempts > 0);
                }
            }
        }
    }
}

/// Adds the probes' answers to their streaks, and counts those between the injection and the verdict.
fn record_answers(run: &mut Run, observed: &Observation) {
    let began = run.injection_began();
    let mut unobserved = false;
    run.streaks.resize_with(run.limits.probes.len(), Default::default);
    for (index, answer) in &observed.answers {
        let (Some(streak), Some(rule)) = (run.streaks.get(*index), run.limits.probes.get(*index)) else {
            continue;
        };
        // After a long silence a recovery may have begun and ended unobserved.
        let silence = match (streak.last_yes, streak.last_no_answered) {
            (None, Some(no)) => run.silence_between(no, answer.asked),
            _ => streak.silent_until(answer.asked),
        };
        unobserved |= answer.seen == Tristate::No && silence > rule.longest_unseen();
        run.streaks[*index].push(answer, rule);
        // Only the steady state tells whether users were served; the identity probes tell by whom.
        let serves_users = rule.role == crate::ProbeRole::SteadyState;
        if serves_users && run.verdict.is_none() && began.is_some_and(|began| answer.answered > began) {
            let count = |counter: &mut u64| *counter = counter.saturating_add(1);
            count(&mut run.answers.asked);
            match answer.seen {
                Tristate::Yes => {}
                Tristate::No => count(&mut run.answers.failed),
                Tristate::Unknown => count(&mut run.answers.unknown),
            }
        }
    }
    if let (true, Phase::Recovering, Some(injection)) = (unobserved, run.phase, run.injection_mut()) {
        injection.unobserved = true;
    }
}

/// Keeps the first stop and the latest release; each phase decides what they change.
fn record_commands(run: &mut Run, observed: &Observation) {
    if run.stop.is_none() {
        run.stop.clone_from(&observed.stop);
    }
    if observed.release.is_some() {
        run.release.clone_from(&observed.release);
    }
    run.last_command = observed.last_command.unwrap_or(run.last_command).max(run.last_command);
}

/// Records the effect of the trigger: when AWS first showed it, and what the failover function reports.
fn record_effect(run: &mut Run, observed: &Observation) {
    if let Some(report) = &observed.automation_report
        && !run.automation_report.as_ref().is_some_and(|recorded| is_cut_of(recorded, report))
    {
        run.automation_report = Some(report.clone());
    }
    let (Some(at), Some(began)) = (observed.looked, run.injection_began()) else { return };
    let times = &mut run.times;
    record_first(&mut times.failed_over, &mut run.last_not_failed_over, observed.failed_over, (began, at));
    record_first(&mut times.deployed, &mut run.last_not_deployed, observed.deployed, (began, at));
}

/// Records when looks first showed a yes, and until then when they last showed a no.
fn record_first(
    first: &mut Option<Measured>,
    last_not: &mut Option<Timestamp>,
    seen: Tristate,
    (began, at): (Timestamp, Timestamp),
) {
    match seen {
        Tristate::Yes if first.is_none() => {
            let before = last_not.unwrap_or(began).max(began);
            *first = Some(Measured::ours(at, at.millis_since(before)));
        }
        Tristate::No if first.is_none() => *last_not = Some(at),
        Tristate::Yes | Tristate::No | Tristate::Unknown => {}
    }
}

/// Records that the run's failover made the alarm go off once more; and tells people if it went off after the failover for
/// another reason. The failover function, which refuses a second failover so soon, leaves that to the run. A run that moves
/// traffic back is held then, or has yet to see the steady state again, which tells them, too.
fn record_rise(run: &mut Run, observed: &Observation, now: Timestamp) {
    run.own_rise = run.own_rise.or(observed.own_rise);
    run.last_rise = run.last_rise.max(observed.last_rise);
    run.alarm_read = run.alarm_read.max(observed.alarm_read);
    let moves_back = run.undo.iter().any(|step| step.moves_traffic);
    if run.steady_within().is_some()
        && run.times.failed_over.is_some()
        && observed.foreign_alarm == Tristate::Yes
        && !moves_back
        && run.phase != Phase::Finished
    {
        let text = format!(
            "the alarm of run {} went to ALARM again after the failover. Either the steady state did not hold soon enough after \
             that for the failover to be the reason, so something really fails, or the failover function failed over once more. \
             It may also have refused to, so soon after the first failover; its journal says which. Look at the database",
            run.run_id
        );
        run.page("alarm after the failover", text, now);
    }
}

/// The alarm went to ALARM without this run: something really fails, so the run ends. In mode `stop` the run itself is what
/// raises the alarm, so it tells nothing.
fn real_incident(run: &Run, observed: &Observation) -> Option<String> {
    (!run.mode.lasts() && observed.foreign_alarm == Tristate::Yes)
        .then(|| "real incident: the alarm went to ALARM, and this run did not cause it".to_owned())
}

/// Records when the alarm went to ALARM: once, and only after the injection.
fn record_detection(run: &mut Run, observed: &Observation) {
    if run.times.detected.is_none()
        && let (Some(at), Some(began)) = (observed.detected, run.injection_began())
        && at >= began
    {
        run.times.detected = Some(crate::run::by_cloudwatch(at));
    }
}

/// Sets the verdict and its reason, unless they are set already.
fn set_verdict(run: &mut Run, verdict: Verdict, reason: String) {
    if run.verdict.is_none() {
        run.verdict = Some(verdict);
        run.reason = Some(reason);
    }
}

/// Ends a run that has nothing left to undo, or whose rest was left to operators.
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

/// Starts the rollback: a failure may have been injected, so it is undone whatever the verdict.
fn roll_back(run: &mut Run, verdict: Verdict, reason: String, now: Timestamp) -> Decision {
    set_verdict(run, verdict, reason);
    run.phase = Phase::RollingBack;
    run.times.rollback_started_at = Some(now);
    run.unwell_since = Some(now);
    // A call whose answer was lost may be executed late; and AWS reads are eventually consistent: for a while they may show
    // the state from before a call that was answered.
    let landed = run.injection.as_ref().and_then(|injection| injection.may_land_until(run.limits.settle));
    let visible = run.injection_began().map(|began| began + run.limits.consistency);
    run.settled_at = run.settled_at.max(landed).max(visible);
    Decision::Wait
}

/// The reason to end a run that takes longer than its own deadline.
fn past_deadline(run: &Run, now: Timestamp) -> Option<String> {
    let deadline = run.deadline?;
    (now > deadline).then(|| format!("the deadline of the whole run ({deadline}) has passed"))
}

/// The reason to end a run that was asked to stop.
fn stop_reason(run: &Run) -> Option<String> {
    run.stop.as_ref().map(|stop| format!("stopped by {}: {}", stop.by, stop.reason))
}

/// The reason to end a run before its verdict: it was asked to stop, something really fails, or it takes too long.
fn early_end(run: &Run, observed: &Observation, now: Timestamp) -> Option<String> {
    stop_reason(run).or_else(|| real_incident(run, observed)).or_else(|| past_deadline(run, now))
}
