//! Oracle: what must be true of every history. It reads the world's log and shares no code with `step`.

mod rise;
mod rollback;
mod verdict;

use std::time::Duration;

use firedrill_core::{Outcome, Phase, Run, Timestamp, kind::DrillKind};

use crate::{
    event::{Event, Logged},
    failover::{FUNCTION_TIMEOUT, MAX_EVENT_AGE, PERIODS},
    fault_kind::FaultKind,
    history::History,
    operators::PlannedCommand,
    scenario::WrongFunction,
    world::BEGINS,
};

/// The most datapoints that a run may publish: those that the simulated alarm needs, and one more.
const MAX_DATAPOINTS: u64 = PERIODS + 1;
/// The longest time from reading a run to the call after it, in milliseconds.
const ONE_CALL: u64 = 1_000;
/// What slow answers add to it.
const ONE_SLOW_CALL: u64 = 9_000;
/// The longest time from a look at the primary to the call that moves traffic onto it, in milliseconds.
const ONE_LOOK_AND_SAVE: u64 = 21_000;

/// Judges a history.
///
/// # Errors
/// The first broken rule, in a sentence.
pub fn check(history: &History) -> Result<(), String> {
    nothing_left_behind(history)?;
    injections(history)?;
    only_the_lease_holder_acts(history)?;
    no_stop_is_missed(history)?;
    no_switch_is_taken_away_unasked(history)?;
    no_head_outgrows_the_table(history)?;
    nothing_lands_after_the_end(history)?;
    no_traffic_moves_onto_unhealthy_primary(history)?;
    nothing_moves_back_past_a_real_alarm(history)?;
    no_failover_twice(history)?;
    no_unwanted_failover(history)?;
    no_real_failover_is_given_up(history)?;
    if let Some(logged) = history.log.iter().find(|logged| logged.what == Event::Overwritten) {
        return Err(format!("an operator's change was overwritten at {}", logged.at));
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
        return open_run_paged_operators(history, run);
    }
    if history.locked {
        return Err("finished, and the lock is still held".to_owned());
    }
    if history.finishes != 1 {
        return Err(format!("finished {} times", history.finishes));
    }
    let result = (run.run_id.clone(), run.outcome.unwrap_or(Outcome::Planned));
    let wanted = if result.1 == Outcome::Planned { Vec::new() } else { vec![result] };
    if history.results != wanted {
        return Err(format!(
            "finished, and the results on record are {:?} instead of {wanted:?}",
            history.results
        ));
    }
    if history.held_alarm {
        return Err("finished, and the alarm is still registered as the run's".to_owned());
    }
    let left = run.undo.iter().any(|step| step.progress.done.is_none());
    let given_up = history.log.iter().any(|logged| logged.what == Event::Released { fail_back: false });
    if history.down && !(left && given_up) {
        return Err("finished, and the targets are down".to_owned());
    }
    // An injection that never took effect moved nothing.
    let took_effect = history.log.iter().any(|logged| logged.what == Event::Injected);
    let ended = |is: fn(bool, bool) -> bool| {
        let mut log = history.log.iter();
        log.any(|logged| matches!(logged.what, Event::Finished { back, served } if is(back, served)))
    };
    let excused = left && given_up || real_alarm_failed_over_before_the_end(history);
    if ended(|back, _| !back) && took_effect && !excused {
        return Err("finished, and not everything was back: instances, traffic, or the alarm".to_owned());
    }
    if ended(|_, served| !served) && took_effect && !given_up && history.scenario.primary_unhealthy.is_none()
    {
        return Err("finished, and users were not served".to_owned());
    }
    if history.forced && !(left && given_up) {
        return Err("finished, and the alarm is still forced".to_owned());
    }
    Ok(())
}

fn open_run_paged_operators(history: &History, run: &Run) -> Result<(), String> {
    let paged = history.log.iter().any(|logged| logged.what == Event::Paged);
    if !paged {
        return Err(format!("never finished ({}), and no operator was notified", run.phase));
    }
    if !history.locked {
        return Err("open, and its lock is gone".to_owned());
    }
    if history.down || history.forced {
        return Err("open, and a step that moves no traffic was not undone".to_owned());
    }
    // A run stays open if only an operator can repair: users are not served, or traffic is where no drill put it.
    let needs_people = !history.healthy && run.outcome == Some(Outcome::RollbackFailed);
    if run.phase != Phase::Held && !needs_people {
        return Err(format!("no fault occurred for long, and the run is still {}", run.phase));
    }
    Ok(())
}

