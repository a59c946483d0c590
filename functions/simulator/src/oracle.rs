//! What must be true of every history. Reads the world's log; shares no code with `step`.

mod rollback;
mod verdict;

use firedrill_core::{Outcome, Phase, Run, Timestamp};

use crate::{
    event::{Event, Logged},
    failover::{FUNCTION_TIMEOUT, MAX_EVENT_AGE, PERIODS},
    fault_kind::FaultKind,
    history::History,
    scenario::Kind,
    world::BEGINS,
};

/// So many datapoints the world's alarm needs, and one more.
const MAX_DATAPOINTS: u64 = PERIODS + 1;
/// From reading a run to the call after it.
const ONE_CALL: u64 = 1_000;
/// The same, where answers are slow.
const ONE_SLOW_CALL: u64 = 9_000;
/// From looking at the primary to moving traffic onto it, at most.
const ONE_LOOK_AND_SAVE: u64 = 21_000;

/// What is wrong with a history; none if nothing is.
///
/// # Errors
/// The first broken promise, in a sentence.
pub fn check(history: &History) -> Result<(), String> {
    nothing_left_behind(history)?;
    injections(history)?;
    only_its_holder_acts(history)?;
    stops_are_heard(history)?;
    nothing_lands_after_the_end(history)?;
    nothing_moves_onto_something_ill(history)?;
    nothing_moves_back_past_a_real_alarm(history)?;
    no_failover_twice(history)?;
    no_failover_that_nobody_wants(history)?;
    if let Some(logged) = history.log.iter().find(|logged| logged.what == Event::Overwritten) {
        return Err(format!("what somebody else had set was overwritten at {}", logged.at));
    }
    let Some(run) = &history.run else {
        return if history.injected() { Err("injected without a record".to_owned()) } else { Ok(()) };
    };
    rollback::check(history, run)?;
    verdict::check(history, run)
}

fn nothing_left_behind(history: &History) -> Result<(), String> {
    let Some(run) = &history.run else { return Ok(()) };
    if history.heads != 1 {
        return Err(format!("{} records of one delivery", history.heads));
    }
    if run.phase != Phase::Finished {
        return open_and_paging(history, run);
    }
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
    let given_up = history.log.iter().any(|logged| logged.what == Event::Released { fail_back: false });
    if history.down && !(left && given_up) {
        return Err("finished, and the targets are down".to_owned());
    }
    // What never took effect moved nothing.
    let took_effect = history.log.iter().any(|logged| logged.what == Event::Injected);
    let ended = |is: fn(bool, bool) -> bool| {
        let mut log = history.log.iter();
        log.any(|logged| matches!(logged.what, Event::Finished { back, served } if is(back, served)))
    };
    let excused = left && given_up || really_failed_over_before_the_end(history);
    if ended(|back, _| !back) && took_effect && !excused {
        return Err("finished, and traffic was not moved back, or the alarm is still forced".to_owned());
    }
    if ended(|_, served| !served) && took_effect && !given_up && history.scenario.primary_ill.is_none() {
        return Err("finished, and users were not served".to_owned());
    }
    if history.forced && !(left && given_up) {
        return Err("finished, and the alarm is still forced".to_owned());
    }
    Ok(())
}

fn open_and_paging(history: &History, run: &Run) -> Result<(), String> {
    let paged = history.log.iter().any(|logged| logged.what == Event::Paged);
    if !paged {
        return Err(format!("never finished ({}), and nobody was told", run.phase));
    }
    if !history.locked {
        return Err("open, and its lock is gone".to_owned());
    }
    if history.down || history.forced {
        return Err("open, and what moves no traffic was not taken back".to_owned());
    }
    // What only people can mend stays open: users are not served, or traffic is where nobody of us put it.
    let needs_people = !history.well && run.outcome == Some(Outcome::RollbackFailed);
    if run.phase != Phase::Held && !needs_people {
        return Err(format!("all was calm for long, and it is still {}", run.phase));
    }
    Ok(())
}

