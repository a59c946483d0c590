//! What must be true of every history. Reads the world's log; shares no code with `step`.

mod verdict;

use firedrill_core::{Outcome, Phase, Run, Timestamp};

use crate::{
    event::{Event, Logged},
    failover::{FUNCTION_TIMEOUT, MAX_EVENT_AGE},
    history::History,
    scenario::Kind,
    truth::BEGINS,
};

/// From reading a run to the call after it.
const ONE_CALL: u64 = 1_000;
/// From looking at the primary to moving traffic onto it, at most.
const ONE_LOOK_AND_SAVE: u64 = 21_000;

/// What is wrong with a history; none if nothing is.
///
/// # Errors
/// The first broken promise, in a sentence.
pub fn check(history: &History) -> Result<(), String> {
    nothing_left_behind(history)?;
    injections(history)?;
    stops_are_heard(history)?;
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
    let away = history.log.iter().any(|logged| logged.what == Event::Finished { back: false });
    if away && took_effect && !(left && given_up) && !really_failed_over_before_the_end(history) {
        return Err("finished, and traffic was not moved back".to_owned());
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
        let Event::InjectSent { number, owner, intent, against } = what else { continue };
        if !intent {
            return Err("injected before the intent was on record".to_owned());
        }
        if sent.iter().any(|(known, _)| known == number) {
            return Err(format!("injecting call {number} was sent twice"));
        }
        if sent.iter().any(|(_, known)| known != owner) {
            return Err("a successor injected".to_owned());
        }
        if let Some(why) = against {
            return Err(format!("injected although {why}"));
        }
        sent.push((*number, owner));
    }
    if !sent.is_empty() && (history.scenario.late || history.scenario.ill_at_start) {
        return Err("injected although a gate was closed".to_owned());
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
