//! A call on its way to AWS and back, with everything that can become of it.

use std::future::pending;

use firedrill_core::CallOutcome;

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
    /// So many milliseconds later: its sender may long have given it up.
    Later(u64),
}

/// AWS says that it did not do it.
pub(crate) fn not_executed(code: &str, again: bool) -> CallOutcome {
    CallOutcome::NotExecuted { code: code.to_owned(), message: "simulated".to_owned(), again }
}

/// AWS does not let us.
pub(crate) async fn denied(
    world: &World,
    clock: &SimulatedClock,
    trouble: FaultKind,
    code: &str,
) -> CallOutcome {
    clock.latency().await;
    world.cover(trouble);
    not_executed(code, false)
}

/// Sends one call; what its sender learns. `land` lets it take effect, or says what AWS answers instead.
pub(crate) async fn send(
    world: &World,
    clock: &SimulatedClock,
    throttled: &str,
    may_land_late: bool,
    land: impl FnOnce(Landing) -> Result<(), CallOutcome>,
) -> CallOutcome {
    let lost = |trouble| {
        world.cover(trouble);
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
            let _ = land(Landing::Later(TIMING.settle_ms / 2));
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
        world.cover(FaultKind::CallThrottled);
        return not_executed(throttled, true);
    }
    if world.draws_fault() {
        return lost(FaultKind::CallLostBefore);
    }
    if may_land_late && world.draws_fault() {
        let late = world.rng.borrow_mut().u64(1_000..TIMING.settle_ms);
        // Nobody waits for an answer any more.
        let _ = land(Landing::Later(late));
        return lost(FaultKind::CallLandsLate);
    }
    if world.draws_fault() {
        // It takes effect at some time while its sender waits, or never.
        let late = world.rng.borrow_mut().u64(0..2 * TIMING.call_deadline_ms);
        if may_land_late && late < TIMING.call_deadline_ms {
            let _ = land(Landing::Later(late));
        }
        clock.wait(TIMING.call_deadline_ms).await;
        return lost(FaultKind::CallHangs);
    }
    if let Err(refused) = land(Landing::Now) {
        return refused;
    }
    clock.latency().await;
    if world.draws_fault() { lost(FaultKind::CallLostAfter) } else { CallOutcome::Done }
}