fn injections(history: &History) -> Result<(), String> {
    let mut sent: Vec<u32> = Vec::new();
    for Logged { what, .. } in &history.log {
        let Event::InjectSent { number, by, intent, forbidden_by } = what else { continue };
        if !intent {
            return Err("injected before the intent was on record".to_owned());
        }
        if sent.contains(number) {
            return Err(format!("injecting call {number} was sent twice"));
        }
        if history.began_by.as_ref() != Some(by) {
            return Err(format!("{by} injected, and had not begun the run"));
        }
        if let Some(why) = forbidden_by {
            return Err(format!("injected although {why}"));
        }
        sent.push(*number);
    }
    let scenario = &history.scenario;
    if !sent.is_empty()
        && (scenario.delivered_late || scenario.unhealthy_at_start || scenario.targets_refused)
    {
        return Err("injected although a gate was closed".to_owned());
    }
    if let Some(wrong) = scenario.failover.wrong_function
        && !sent.is_empty()
        && scenario.kind != DrillKind::Instance
    {
        return Err(match wrong {
            WrongFunction::OfAnother => "injected although the alarm leads to another resource",
            WrongFunction::Disabled => "injected although the alarm's function cannot be invoked",
        }
        .to_owned());
    }
    if !sent.is_empty() && scenario.kind != DrillKind::Instance {
        if scenario.failover.is_forbidden_elsewhere() {
            return Err("injected although the alarm also sets off what is not the drill's".to_owned());
        }
        if scenario.failover.of_another_account {
            return Err("injected although what the request names is another account's".to_owned());
        }
    }
    let took = history.log.iter().filter(|logged| logged.what == Event::Injected).count();
    let took = u64::try_from(took).unwrap_or(u64::MAX);
    let most =
        if scenario.kind != DrillKind::Instance && scenario.failover.metric { MAX_DATAPOINTS } else { 1 };
    if took > most {
        return Err(format!("the failure was caused {took} times"));
    }
    Ok(())
}

