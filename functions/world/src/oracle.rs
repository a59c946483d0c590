//! What must be true of every history. Reads the world's log; shares no code with `step`.

use firedrill_core::{Outcome, Phase, Run, Timestamp, Verdict};

use crate::{
    failover::{FUNCTION_TIMEOUT, MAX_EVENT_AGE},
    history::History,
    scenario::Kind,
    truth::{Event, Logged},
};

/// The request's numbers again, in milliseconds: the oracle does not trust the run's own copy.
const OBJECTIVE: u64 = 30_000;
const GIVE_UP: u64 = 90_000;
/// Between what is so and what a probe each second shows.
const TOLERANCE: u64 = 3_000;
/// From reading a run to the call after it.
const ONE_CALL: u64 = 1_000;
/// A failure in place for no longer may go unseen: looks fail, are stale, or nobody looks for a while.
const UNSEEN: u64 = 30_000;

/// What is wrong with a history; none if nothing is.
///
/// # Errors
/// The first broken promise, in a sentence.
pub fn check(history: &History) -> Result<(), String> {
    nothing_left_behind(history)?;
    injections(history)?;
    nothing_lands_after_the_end(history)?;
    nothing_moves_onto_something_ill(history)?;
    no_failover_twice(history)?;
    no_failover_that_nobody_wants(history)?;
    if let Some(logged) = history.log.iter().find(|logged| logged.what == Event::Overwritten) {
        return Err(format!("what somebody else had set was overwritten at {}", logged.at));
    }
    let Some(run) = &history.run else {
        return if history.injected() { Err("injected without a record".to_owned()) } else { Ok(()) };
    };
    verdict(history, run)
}

fn nothing_left_behind(history: &History) -> Result<(), String> {
    let Some(run) = &history.run else { return Ok(()) };
    if history.heads != 1 {
        return Err(format!("{} records of one delivery", history.heads));
    }
    if run.phase == Phase::Finished {
        if history.locked {
            return Err("finished, and the lock is still held".to_owned());
        }
        if history.finishes != 1 {
            return Err(format!("finished {} times", history.finishes));
        }
        if history.held_alarm {
            return Err("finished, and the alarm is still said to be its own".to_owned());
        }
        let left = run.undo.iter().any(|step| step.progress.done.is_none());
        let given_up = run.release.as_ref().is_some_and(|release| !release.fail_back);
        if history.down && !(left && given_up) {
            return Err("finished, and the targets are down".to_owned());
        }
        let away = history.log.iter().any(|logged| logged.what == Event::Finished { back: false });
        if away && history.injected() && !(left && given_up) && !really_failed_over_before_the_end(history) {
            return Err("finished, and traffic was not moved back".to_owned());
        }
        return Ok(());
    }
    let paged = history.log.iter().any(|logged| logged.what == Event::Paged);
    if !paged {
        return Err(format!("never finished ({}), and nobody was told", run.phase));
    }
    if !history.locked {
        return Err("open, and its lock is gone".to_owned());
    }
    // What only people can mend stays open: users are not served, or traffic is where nobody of us put it.
    let needs_people = !history.well && run.outcome == Some(Outcome::RollbackFailed);
    if run.phase != Phase::Held && !needs_people {
        return Err(format!("all was calm for long, and it is still {}", run.phase));
    }
    Ok(())
}

fn injections(history: &History) -> Result<(), String> {
    let mut sent: Vec<(u32, &str)> = Vec::new();
    for Logged { what, .. } in &history.log {
        let Event::InjectSent { number, owner, intent } = what else { continue };
        if !intent {
            return Err("injected before the intent was on record".to_owned());
        }
        if sent.iter().any(|(known, _)| known == number) {
            return Err(format!("injecting call {number} was sent twice"));
        }
        if sent.iter().any(|(_, known)| known != owner) {
            return Err("a successor injected".to_owned());
        }
        sent.push((*number, owner));
    }
    if history.injected()
        && (history.scenario.gate_closed || history.scenario.late || history.scenario.ill_at_start)
    {
        return Err("injected although a gate was closed".to_owned());
    }
    Ok(())
}

