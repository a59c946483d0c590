//! Rollback rules: a rollback fails or waits only for a reason in the world, and a failed one notifies operators.

use std::time::Duration;

use firedrill_core::{Outcome, Run, kind::DrillKind};

use crate::{
    event::{Event, Logged},
    fault_kind::FaultKind,
    history::History,
    requests::TIMING,
    store::SLOW_CALL,
    world::BEGINS,
};

/// The longest one-way latency of a slow answer, in milliseconds.
const SLOW: u64 = 4_500;

pub(super) fn check(history: &History, run: &Run) -> Result<(), String> {
    let notified = history.log.iter().any(|logged| logged.what == Event::Paged);
    let pages_arrive = history.occurrences.times(FaultKind::PageFails) == 0;
    if run.outcome == Some(Outcome::RollbackFailed) && !notified && pages_arrive {
        return Err("the rollback failed, and no operator was notified".to_owned());
    }
    rollback_failed_for_a_reason(history, run)?;
    if history.scenario.kind == DrillKind::Instance {
        rollback_did_not_wait_for_the_store(history, run)
    } else {
        Ok(())
    }
}

fn rollback_failed_for_a_reason(history: &History, run: &Run) -> Result<(), String> {
    let fleet = &history.scenario.fleet;
    let of_instances = history.scenario.kind == DrillKind::Instance;
    let out_of_capacity = of_instances && (fleet.no_capacity.is_some() || fleet.replaced_after.is_some());
    // A database that stays on a broken standby never returns to its steady state.
    let broken = !of_instances && history.scenario.failover.standby_broken;
    let reason = !history.scenario.is_calm() || out_of_capacity || broken;
    if run.outcome == Some(Outcome::RollbackFailed) && !reason {
        return Err("the rollback failed without a reason".to_owned());
    }
    Ok(())
}

/// While its lease is valid, an invocation rolls back at once, even if it cannot save that.
fn rollback_did_not_wait_for_the_store(history: &History, run: &Run) -> Result<(), String> {
    let (Some((from, to)), Some(began), Some(renewed)) =
        (history.scenario.store_unavailable, run.times.rollback_started_at, history.renewed)
    else {
        return Ok(());
    };
    let elapsed = u64::try_from(began.as_millis() - BEGINS).unwrap_or(0);
    let clocks = history.scenario.clocks_apart();
    // It looks once more at each step of the undo, and then sends it.
    let soon = in_ms(TIMING.aws_poll + 2 * TIMING.poll) + 2 * clocks;
    // A holder counts its lease from when it sent the save, and a slow table writes that later.
    let held_up = if history.scenario.store_slow.is_some() { SLOW_CALL } else { 0 };
    let is_ours = began.millis_since(renewed) + held_up + soon < in_ms(TIMING.lease) / 2;
    let away_for_long = elapsed > from + clocks && to > elapsed + 3 * soon;
    let until = began.plus_millis(soon);
    let mut slow = history.slow.iter();
    let hindered = [
        FaultKind::CallHangs,
        FaultKind::StoreHangs,
        FaultKind::InvocationDies,
        FaultKind::OwnerCutOffFromStore,
    ]
    .iter()
    .any(|fault| history.occurrences.times(*fault) > 0)
        || slow.any(|at| at.plus_millis(SLOW) >= began && *at <= until);
    let lease_taken = history.log.iter().any(|logged| matches!(logged.what, Event::LeaseTaken { .. }));
    if !away_for_long || hindered || lease_taken || !is_ours || history.scenario.working_time < 300_000 {
        return Ok(());
    }
    let undo_sent = |logged: &Logged| matches!(logged.what, Event::UndoSent { .. }) && logged.at <= until;
    let no_step_needed = run.undo.iter().all(|step| step.progress.attempts == 0);
    if no_step_needed || history.log.iter().any(undo_sent) {
        return Ok(());
    }
    Err(format!("the rollback began at {began}, and waited for the store"))
}

fn in_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
