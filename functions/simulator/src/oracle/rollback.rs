//! Whether anything but the world itself held a rollback back, and whether people were told.

use firedrill_core::{Outcome, Run};

use crate::{
    event::{Event, Logged},
    fault_kind::FaultKind,
    history::History,
    requests::TIMING,
    scenario::Kind,
    world::BEGINS,
};

/// The slowest way of a slow answer.
const SLOW: u64 = 4_500;

pub(super) fn check(history: &History, run: &Run) -> Result<(), String> {
    let told = history.log.iter().any(|logged| logged.what == Event::Paged);
    let could_be_told = history.coverage.times(FaultKind::PageFails) == 0;
    if run.outcome == Some(Outcome::RollbackFailed) && !told && could_be_told {
        return Err("the rollback failed, and nobody was told".to_owned());
    }
    failed_for_a_reason(history, run)?;
    if history.scenario.kind == Kind::Instances { did_not_wait_for_the_store(history, run) } else { Ok(()) }
}

fn failed_for_a_reason(history: &History, run: &Run) -> Result<(), String> {
    let fleet = &history.scenario.fleet;
    let of_instances = history.scenario.kind == Kind::Instances;
    let unlucky = of_instances && (fleet.no_capacity.is_some() || fleet.replaced_after.is_some());
    // A database that stays where it failed over to is never well there.
    let broken = !of_instances && history.scenario.failover.standby_broken;
    let reason = !history.scenario.is_calm() || unlucky || broken;
    if run.outcome == Some(Outcome::RollbackFailed) && !reason {
        return Err("the rollback failed, and nothing stood in its way".to_owned());
    }
    Ok(())
}

/// While the lease is its own, whoever turns back goes ahead, though it cannot write that down.
fn did_not_wait_for_the_store(history: &History, run: &Run) -> Result<(), String> {
    let (Some((from, to)), Some(began), Some(renewed)) =
        (history.scenario.store_away, run.times.rollback_started_at, history.renewed)
    else {
        return Ok(());
    };
    let elapsed = u64::try_from(began.as_millis() - BEGINS).unwrap_or(0);
    let clocks = u64::try_from(history.scenario.clocks_differ).unwrap_or(0);
    // It looks once more at what is to be taken back, and asks for it.
    let soon = TIMING.aws_poll_ms + 2 * TIMING.poll_ms + 2 * clocks;
    let is_ours = began.millis_since(renewed) + soon < TIMING.lease_ms / 2;
    let away_for_long = elapsed > from + clocks && to > elapsed + 3 * soon;
    let until = began.plus_millis(soon);
    let mut slow = history.slow.iter();
    let hindered =
        [FaultKind::CallHangs, FaultKind::StoreHangs, FaultKind::InvocationDies, FaultKind::CutOff]
            .iter()
            .any(|trouble| history.coverage.times(*trouble) > 0)
            || slow.any(|at| at.plus_millis(SLOW) >= began && *at <= until);
    let taken_up = history.log.iter().any(|logged| matches!(logged.what, Event::TakenUp { .. }));
    if !away_for_long || hindered || taken_up || !is_ours || history.scenario.works_for < 300_000 {
        return Ok(());
    }
    let asked = |logged: &Logged| matches!(logged.what, Event::UndoSent { .. }) && logged.at <= until;
    let needless = run.undo.iter().all(|step| step.progress.attempts == 0);
    if needless || history.log.iter().any(asked) {
        return Ok(());
    }
    Err(format!("the rollback began at {began}, and waited for the store"))
}
