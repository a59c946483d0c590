//! Calls: one mutating call on its way to AWS and back, with every fault that it can meet.

use std::future::pending;

use firedrill_core::{CallOutcome, millis, ports::Clock as _};

use crate::{
    clock::SimulatedClock,
    fault_kind::FaultKind,
    planned_fault::{FaultEffect, FaultPoint},
    requests::TIMING,
    world::World,
};

/// When a call takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// At once.
    Now,
    /// This many milliseconds later: its sender may have stopped waiting.
    Later(u64),
}

/// The answer of AWS that proves that a call had no effect; `again` says whether it may be sent again.
pub(crate) fn not_executed(code: &str, again: bool) -> CallOutcome {
    CallOutcome::NotExecuted { code: code.to_owned(), message: "simulated".to_owned(), again }
}

/// A call that AWS denies.
pub(crate) async fn denied(
    world: &World,
    clock: &SimulatedClock,
    fault: FaultKind,
    code: &str,
) -> CallOutcome {
    clock.latency().await;
    world.note_fault(fault);
    not_executed(code, false)
}

/// Sends one call; the outcome as its sender knows it. `land` lets the call take effect, or answers why it has none.
pub(crate) async fn send(
    world: &World,
    clock: &SimulatedClock,
    throttled: &str,
    may_land_late: bool,
    land: impl FnOnce(Landing) -> Result<(), CallOutcome>,
) -> CallOutcome {
    let lost = |fault| {
        world.note_fault(fault);
        CallOutcome::Unknown { message: "simulated".to_owned() }
    };
    clock.latency().await;
    match world.fault(FaultPoint::Call) {
        Some(FaultEffect::Throttled) => return not_executed(throttled, true),
        Some(FaultEffect::Denied) => return not_executed("AccessDenied", false),
        Some(FaultEffect::LostBefore) => return lost(FaultKind::CallLostBefore),
        Some(FaultEffect::LostAfter) => {
            let _ = land(Landing::Now);
            return lost(FaultKind::CallLostAfter);
        }
        Some(FaultEffect::LandsLate) => {
            let _ = land(Landing::Later(millis(TIMING.settle) / 2));
            return lost(FaultKind::CallLandsLate);
        }
        Some(FaultEffect::DiesBefore) => return pending().await,
        Some(FaultEffect::DiesAfter) => {
            let _ = land(Landing::Now);
            return pending().await;
        }
        Some(FaultEffect::Unknown) | None => {}
    }
    if world.draws_fault() {
        world.note_fault(FaultKind::CallThrottled);
        return not_executed(throttled, true);
    }
    if world.draws_fault() {
        return lost(FaultKind::CallLostBefore);
    }
    if may_land_late && world.draws_fault() {
        let late = world.rng.borrow_mut().u64(1_000..millis(TIMING.settle));
        // The sender has stopped waiting for an answer.
        let _ = land(Landing::Later(late));
        return lost(FaultKind::CallLandsLate);
    }
    if world.draws_fault() {
        // It takes effect at some moment while its sender waits, or never.
        let late = world.rng.borrow_mut().u64(0..2 * millis(TIMING.call_deadline));
        if may_land_late && late < millis(TIMING.call_deadline) {
            let _ = land(Landing::Later(late));
        }
        clock.sleep(TIMING.call_deadline).await;
        return lost(FaultKind::CallHangs);
    }
    if let Err(refused) = land(Landing::Now) {
        return refused;
    }
    clock.latency().await;
    if world.draws_fault() { lost(FaultKind::CallLostAfter) } else { CallOutcome::Done }
}