/// Once another invocation has taken the lease, its former holder sends nothing more, whatever its clock shows.
fn only_the_lease_holder_acts(history: &History) -> Result<(), String> {
    let mut holder = history.began_by.as_deref();
    for Logged { at, what } in &history.log {
        match what {
            Event::LeaseTaken { by } => holder = Some(by),
            Event::InjectSent { by, .. } | Event::UndoSent { by, .. } if holder != Some(by) => {
                return Err(format!("{by} acted at {at}, and another held the lease"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn no_stop_is_missed(history: &History) -> Result<(), String> {
    history.log.iter().try_for_each(|logged| match &logged.what {
        Event::MissedStop { owner } => {
            Err(format!("{owner} looked twice and continued, though it had to stop"))
        }
        _ => Ok(()),
    })
}

fn no_head_outgrows_the_table(history: &History) -> Result<(), String> {
    history.log.iter().try_for_each(|logged| match &logged.what {
        Event::HeadTooLarge { bytes } => {
            Err(format!("a head took {bytes} bytes, and the table takes no larger ones"))
        }
        _ => Ok(()),
    })
}

/// A kill switch is disengaged only by a command that names it.
fn no_switch_is_taken_away_unasked(history: &History) -> Result<(), String> {
    let asked = |what: &str| {
        history.scenario.commands.iter().any(|(_, command)| {
            matches!(command, PlannedCommand::Disengage { scope } if scope.stored().to_string() == what)
        })
    };
    history.log.iter().try_for_each(|logged| match &logged.what {
        Event::Switched { what, engaged: false } if !asked(what) => {
            Err(format!("the kill switch of {what} was disengaged, and no command named it"))
        }
        _ => Ok(()),
    })
}

/// Whether a real alarm moved traffic between the run's last look and its end: the run did not cause that.
fn real_alarm_failed_over_before_the_end(history: &History) -> bool {
    let Some(end) = finished_at(history) else { return false };
    // A slow store takes nine seconds for each of the reads and saves between the two.
    let within = if history.scenario.store_slow.is_some() { 45_000 } else { 15_000 };
    history.scenario.primary_unhealthy.is_some()
        && history.log.iter().any(|logged| {
            matches!(logged.what, Event::FailedOver { by_run: false, .. })
                && logged.at <= end
                && end.millis_since(logged.at) < within
        })
}

/// A second failover of a database for one change of its alarm moves the writer back.
fn no_failover_twice(history: &History) -> Result<(), String> {
    if history.scenario.kind != DrillKind::Database {
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
fn no_unwanted_failover(history: &History) -> Result<(), String> {
    let turned_back =
        history.log.iter().find(|logged| logged.what == Event::RollbackRecorded).map(|logged| logged.at);
    for logged in &history.log {
        let Event::FailedOver { by_run, change } = &logged.what else { continue };
        if logged.at - *change > MAX_EVENT_AGE + FUNCTION_TIMEOUT {
            return Err(format!("the change at {change} was acted on at {}", logged.at));
        }
        let on_its_way =
            ONE_CALL + if history.occurrences.times(FaultKind::SlowAnswer) > 0 { ONE_SLOW_CALL } else { 0 };
        if *by_run && turned_back.is_some_and(|at| logged.at.millis_since(at) > on_its_way) {
            return Err(format!("failed over at {} for a run that was rolling back", logged.at));
        }
    }
    Ok(())
}

/// A real alarm fails the database over whenever RDS takes the call.
fn no_real_failover_is_given_up(history: &History) -> Result<(), String> {
    history.log.iter().try_for_each(|logged| match logged.what {
        Event::GivenUp { change } => {
            Err(format!("the real alarm at {change} failed nothing over, and RDS would have taken the call"))
        }
        _ => Ok(()),
    })
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
                // Without a real incident, even a change that names no run was caused by the run.
                Event::FailedOver { by_run, .. } => by_run || history.scenario.primary_unhealthy.is_none(),
                _ => false,
            }
    });
    match late {
        Some(late) => Err(format!("{:?} at {}, after the run was finished at {end}", late.what, late.at)),
        None => Ok(()),
    }
}

fn no_traffic_moves_onto_unhealthy_primary(history: &History) -> Result<(), String> {
    // Starting an instance moves no traffic.
    if history.scenario.kind == DrillKind::Instance {
        return Ok(());
    }
    // The head is saved between the look and the call, which takes time.
    let Some((from, to)) = history.scenario.primary_unhealthy else { return Ok(()) };
    let unhealthy = |at: Timestamp| {
        let elapsed = u64::try_from(at.as_millis() - BEGINS).unwrap_or(0);
        elapsed > from + ONE_LOOK_AND_SAVE && elapsed < to
    };
    match history.log.iter().find(|l| matches!(l.what, Event::UndoSent { .. }) && unhealthy(l.at)) {
        Some(logged) => Err(format!("traffic was moved onto the unhealthy primary at {}", logged.at)),
        None => Ok(()),
    }
}

/// Whether an operator starts instances in this history, which may happen at any time.
fn restored_by_others(history: &History) -> bool {
    history.scenario.kind == DrillKind::Instance && history.scenario.restored_by_others_at.is_some()
}

/// A change to ALARM after the drill's own is a real one, unless its failover explains that one: from then on only a release
/// moves traffic back. In mode `metric` the two cannot be told apart.
fn nothing_moves_back_past_a_real_alarm(history: &History) -> Result<(), String> {
    if history.scenario.kind == DrillKind::Instance || history.scenario.failover.metric {
        return Ok(());
    }
    let mut own = false;
    let mut rises: Vec<Timestamp> = Vec::new();
    for logged in &history.log {
        match &logged.what {
            Event::InPlace => own = true,
            Event::RealAlarm if own => rises.push(logged.at),
            Event::Released { fail_back: true } => rises.clear(),
            Event::UndoSent { .. } => {
                let known = logged.at - Duration::from_millis(ONE_LOOK_AND_SAVE);
                let is_real = |at: &Timestamp| *at < known && !rise::may_be_explained(history, *at, known);
                if rises.iter().any(is_real) {
                    return Err(format!("traffic was moved back at {}, past a real alarm", logged.at));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
