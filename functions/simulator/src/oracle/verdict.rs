//! Verdict rules: a verdict agrees with what really happened.

use firedrill_core::{Outcome, Phase, Run, Timestamp, Verdict, evidence::Evidence, kind::DrillKind};

use crate::{
    event::{Event, Logged},
    failover::PERIODS,
    fault_kind::FaultKind,
    history::History,
    scenario::Radius,
};

/// The request's objective, in milliseconds: the oracle does not trust the run's own copy.
const OBJECTIVE: u64 = 40_000;
/// The lag of a probe that is asked every second, in milliseconds.
const TOLERANCE: u64 = 3_000;
/// The longest that a slow answer to it takes.
const SLOW_ANSWER: u64 = 9_000;
/// How soon the run knows what only AWS tells, a database's failover or that CloudFront deployed one: AWS is asked every five seconds, and may lag or not answer.
const RDS_REPORTS_WITHIN: u64 = 22_000;
const RDS_REPORTS_WITHIN_IN_CALM: u64 = 8_000;
/// The longest that a failure in place may go unseen: looks fail, are stale, or pause while no invocation runs.
const MAX_UNSEEN: u64 = 30_000;
const MAX_UNSEEN_IN_CALM: u64 = 8_000;

pub(super) fn check(history: &History, run: &Run) -> Result<(), String> {
    let Some(verdict) = run.verdict else {
        return if run.phase == Phase::Finished && run.outcome != Some(Outcome::Planned) {
            Err("finished without a verdict".to_owned())
        } else {
            Ok(())
        };
    };
    if run.phase == Phase::Finished
        && run.outcome != Some(Outcome::from(verdict))
        && run.outcome != Some(Outcome::RollbackFailed)
    {
        return Err(format!("verdict {verdict}, outcome {:?}", run.outcome));
    }
    let fail = |what: &str| Err(format!("verdict {verdict}, but {what}"));
    if verdict == Verdict::Stopped && !has_reason_to_stop(history) && !is_past_its_deadline(history, run) {
        return fail("nothing gave it a reason to stop");
    }
    if matches!(verdict, Verdict::NotInjected | Verdict::Skipped) && has_to_inject(history) {
        return fail("nothing kept the run from injecting");
    }
    let (Some(sent), Some(decided)) = (sent(history, run), history.decided) else {
        return match verdict {
            Verdict::Skipped | Verdict::NotInjected | Verdict::Stopped => Ok(()),
            // The invocation that saved the intent died before it sent the call, or before it saved that it had not:
            // its successor cannot know.
            Verdict::Inconclusive if !history.scenario.is_calm() => Ok(()),
            _ => fail("nothing was ever sent"),
        };
    };
    in_place_no_sooner_than_in_truth(history, run)?;
    if matches!(verdict, Verdict::Recovered | Verdict::ObjectiveMissed | Verdict::NotRecovered)
        && !history.evidence.iter().any(shows_effect)
    {
        return fail("no evidence on record shows that the failure was in place");
    }
    let in_place = history.log.iter().any(|logged| logged.what == Event::InPlace)
        || is_indistinguishable_from_real_alarm(history);
    let agrees = |again| {
        agrees(history, run, again, in_place, decided)
            .map_err(|what| format!("verdict {verdict}, but {what}"))
    };
    // The last looks may have missed what happened right before the decision.
    let known = agrees(recovered(history, sent, decided));
    match just_before(history, decided) {
        Some(seen) => known.or_else(|_| agrees(recovered(history, sent, seen))),
        None => known,
    }
}

/// In mode `metric`: whether enough datapoints had taken effect within the clocks' skew after a real alarm.
fn is_indistinguishable_from_real_alarm(history: &History) -> bool {
    let clocks = 2 * history.scenario.clocks_apart();
    let raised = history.log.iter().filter(|logged| logged.what == Event::RealAlarm);
    history.scenario.failover.metric
        && raised.map(|logged| logged.at.plus_millis(clocks)).any(|at| {
            let taken = history.log.iter().filter(|logged| logged.what == Event::Injected && logged.at <= at);
            u64::try_from(taken.count()).is_ok_and(|taken| taken >= PERIODS)
        })
}