/// A real alarm may move traffic between the last look and the end: that is no drill's doing.
fn really_failed_over_before_the_end(history: &History) -> bool {
    let Some(end) = finished_at(history) else { return false };
    history.scenario.primary_ill.is_some()
        && history.log.iter().any(|logged| {
            matches!(logged.what, Event::FailedOver { by_run: false, .. })
                && logged.at <= end
                && end.millis_since(logged.at) < 10_000
        })
}

/// A second failover of a database for one change of its alarm moves the writer back.
fn no_failover_twice(history: &History) -> Result<(), String> {
    if history.scenario.kind != Kind::Database {
        return Ok(());
    }
    let mut seen = Vec::new();
    for logged in &history.log {
        let Event::FailedOver { change, .. } = &logged.what else { continue };
        if seen.contains(change) {
            return Err(format!("failed over twice for the alarm's change at {change}"));
        }
        seen.push(*change);
    }
    Ok(())
}

/// The failover function reads the run right before its call, and refuses changes that are too old.
fn no_failover_that_nobody_wants(history: &History) -> Result<(), String> {
    let turned_back =
        history.log.iter().find(|logged| logged.what == Event::TurnedBack).map(|logged| logged.at);
    for logged in &history.log {
        let Event::FailedOver { by_run, change } = &logged.what else { continue };
        if logged.at.millis_since(*change) > MAX_EVENT_AGE + FUNCTION_TIMEOUT {
            return Err(format!("the change at {change} was acted on at {}", logged.at));
        }
        if *by_run && turned_back.is_some_and(|at| logged.at.millis_since(at) > ONE_CALL) {
            return Err(format!("failed over at {} for a run that had turned back", logged.at));
        }
    }
    Ok(())
}

fn finished_at(history: &History) -> Option<Timestamp> {
    history.log.iter().find(|logged| matches!(logged.what, Event::Finished { .. })).map(|logged| logged.at)
}

fn nothing_lands_after_the_end(history: &History) -> Result<(), String> {
    let Some(end) = finished_at(history) else { return Ok(()) };
    let late = history.log.iter().find(|logged| {
        logged.at > end
            && match logged.what {
                Event::Injected | Event::InjectSent { .. } | Event::UndoSent { .. } => true,
                // Without anything really ill, even an alarm without the run's name was the run's doing.
                Event::FailedOver { by_run, .. } => by_run || history.scenario.primary_ill.is_none(),
                _ => false,
            }
    });
    match late {
        Some(late) => Err(format!("{:?} at {}, after the run was finished at {end}", late.what, late.at)),
        None => Ok(()),
    }
}