fn injections(history: &History) -> Result<(), String> {
    let mut sent: Vec<u32> = Vec::new();
    for Logged { what, .. } in &history.log {
        let Event::InjectSent { number, by, intent, against } = what else { continue };
        if !intent {
            return Err("injected before the intent was on record".to_owned());
        }
        if sent.contains(number) {
            return Err(format!("injecting call {number} was sent twice"));
        }
        if history.began_by.as_ref() != Some(by) {
            return Err(format!("{by} injected, and had not begun the run"));
        }
        if let Some(why) = against {
            return Err(format!("injected although {why}"));
        }
        sent.push(*number);
    }
    let scenario = &history.scenario;
    if !sent.is_empty() && (scenario.late || scenario.ill_at_start || scenario.refused) {
        return Err("injected although a gate was closed".to_owned());
    }
    let took = history.log.iter().filter(|logged| logged.what == Event::Injected).count();
    let took = u64::try_from(took).unwrap_or(u64::MAX);
    let most = if scenario.kind != Kind::Instances && scenario.failover.metric { MAX_DATAPOINTS } else { 1 };
    if took > most {
        return Err(format!("the failure was caused {took} times"));
    }
    Ok(())
}

/// A lease that was taken is no longer its former holder's, whatever that one's clock says.
fn only_its_holder_acts(history: &History) -> Result<(), String> {
    let mut holder = history.began_by.as_deref();
    for Logged { at, what } in &history.log {
        match what {
            Event::TakenUp { by } => holder = Some(by),
            Event::InjectSent { by, .. } | Event::UndoSent { by, .. } if holder != Some(by) => {
                return Err(format!("{by} acted at {at}, and the run was another's"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn stops_are_heard(history: &History) -> Result<(), String> {
    history.log.iter().try_for_each(|logged| match &logged.what {
        Event::Deaf { owner } => Err(format!("{owner} looked twice and went on, though it was to stop")),
        _ => Ok(()),
    })
}

/// A real alarm may move traffic between the last look and the end: that is no drill's doing.
fn really_failed_over_before_the_end(history: &History) -> bool {
    let Some(end) = finished_at(history) else { return false };
    history.scenario.primary_ill.is_some()
        && history.log.iter().any(|logged| {
            matches!(logged.what, Event::FailedOver { by_run: false, .. })
                && logged.at <= end
                && end.millis_since(logged.at) < 15_000
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
        let on_its_way =
            ONE_CALL + if history.coverage.times(FaultKind::SlowAnswer) > 0 { ONE_SLOW_CALL } else { 0 };
        if *by_run && turned_back.is_some_and(|at| logged.at.millis_since(at) > on_its_way) {
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
                Event::Injected | Event::InjectSent { .. } | Event::UndoSent { .. } | Event::MovedBack => {
                    true
                }
                Event::Undone => !restored_by_others(history),
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
    // Starting an instance moves no traffic.
    if history.scenario.kind == Kind::Instances {
        return Ok(());
    }
    // The look and the call are not one moment, and the save between them may take its time.
    let Some((from, to)) = history.scenario.primary_ill else { return Ok(()) };
    let ill = |at: Timestamp| {
        let elapsed = u64::try_from(at.as_millis() - BEGINS).unwrap_or(0);
        elapsed > from + ONE_LOOK_AND_SAVE && elapsed < to
    };
    match history.log.iter().find(|l| matches!(l.what, Event::UndoSent { .. }) && ill(l.at)) {
        Some(logged) => Err(format!("traffic was moved onto the ill primary at {}", logged.at)),
        None => Ok(()),
    }
}

/// Somebody else may start an instance at any time.
fn restored_by_others(history: &History) -> bool {
    history.scenario.kind == Kind::Instances && history.scenario.restored_by_others_at.is_some()
}

/// An alarm that goes off after the drill's own is a real one: then only a person's word moves traffic back. In mode
/// `metric` nobody can tell the two apart.
fn nothing_moves_back_past_a_real_alarm(history: &History) -> Result<(), String> {
    if history.scenario.kind == Kind::Instances || history.scenario.failover.metric {
        return Ok(());
    }
    let mut own = false;
    let mut real: Option<Timestamp> = None;
    for logged in &history.log {
        match &logged.what {
            Event::InPlace => own = true,
            Event::RealAlarm if own => real = real.or(Some(logged.at)),
            Event::Released { fail_back: true } => real = None,
            Event::UndoSent { .. }
                if real.is_some_and(|at| logged.at.millis_since(at) > ONE_LOOK_AND_SAVE) =>
            {
                return Err(format!("traffic was moved back at {}, past a real alarm", logged.at));
            }
            _ => {}
        }
    }
    Ok(())
}