/// Whether the verdict agrees with when users were served again, in milliseconds since the injection.
fn agrees(
    history: &History,
    run: &Run,
    again: Option<(u64, Timestamp)>,
    in_place: bool,
    decided: Timestamp,
) -> Result<(), String> {
    let Some(verdict) = run.verdict else { return Ok(()) };
    let took = again.map(|(took, _)| took);
    let calm = history.scenario.is_calm();
    // A probe may be answered late.
    let slow = if history.occurrences.times(FaultKind::SlowAnswer) > 0 { SLOW_ANSWER } else { 0 };
    let late = match (is_told_by_aws(history), calm) {
        (true, true) => RDS_REPORTS_WITHIN_IN_CALM,
        (true, false) => RDS_REPORTS_WITHIN,
        (false, _) => TOLERANCE + slow,
    };
    let unseen = if calm { MAX_UNSEEN_IN_CALM } else { MAX_UNSEEN };
    let give_up_after = history.scenario.give_up_after;
    let agrees = match verdict {
        Verdict::Skipped => return Err("an injecting call was sent".to_owned()),
        Verdict::Recovered | Verdict::ObjectiveMissed | Verdict::NotRecovered if !in_place => {
            return Err("the failure was never in place".to_owned());
        }
        Verdict::NotInjected if in_place_for(history, decided) > unseen => {
            return Err("it was in place, long enough to be seen".to_owned());
        }
        Verdict::Inconclusive
            if history.scenario.hides_nothing() && history.scenario.restored_by_others_at.is_none() =>
        {
            return Err("nothing went wrong that could hide what happened".to_owned());
        }
        Verdict::Recovered => took.is_some_and(|took| took <= OBJECTIVE + TOLERANCE),
        Verdict::ObjectiveMissed => {
            took.is_some_and(|took| took <= give_up_after + TOLERANCE && took + late >= OBJECTIVE)
        }
        Verdict::NotRecovered => took.is_none_or(|took| took + late >= give_up_after),
        Verdict::NotInjected | Verdict::Stopped | Verdict::Inconclusive => true,
    };
    if !agrees {
        return Err(format!("users were served again after {took:?} ms"));
    }
    measured(history, run, again.map(|(_, again)| again))
}

/// Whether this shows what AWS showed of the injection: targets, the alarm, or its automation.
const fn shows_effect(item: &Evidence) -> bool {
    matches!(item, Evidence::Targets { .. } | Evidence::Alarm { .. } | Evidence::Failover { .. })
}

/// In a calm history the failure is not in place by the record before it is in truth.
fn in_place_no_sooner_than_in_truth(history: &History, run: &Run) -> Result<(), String> {
    /// CloudWatch's times and ours are taken at different moments of one call.
    const ONE_CALL: u64 = 500;
    let truth = history.log.iter().find(|logged| logged.what == Event::InPlace).map(|logged| logged.at);
    match (run.times.in_place, truth) {
        (Some(seen), Some(truth)) if history.scenario.is_calm() && seen.at.plus_millis(ONE_CALL) < truth => {
            Err(format!("in place at {} by the record, at {truth} in truth", seen.at))
        }
        _ => Ok(()),
    }
}

/// Whether nothing in the world keeps a run from injecting.
fn has_to_inject(history: &History) -> bool {
    let scenario = &history.scenario;
    let of_instances = scenario.kind == DrillKind::Instance;
    let has_targets = match scenario.fleet.radius {
        _ if !of_instances => true,
        Radius::Percent(percent) => scenario.fleet.fit * percent as usize >= 100,
        Radius::Count(count) => scenario.fleet.fit > count as usize,
    };
    scenario.is_undisturbed() && has_targets
}

/// Whether the run was past its deadline when it was decided: no invocation continued it for minutes.
fn is_past_its_deadline(history: &History, run: &Run) -> bool {
    let decided = run.times.rollback_started_at.or(run.times.finished);
    let took = run.times.started.zip(decided).map(|(started, decided)| decided.millis_since(started));
    took.is_some_and(|took| took > history.scenario.run_within())
}

/// Whether there may have been a reason to stop the run: a command, a gate, a stop condition or an incident.
fn has_reason_to_stop(history: &History) -> bool {
    let scenario = &history.scenario;
    let commanded = history.log.iter().any(|logged| {
        matches!(
            logged.what,
            Event::StopRequested | Event::ConditionTripped | Event::Switched { engaged: true, .. }
        )
    });
    // While the store is unavailable, the gates that are kept in it cannot be read.
    let gate = scenario.gate_closed.is_some()
        || scenario.store_unavailable.is_some()
        || scenario.owner_cut_off.is_some()
        || scenario.unreadable_switch.is_some()
        || scenario.watchdog.absent.is_some()
        || scenario.watchdog.throttled > 0;
    // A real incident ends a run that works through an alarm; and a gate that cannot be read counts as closed.
    let incident = scenario.kind != DrillKind::Instance && scenario.primary_unhealthy.is_some();
    // The alarm stays up, or goes off again, by what a failover cut.
    let risen = super::rise::some_may_be_real(history)
        || scenario.failover.metric && scenario.failover.alarm_sees_cuts;
    commanded || gate || incident || risen || scenario.fault_rate > 0 || scenario.fault.is_some()
}