fn nothing_moves_onto_something_ill(history: &History) -> Result<(), String> {
    if !history.scenario.moves_traffic && history.scenario.kind == Kind::Instances {
        return Ok(());
    }
    // The look and the call are not one moment: only an illness of some age counts.
    let Some((from, to)) = history.scenario.primary_ill else { return Ok(()) };
    let ill = |at: Timestamp| {
        let elapsed = u64::try_from(at.as_millis() - crate::truth::BEGINS).unwrap_or(0);
        elapsed > from + 10_000 && elapsed < to
    };
    match history.log.iter().find(|l| matches!(l.what, Event::UndoSent { .. }) && ill(l.at)) {
        Some(logged) => Err(format!("traffic was moved onto the ill primary at {}", logged.at)),
        None => Ok(()),
    }
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
    let changes = history.log.iter().filter(|logged| logged.at >= injected && logged.at <= until);
    let mut since = Some(injected);
    for logged in changes {
        match logged.what {
            Event::Serving(true) => since = Some(logged.at),
            Event::Serving(false) => since = None,
            _ => {}
        }
    }
    since
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

fn verdict(history: &History, run: &Run) -> Result<(), String> {
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
    // Calls before the last one are proven to have had no effect: no other is sent after one that may
    // have had.
    let mut sent = history.log.iter().filter(|logged| matches!(logged.what, Event::InjectSent { .. }));
    let sent = if history.scenario.failover.metric && history.scenario.kind != Kind::Instances {
        // Every datapoint counts, from the first that may have been taken.
        run.injection_began().map(|at| Logged { at, what: Event::Injected })
    } else {
        sent.next_back().cloned()
    };
    let in_place = history.log.iter().find(|logged| logged.what == Event::InPlace);
    // The clock of the machine that decided may be off: it was before the undo was sent in any case.
    let turned = |logged: &&Logged| matches!(logged.what, Event::UndoSent { .. } | Event::TurnedBack);
    let undo = history.log.iter().find(turned);
    let decided = run.times.roll_back_began.or(run.times.finished);
    let decided = decided.map(|at| undo.map_or(at, |undo| at.min(undo.at)));
    let fail = |what: &str| Err(format!("verdict {verdict}, but {what}"));
    let (Some(sent), Some(decided)) = (sent, decided) else {
        return match verdict {
            Verdict::Skipped | Verdict::NotInjected => Ok(()),
            Verdict::Stopped if history.scenario.trouble > 0 || history.scenario.stop_at.is_some() => Ok(()),
            // Whoever saved the intent died before sending; its successor cannot know that.
            Verdict::Inconclusive | Verdict::Stopped if history.scenario.deaths > 0 => Ok(()),
            _ => fail("nothing was ever sent"),
        };
    };
    // What happened in the moment of the decision could not be seen any more.
    let just_now = |logged: &Logged| logged.at <= decided && decided.millis_since(logged.at) < 2_000;
    let moved = |logged: &Logged| {
        matches!(logged.what, Event::FailedOver { by_run: false, .. } | Event::Standby(false))
    };
    let unseen = if history.log.iter().any(|logged| moved(logged) && just_now(logged)) { 2_000 } else { 0 };
    let seen = Timestamp::from_millis(decided.as_millis() - unseen);
    let again = served_again(history, sent.at, seen);
    let again = if history.scenario.kind == Kind::Instances {
        again
    } else {
        again.zip(stood_in(history, seen)).map(|(served, stood)| served.max(stood))
    };
    let took = again.map(|again| again.millis_since(sent.at));
    match verdict {
        Verdict::Skipped => fail("an injecting call was sent"),
        Verdict::Recovered | Verdict::ObjectiveMissed | Verdict::NotRecovered if in_place.is_none() => {
            fail("the failure was never in place")
        }
        Verdict::Recovered if took.is_none_or(|took| took > OBJECTIVE + TOLERANCE) => {
            fail(&format!("users were served again after {took:?} ms"))
        }
        Verdict::ObjectiveMissed
            if took.is_none_or(|took| took > GIVE_UP + TOLERANCE || took + TOLERANCE < OBJECTIVE) =>
        {
            fail(&format!("users were served again after {took:?} ms"))
        }
        Verdict::NotRecovered if took.is_some_and(|took| took + TOLERANCE < GIVE_UP) => {
            fail(&format!("users were served again after {took:?} ms"))
        }
        Verdict::NotInjected if in_place_for(history, decided) > UNSEEN => {
            fail("it was in place, long enough to be seen")
        }
        Verdict::Stopped
            if history.scenario.stop_at.is_none()
                && !history.scenario.moves_traffic
                && (history.scenario.kind == Kind::Instances || history.scenario.primary_ill.is_none())
                && history.scenario.trouble == 0 =>
        {
            fail("nobody asked for that")
        }
        Verdict::Inconclusive
            if history.scenario.is_calm() && history.scenario.restored_by_others_at.is_none() =>
        {
            fail("nothing went wrong that could hide what happened")
        }
        Verdict::Recovered
        | Verdict::ObjectiveMissed
        | Verdict::NotRecovered
        | Verdict::NotInjected
        | Verdict::Stopped
        | Verdict::Inconclusive => measured(history, run, again),
    }
}

/// In a calm history the reported moment is the true one, within a probe's pause.
fn measured(history: &History, run: &Run, again: Option<Timestamp>) -> Result<(), String> {
    let (Some(recovered), Some(again)) = (run.times.recovered, again) else { return Ok(()) };
    if !history.scenario.is_calm() {
        return Ok(());
    }
    let off = recovered.at.millis_since(again).max(again.millis_since(recovered.at));
    // A database's failover is told by AWS, which is asked less often.
    if off > if history.scenario.kind == Kind::Database { 3_500 } else { 1_500 } {
        return Err(format!("recovered at {} by the record, at {again} in truth", recovered.at));
    }
    Ok(())
}
