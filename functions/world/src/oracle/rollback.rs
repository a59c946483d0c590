//! Whether anything but the world itself held a rollback back. Told by instances, whose undo waits for nothing.

use firedrill_core::{Outcome, Run};

use crate::{
    event::{Event, Logged},
    history::History,
    requests::timing,
    scenario::Kind,
    trouble::Trouble,
    truth::BEGINS,
};

pub(super) fn check(history: &History, run: &Run) -> Result<(), String> {
    if history.scenario.kind != Kind::Instances {
        return Ok(());
    }
    failed_for_a_reason(history, run)?;
    did_not_wait_for_the_store(history, run)
}

fn failed_for_a_reason(history: &History, run: &Run) -> Result<(), String> {
    let fleet = &history.scenario.fleet;
    let reason = !history.scenario.is_calm() || fleet.no_capacity.is_some() || fleet.replaced_after.is_some();
    if run.outcome == Some(Outcome::RollbackFailed) && !reason {
        return Err("the rollback failed, and nothing stood in its way".to_owned());
    }
    Ok(())
}

/// While the lease is its own, whoever turns back goes ahead, though it cannot write that down.
fn did_not_wait_for_the_store(history: &History, run: &Run) -> Result<(), String> {
    let (Some((from, to)), Some(began)) = (history.scenario.store_away, run.times.roll_back_began) else {
        return Ok(());
    };
    let elapsed = u64::try_from(began.as_millis() - BEGINS).unwrap_or(0);
    let clocks = u64::try_from(history.scenario.clocks_differ).unwrap_or(0);
    // A lease that was renewed in time before the store went away is good for so long in any case.
    let certainly_ours = timing().lease_ms / 2 - timing().renew_ms - 3 * timing().poll_ms - clocks;
    let soon = timing().aws_poll_ms + 2 * timing().poll_ms + 2 * clocks;
    let away_for_long = elapsed > from + clocks && to > elapsed + 3 * soon;
    let hindered = [Trouble::CallHangs, Trouble::StoreHangs, Trouble::InvocationDies]
        .iter()
        .any(|trouble| history.met.times(*trouble) > 0);
    let taken_up = history.log.iter().any(|logged| matches!(logged.what, Event::TakenUp { .. }));
    if !away_for_long
        || hindered
        || taken_up
        || elapsed + soon > from + certainly_ours
        || history.scenario.works_for < 300_000
    {
        return Ok(());
    }
    let until = began.plus_millis(soon + certainly_ours);
    let asked = |logged: &Logged| matches!(logged.what, Event::UndoSent { .. }) && logged.at <= until;
    let needless = run.undo.iter().all(|step| step.progress.attempts == 0);
    if needless || history.log.iter().any(asked) {
        return Ok(());
    }
    Err(format!("the rollback began at {began}, and waited for the store"))
}
