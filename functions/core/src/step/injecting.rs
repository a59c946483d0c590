//! Phase `injecting`: the intent is on record, the failure is injected and looked for until its deadline.

use super::{early_end, finish_untouched, past_deadline, record_detection, roll_back, stop_reason};
use crate::{
    Decision, Measured, Observation, PreparedInjection, ProbeRole, Readiness, Run, Timestamp, Tristate,
    gate::closed,
    request::Mode,
    run::{Call, CallOutcome, Phase, Trigger, Verdict},
    time::backoff,
};

/// How often one injecting call may be sent while AWS proves that it was not executed.
const MAX_CALLS: u32 = 6;

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    record_detection(run, observed);
    let Some(injection) = &run.injection else {
        // This code never writes such a head. Nobody knows what was sent, so the undo on record is carried out.
        let reason = "the record holds no intent: what was injected is unknown; its undo is carried out";
        return roll_back(run, Verdict::Inconclusive, reason.to_owned(), now);
    };
    let before = injection.last_absent;
    let deadline = injection.deadline;
    let mut unobserved = injection.unobserved;
    let Some(began) = injection.began() else { return retry_injection(run, observed, now) };
    if let (Tristate::No, Some(at)) = (observed.in_place, observed.looked) {
        // A forced alarm need not last, but its history keeps it: a gap between two looks matters in mode `stop` only.
        let gap = run.silence_between(before.unwrap_or(began), at) > run.limits.patience;
        unobserved |= gap && run.mode.lasts();
        if let Some(injection) = run.injection_mut() {
            injection.unobserved = unobserved;
            injection.last_absent = Some(at);
        }
    }
    // The clock starts just before the call is sent. If that moment was lost with its invocation, the time of the intent is
    // used, which is earlier: measured times are then too long, never too short.
    run.times.injected.get_or_insert(Measured::ours(began, 0));
    if let Some(reason) = early_end(run, observed, now) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    if observed.in_place == Tristate::Yes && !is_caused_by_datapoints(run, observed) {
        let reason = "the alarm went to ALARM, raised by either this run's datapoints or a real failure";
        return roll_back(run, Verdict::Inconclusive, reason.to_owned(), now);
    }
    if observed.in_place == Tristate::Yes {
        let at = observed.looked.unwrap_or(now);
        let since = before.unwrap_or(began).max(began);
        let ours = Measured::ours(at, at.millis_since(since));
        run.times.in_place = Some(observed.in_place_at.unwrap_or(ours));
        run.phase = Phase::Recovering;
        return Decision::Wait;
    }
    if now <= deadline {
        return next_datapoint(run, observed, now);
    }
    let looked_late = run.injection.as_ref().and_then(|i| i.last_absent).is_some_and(|at| at >= deadline);
    if looked_late && unobserved {
        let reason = "nobody looked for a while whether the failure was in place, so it may have been missed"
            .to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    if looked_late {
        let reason = format!("the failure was not in place at its deadline ({deadline})");
        return roll_back(run, Verdict::NotInjected, reason, now);
    }
    if now > deadline + run.limits.patience {
        let reason =
            format!("nobody could look whether the failure was in place at its deadline ({deadline})");
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    Decision::Wait
}

/// Whether this run's datapoints raised the alarm. Datapoints carry no run id, so this is certain only if CloudWatch is known
/// to have accepted as many of them as the alarm needs before it went to ALARM: with fewer, a real failure contributed.
fn is_caused_by_datapoints(run: &Run, observed: &Observation) -> bool {
    if run.mode != Mode::Metric {
        return true;
    }
    let Some(points) = run.trigger.as_ref().and_then(|trigger| trigger.datapoints.as_ref()) else {
        return false;
    };
    let raised = observed.in_place_at.map(|raised| raised.at);
    let calls = run.injection.iter().flat_map(|injection| &injection.calls);
    let accepted = calls.filter(|call| {
        call.outcome == Some(CallOutcome::Done)
            && raised.is_none_or(|raised| call.answered.or(call.sent).unwrap_or(call.intended) <= raised)
    });
    accepted.count() >= usize::try_from(points.needed).unwrap_or(usize::MAX)
}

/// Mode `metric`: the alarm is not in ALARM yet, so the next planned datapoint is published. Each is saved as an intent of
/// its own; none is sent twice, and no more are sent than planned.
fn next_datapoint(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    let has_successor = run.has_successor();
    let Some(points) = run.trigger.as_ref().and_then(|trigger| trigger.datapoints.as_ref()) else {
        return Decision::Wait;
    };
    let (every, planned) = (points.every, points.planned);
    let Some(injection) = run.injection_mut() else { return Decision::Wait };
    let Some(last) = injection.calls.last() else { return Decision::Wait };
    let number = last.number.saturating_add(1);
    if has_successor || number > planned || now < last.intended + every {
        return Decision::Wait;
    }
    if let Some(reason) = closed(&observed.gates) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    injection.calls.push(Call::intended(number, now));
    Decision::Inject(number)
}

/// Whether the targets, the trigger and the database are still those of the saved intent.
fn is_unchanged(run: &Run, ready: &PreparedInjection) -> bool {
    let trigger = |trigger: &Trigger| (trigger.alarm_arn.clone(), trigger.automation.clone());
    let database = |trigger: &Trigger| {
        let state = trigger.database.as_ref()?;
        Some((state.writer().map(str::to_owned), state.zones.clone(), state.last_failover))
    };
    *run.undo == ready.undo
        && run.trigger.as_deref().map(trigger) == ready.trigger.as_ref().map(trigger)
        && run.trigger.as_deref().map(database) == ready.trigger.as_ref().map(database)
}

/// Every injecting call so far was proven not executed: there is nothing to undo, and the call may be sent again.
fn retry_injection(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    if let Some(reason) = stop_reason(run).or_else(|| past_deadline(run, now)) {
        return finish_untouched(run, Verdict::Stopped, reason, now);
    }
    let has_successor = run.has_successor();
    let first_pause = run.limits.retry_pause;
    let Some(injection) = &run.injection else { return Decision::Wait };
    let Some(Call {
        number,
        sent,
        intended,
        outcome: Some(CallOutcome::NotExecuted { code, message, again }),
        ..
    }) = injection.calls.last().cloned()
    else {
        return Decision::Wait;
    };
    let not_executed = format!("the injecting call was not executed ({code}): {message}");
    if !again || has_successor || number >= MAX_CALLS || now > injection.deadline {
        return finish_untouched(run, Verdict::NotInjected, not_executed, now);
    }
    let pause = backoff(first_pause, number);
    if now < sent.unwrap_or(intended) + pause {
        return Decision::Wait;
    }
    if let Some(reason) = closed(&observed.gates) {
        return finish_untouched(run, Verdict::Stopped, reason, now);
    }
    // The application may have changed since the first call: never inject on top of a real failure, nor into anything that
    // the saved undo does not cover.
    match &observed.prepared {
        Some(Readiness::Ready(ready)) if is_unchanged(run, ready) => {}
        Some(Readiness::Ready(_)) => {
            let reason = format!("{not_executed}; its target has changed since");
            return finish_untouched(run, Verdict::NotInjected, reason, now);
        }
        Some(Readiness::Refused(why)) => {
            let reason = format!("{not_executed}; it is not sent again: {why}");
            return finish_untouched(run, Verdict::NotInjected, reason, now);
        }
        Some(Readiness::Unknown(_)) | None => return Decision::Wait,
    }
    let steady = run.streaks_of(ProbeRole::STEADY_STATE).all(|(streak, rule)| streak.holds_now(rule, now));
    let Some(injection) = run.injection_mut().filter(|_| steady) else { return Decision::Wait };
    injection.calls.push(Call::intended(number + 1, now));
    Decision::Inject(number + 1)
}