/// When the injecting call that counts was sent. Calls before the last one are proven to have had no effect: no other
/// is sent after one that may have had. Of datapoints every one counts, from the first that may have taken effect.
fn sent(history: &History, run: &Run) -> Option<Timestamp> {
    if history.scenario.failover.metric && history.scenario.kind != DrillKind::Instance {
        return run.injection_began();
    }
    let mut sent = history.log.iter().filter(|logged| matches!(logged.what, Event::InjectSent { .. }));
    sent.next_back().map(|logged| logged.at)
}

/// A moment before the decision, if a change right before it may have been missed by the last looks.
fn just_before(history: &History, decided: Timestamp) -> Option<Timestamp> {
    const LAST_LOOKS: u64 = 2_000;
    let calm = history.scenario.is_calm();
    let missed = |logged: &Logged| {
        logged.at <= decided
            && decided.millis_since(logged.at) < LAST_LOOKS
            && match logged.what {
                Event::FailedOver { by_run: false, .. } | Event::Standby(false) => true,
                // A probe's answer may have been lost.
                Event::Serving(false) => !calm,
                _ => false,
            }
    };
    let before = Timestamp::from_millis(decided.as_millis() - i64::try_from(LAST_LOOKS).unwrap_or(0));
    history.log.iter().any(missed).then_some(before)
}

/// When users were served again, by the standby if it has to serve, as far as `seen` shows; and how long that
/// was after the injection.
fn recovered(history: &History, sent: Timestamp, seen: Timestamp) -> Option<(u64, Timestamp)> {
    let again = served_again(history, sent, seen)?;
    let again = if history.scenario.kind == DrillKind::Instance {
        again
    } else {
        standby_serving_since(history, seen)?.max(deployed(history, seen)?).max(again)
    };
    Some((again.millis_since(sent), again))
}

/// Whether only AWS tells that the failover took place, and not a probe.
fn is_told_by_aws(history: &History) -> bool {
    match history.scenario.kind {
        DrillKind::Instance => false,
        DrillKind::Cdn => history.scenario.failover.require_deployed,
        DrillKind::Database => true,
    }
}

/// When CloudFront had deployed the failover, at `until`; the history's beginning if that does not matter, none if it had not.
fn deployed(history: &History, until: Timestamp) -> Option<Timestamp> {
    if history.scenario.kind != DrillKind::Cdn || !history.scenario.failover.require_deployed {
        return history.log.first().map(|logged| logged.at);
    }
    let mut log = history.log.iter().filter(|logged| logged.at <= until);
    log.find(|logged| logged.what == Event::Deployed).map(|logged| logged.at)
}

/// How long the failure was in place before `until`, in milliseconds.
fn in_place_for(history: &History, until: Timestamp) -> u64 {
    let mut since = None;
    let mut longest = 0;
    for logged in &history.log {
        match logged.what {
            Event::InPlace => since = Some(logged.at.min(until)),
            Event::Undone => since = None,
            _ => {}
        }
        if let Some(since) = since {
            longest = longest.max(logged.at.min(until).millis_since(since));
        }
    }
    longest
}

/// When users were served again for good before `until`, by the world's state; none if they were
/// not. The injection's moment, if they always were.
fn served_again(history: &History, injected: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let mut serving = true;
    let mut since = Some(injected);
    for logged in history.log.iter().filter(|logged| logged.at <= until) {
        let Event::Serving(now) = logged.what else { continue };
        serving = now;
        since = serving.then_some(logged.at.max(injected));
    }
    since.filter(|_| serving)
}

/// Since when the standby has served at `until`, by the world's state; none if it does not.
fn standby_serving_since(history: &History, until: Timestamp) -> Option<Timestamp> {
    let changes = history.log.iter().filter(|logged| logged.at <= until);
    changes.fold(None, |since, logged| match logged.what {
        Event::Standby(true) => Some(logged.at),
        Event::Standby(false) => None,
        _ => since,
    })
}

/// In a calm history the reported moment of recovery is the true one, within a probe's interval.
fn measured(history: &History, run: &Run, again: Option<Timestamp>) -> Result<(), String> {
    let (Some(recovered), Some(again)) = (run.times.recovered, again) else { return Ok(()) };
    if !history.scenario.is_calm() {
        return Ok(());
    }
    let off = recovered.at.millis_since(again).max(again.millis_since(recovered.at));
    // AWS is asked less often than a probe.
    if off > if is_told_by_aws(history) { 6_500 } else { 1_500 } {
        return Err(format!("recovered at {} by the record, at {again} in truth", recovered.at));
    }
    Ok(())
}
