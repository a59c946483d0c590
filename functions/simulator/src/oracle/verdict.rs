//! Whether a verdict agrees with what was really so.

use firedrill_core::{Outcome, Phase, Run, Timestamp, Verdict};

use crate::{
    event::{Event, Logged},
    expectations::RUN_WITHIN,
    failover::PERIODS,
    fault_kind::FaultKind,
    history::History,
    scenario::Kind,
};

/// The request's numbers again, in milliseconds: the oracle does not trust the run's own copy.
const OBJECTIVE: u64 = 40_000;
const GIVE_UP: u64 = 120_000;
/// Between what is so and what a probe each second shows.
const TOLERANCE: u64 = 3_000;
/// And the longest that a slow answer to it takes.
const SLOW_ANSWER: u64 = 9_000;
/// AWS tells of a database's failover; it is asked every five seconds, and may lag, or not answer.
const TOLD_LATE: u64 = 22_000;
const TOLD_IN_TIME: u64 = 8_000;
/// A failure in place for no longer may go unseen: looks fail, are stale, or nobody looks for a while.
const UNSEEN: u64 = 30_000;
const UNSEEN_IN_CALM: u64 = 8_000;

pub(super) fn check(history: &History, run: &Run) -> Result<(), String> {
    let Some(verdict) = run.verdict else {
        return if run.phase == Phase::Finished {
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
    if verdict == Verdict::Stopped && !anybody_stops(history) && !is_past_its_deadline(run) {
        return fail("nobody asked for that");
    }
    let (Some(sent), Some(decided)) = (sent(history, run), history.decided) else {
        return match verdict {
            Verdict::Skipped | Verdict::NotInjected | Verdict::Stopped => Ok(()),
            // Whoever saved the intent was gone before it was sent, or on record that it was not; its successor cannot
            // know that.
            Verdict::Inconclusive if !history.scenario.is_calm() => Ok(()),
            _ => fail("nothing was ever sent"),
        };
    };
    let in_place = history.log.iter().any(|logged| logged.what == Event::InPlace) || nobody_can_tell(history);
    let agrees = |again| {
        agrees(history, run, verdict, again, in_place, decided)
            .map_err(|what| format!("verdict {verdict}, but {what}"))
    };
    // What happened in the moment of the decision could not be seen any more.
    let known = agrees(recovered(history, sent, decided));
    match just_before(history, decided) {
        Some(seen) => known.or_else(|_| agrees(recovered(history, sent, seen))),
        None => known,
    }
}

/// In mode `metric`: whether enough datapoints were taken as soon after a real alarm as clocks differ.
fn nobody_can_tell(history: &History) -> bool {
    let clocks = 2 * u64::try_from(history.scenario.clocks_differ).unwrap_or(0);
    let raised = history.log.iter().filter(|logged| logged.what == Event::RealAlarm);
    history.scenario.failover.metric
        && raised.map(|logged| logged.at.plus_millis(clocks)).any(|at| {
            let taken = history.log.iter().filter(|logged| logged.what == Event::Injected && logged.at <= at);
            u64::try_from(taken.count()).is_ok_and(|taken| taken >= PERIODS)
        })
}

/// Whether it agrees with when users were served again, in milliseconds since the injection.
fn agrees(
    history: &History,
    run: &Run,
    verdict: Verdict,
    again: Option<(u64, Timestamp)>,
    in_place: bool,
    decided: Timestamp,
) -> Result<(), String> {
    let took = again.map(|(took, _)| took);
    let calm = history.scenario.is_calm();
    // What a probe asks may be answered late.
    let slow = if history.coverage.times(FaultKind::SlowAnswer) > 0 { SLOW_ANSWER } else { 0 };
    let late = match history.scenario.kind {
        Kind::Database if calm => TOLD_IN_TIME,
        Kind::Database => TOLD_LATE,
        Kind::Instances | Kind::Distribution => TOLERANCE + slow,
    };
    let unseen = if calm { UNSEEN_IN_CALM } else { UNSEEN };
    let true_enough = match verdict {
        Verdict::Skipped => return Err("an injecting call was sent".to_owned()),
        Verdict::Recovered | Verdict::ObjectiveMissed | Verdict::NotRecovered if !in_place => {
            return Err("the failure was never in place".to_owned());
        }
        Verdict::NotInjected if in_place_for(history, decided) > unseen => {
            return Err("it was in place, long enough to be seen".to_owned());
        }
        Verdict::Inconclusive if calm && history.scenario.restored_by_others_at.is_none() => {
            return Err("nothing went wrong that could hide what happened".to_owned());
        }
        Verdict::Recovered => took.is_some_and(|took| took <= OBJECTIVE + TOLERANCE),
        Verdict::ObjectiveMissed => {
            took.is_some_and(|took| took <= GIVE_UP + TOLERANCE && took + late >= OBJECTIVE)
        }
        Verdict::NotRecovered => took.is_none_or(|took| took + late >= GIVE_UP),
        Verdict::NotInjected | Verdict::Stopped | Verdict::Inconclusive => true,
    };
    if !true_enough {
        return Err(format!("users were served again after {took:?} ms"));
    }
    measured(history, run, again.map(|(_, again)| again))
}

/// Whether the run had taken longer than it may when it was decided: nobody carried it on for minutes.
fn is_past_its_deadline(run: &Run) -> bool {
    let decided = run.times.rollback_started_at.or(run.times.finished);
    let took = run.times.started.zip(decided).map(|(started, decided)| decided.millis_since(started));
    took.is_some_and(|took| took > RUN_WITHIN)
}

/// Whether anybody or anything may have wanted the run to stop.
fn anybody_stops(history: &History) -> bool {
    let scenario = &history.scenario;
    let said = history.log.iter().any(|logged| {
        matches!(
            logged.what,
            Event::StopSaid | Event::ConditionTripped | Event::Switched { engaged: true, .. }
        )
    });
    // While the store is away, the gates that lie in it cannot be read.
    let gate = scenario.gate_closed.is_some()
        || scenario.store_away.is_some()
        || scenario.cut_off.is_some()
        || scenario.unreadable_switch.is_some()
        || scenario.watchdog.away.is_some()
        || scenario.watchdog.throttled > 0;
    // A real incident ends a run, where the alarm tells of one; and what cannot be read counts as a reason.
    let incident = scenario.kind != Kind::Instances && scenario.primary_ill.is_some();
    said || gate || incident || scenario.trouble > 0 || scenario.fault.is_some()
}

/// When the failure that counts was sent. Calls before the last one are proven to have had no effect: no other is
/// sent after one that may have had. Of datapoints every one counts, from the first that may have been taken.
fn sent(history: &History, run: &Run) -> Option<Timestamp> {
    if history.scenario.failover.metric && history.scenario.kind != Kind::Instances {
        return run.injection_began();
    }
    let mut sent = history.log.iter().filter(|logged| matches!(logged.what, Event::InjectSent { .. }));
    sent.next_back().map(|logged| logged.at)
}

/// A moment before the decision, if something changed in between that the last looks may have missed.
fn just_before(history: &History, decided: Timestamp) -> Option<Timestamp> {
    const LAST_LOOKS: u64 = 2_000;
    let calm = history.scenario.is_calm();
    let missed = |logged: &Logged| {
        logged.at <= decided
            && decided.millis_since(logged.at) < LAST_LOOKS
            && match logged.what {
                Event::FailedOver { by_run: false, .. } | Event::Standby(false) => true,
                // An answer may have been lost.
                Event::Serving(false) => !calm,
                _ => false,
            }
    };
    let before = Timestamp::from_millis(decided.as_millis() - i64::try_from(LAST_LOOKS).unwrap_or(0));
    history.log.iter().any(missed).then_some(before)
}

/// When users were served again, by the standby where there is one, as far as it could be seen then; and how long that
/// was after the injection.
fn recovered(history: &History, sent: Timestamp, seen: Timestamp) -> Option<(u64, Timestamp)> {
    let again = served_again(history, sent, seen)?;
    let again = match history.scenario.kind {
        Kind::Instances => again,
        Kind::Distribution | Kind::Database => stood_in(history, seen)?.max(again),
    };
    Some((again.millis_since(sent), again))
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

/// When users were served again for good, as the world knows it, before `until`; none if they were
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

/// When the standby served, as the world knows it, before `until` and until then; none if it did not.
fn stood_in(history: &History, until: Timestamp) -> Option<Timestamp> {
    let changes = history.log.iter().filter(|logged| logged.at <= until);
    changes.fold(None, |since, logged| match logged.what {
        Event::Standby(true) => Some(logged.at),
        Event::Standby(false) => None,
        _ => since,
    })
}

/// In a calm history the reported moment is the true one, within a probe's pause.
fn measured(history: &History, run: &Run, again: Option<Timestamp>) -> Result<(), String> {
    let (Some(recovered), Some(again)) = (run.times.recovered, again) else { return Ok(()) };
    if !history.scenario.is_calm() {
        return Ok(());
    }
    let off = recovered.at.millis_since(again).max(again.millis_since(recovered.at));
    // A database's failover is told by AWS, which is asked less often.
    if off > if history.scenario.kind == Kind::Database { 6_500 } else { 1_500 } {
        return Err(format!("recovered at {} by the record, at {again} in truth", recovered.at));
    }
    Ok(())
}
