//! The intent is on record. The failure is looked for until the deadline.

use super::{finish_untouched, past_deadline, real_incident, record_detection, roll_back, stop_reason};
use crate::{
    Decision, Measured, Observation, PreparedInjection, ProbeRole, Readiness, Run, Timestamp, Tristate,
    gate::closed,
    request::Mode,
    run::{Call, CallOutcome, Phase, Trigger, Verdict},
    time::backoff_ms,
};

/// So many times one injection may be asked for while AWS throttles it.
const MAX_CALLS: u32 = 6;

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    record_detection(run, observed);
    let Some(injection) = &mut run.injection else {
        // A head in this phase without an intent was not written by this code: nothing is known of
        // what was done, so it is taken back as far as the record says how.
        return roll_back(run, Verdict::Inconclusive, "the record holds no intent".to_owned(), now);
    };
    let before = injection.last_absent;
    let deadline = injection.deadline;
    let Some(began) = injection.began() else { return retry_injection(run, observed, now) };
    if let (Tristate::No, Some(at)) = (observed.in_place, observed.looked) {
        // What does not last is on record with AWS: it was not missed because nobody looked.
        let gap = at.millis_since(before.unwrap_or(began)) > run.limits.patience_ms;
        injection.unobserved |= gap && run.mode.lasts();
        injection.last_absent = Some(at);
    }
    let unobserved = injection.unobserved;
    // The clock starts just before the call is sent. Where that moment was lost with its invocation,
    // the intent's is used, which is earlier: the measured times are then too long, never too short.
    run.times.injected.get_or_insert(Measured::ours(began, 0));
    if let Some(reason) = stop_reason(run) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    if let Some(reason) = real_incident(run, observed).or_else(|| past_deadline(run, now)) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    if observed.in_place == Tristate::Yes && !is_caused_by_datapoints(run, observed) {
        let reason =
            "the alarm went off, and that may not have been this run's doing: it may have been a real one";
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
        let reason = "for a while nobody looked whether the failure was in place".to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    if looked_late {
        let reason = format!("the failure was not in place at its deadline ({deadline})");
        return roll_back(run, Verdict::NotInjected, reason, now);
    }
    if now > deadline.plus_millis(run.limits.patience_ms) {
        let reason =
            format!("nobody could look whether the failure was in place at its deadline ({deadline})");
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    Decision::Wait
}

/// Datapoints carry no name. Whether they raised the alarm can be told only once as many of them are known to have been
/// taken as it needs, before it went off, however little clocks may differ: until then a real failure has a part in it.
fn is_caused_by_datapoints(run: &Run, observed: &Observation) -> bool {
    if run.mode != Mode::Metric {
        return true;
    }
    let Some(points) = run.trigger.as_ref().and_then(|trigger| trigger.datapoints.as_ref()) else {
        return false;
    };
    let raised = observed.in_place_at.map(|raised| raised.at);
    let calls = run.injection.iter().flat_map(|injection| &injection.calls);
    let taken = calls.filter(|call| {
        call.outcome == Some(CallOutcome::Done)
            && raised.is_none_or(|raised| call.answered.or(call.sent).unwrap_or(call.intended) <= raised)
    });
    taken.count() >= usize::try_from(points.needed).unwrap_or(usize::MAX)
}

/// Mode `metric`: the alarm has not gone off, so the next of the planned datapoints is published, each
/// saved as an intent of its own, none twice, and no more than planned.
fn next_datapoint(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    let has_successor = run.has_successor();
    let Some(points) = run.trigger.as_ref().and_then(|trigger| trigger.datapoints.as_ref()) else {
        return Decision::Wait;
    };
    let (every_ms, planned) = (points.every_ms, points.planned);
    let Some(injection) = &mut run.injection else { return Decision::Wait };
    let Some(last) = injection.calls.last() else { return Decision::Wait };
    let number = last.number + 1;
    if has_successor || number > planned || now < last.intended.plus_millis(every_ms) {
        return Decision::Wait;
    }
    if let Some(reason) = closed(&observed.gates) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    injection.calls.push(Call { number, intended: now, sent: None, answered: None, outcome: None });
    Decision::Inject(number)
}

/// Whether what was found now is what the record says.
fn is_unchanged(run: &Run, ready: &PreparedInjection) -> bool {
    let trigger = |trigger: &Trigger| (trigger.alarm_arn.clone(), trigger.automation.clone());
    let database = |trigger: &Trigger| {
        let facts = trigger.database.as_ref()?;
        Some((facts.writer().map(str::to_owned), facts.zones.clone(), facts.last_failover))
    };
    *run.undo == ready.undo
        && run.trigger.as_deref().map(trigger) == ready.trigger.as_ref().map(trigger)
        && run.trigger.as_deref().map(database) == ready.trigger.as_ref().map(database)
}

/// Every call so far is proven to have had no effect: nothing is in the world to be taken back.
fn retry_injection(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    if let Some(reason) = stop_reason(run).or_else(|| past_deadline(run, now)) {
        return finish_untouched(run, Verdict::Stopped, reason, now);
    }
    let has_successor = run.has_successor();
    let first_pause = run.limits.retry_pause_ms;
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
    if !again || has_successor || number >= MAX_CALLS || now > injection.deadline {
        let reason = format!("the injecting call was not executed ({code}): {message}");
        return finish_untouched(run, Verdict::NotInjected, reason, now);
    }
    let pause = backoff_ms(first_pause, number);
    if now < sent.unwrap_or(intended).plus_millis(pause) {
        return Decision::Wait;
    }
    if let Some(reason) = closed(&observed.gates) {
        return finish_untouched(run, Verdict::Stopped, reason, now);
    }
    // Much may have happened since the first call: nothing is made to fail on top of a real failure, and nothing else
    // than what the record takes back.
    match &observed.prepared {
        Some(Readiness::Ready(ready)) if is_unchanged(run, ready) => {}
        Some(Readiness::Ready(_)) => {
            let reason = format!("{code}: {message}; meanwhile what was to fail has changed");
            return finish_untouched(run, Verdict::NotInjected, reason, now);
        }
        Some(Readiness::Refused(why)) => {
            let reason = format!("{code}: {message}; meanwhile {why}");
            return finish_untouched(run, Verdict::NotInjected, reason, now);
        }
        Some(Readiness::Unknown(_)) | None => return Decision::Wait,
    }
    let steady = run.streaks_of(ProbeRole::STEADY_STATE).all(|(streak, rule)| streak.holds_now(rule, now));
    let Some(injection) = run.injection.as_mut().filter(|_| steady) else { return Decision::Wait };
    injection.calls.push(Call {
        number: number + 1,
        intended: now,
        sent: None,
        answered: None,
        outcome: None,
    });
    Decision::Inject(number + 1)
}
