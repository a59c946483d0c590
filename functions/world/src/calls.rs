//! A call on its way to AWS and back, with everything that can become of it.

use std::future::pending;

use firedrill_core::CallOutcome;

use crate::{
    clock::WorldClock,
    fault::{Point, Way},
    requests::TIMING,
    trouble::Trouble,
    truth::World,
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
pub(crate) async fn denied(world: &World, clock: &WorldClock, trouble: Trouble, code: &str) -> CallOutcome {
    clock.latency().await;
    world.met(trouble);
    not_executed(code, false)
}

/// Sends one call; what its sender learns. `land` lets it take effect, or says what AWS answers instead.
pub(crate) async fn send(
    world: &World,
    clock: &WorldClock,
    throttled: &str,
    may_land_late: bool,
    land: impl FnOnce(Landing) -> Result<(), CallOutcome>,
) -> CallOutcome {
    let lost = |trouble| {
        world.met(trouble);
        CallOutcome::Unknown { message: "simulated".to_owned() }
    };
    clock.latency().await;
    match world.fault(Point::Call) {
        Some(Way::Throttled) => return not_executed(throttled, true),
        Some(Way::Denied) => return not_executed("AccessDenied", false),
        Some(Way::LostBefore) => return lost(Trouble::CallLostBefore),
        Some(Way::LostAfter) => {
            let _ = land(Landing::Now);
            return lost(Trouble::CallLostAfter);
        }
        Some(Way::LandsLate) => {
            let _ = land(Landing::Later(TIMING.settle_ms / 2));
            return lost(Trouble::CallLandsLate);
        }
        Some(Way::DiesBefore) => return pending().await,
        Some(Way::DiesAfter) => {
            let _ = land(Landing::Now);
            return pending().await;
        }
        Some(Way::Unknown) | None => {}
    }
    if world.is_unlucky() {
        world.met(Trouble::CallThrottled);
        return not_executed(throttled, true);
    }
    if world.is_unlucky() {
        return lost(Trouble::CallLostBefore);
    }
    if may_land_late && world.is_unlucky() {
        let late = world.rng.borrow_mut().u64(1_000..TIMING.settle_ms);
        // Nobody waits for an answer any more.
        let _ = land(Landing::Later(late));
        return lost(Trouble::CallLandsLate);
    }
    if world.is_unlucky() {
        // It takes effect at some time while its sender waits, or never.
        let late = world.rng.borrow_mut().u64(0..2 * TIMING.call_deadline_ms);
        if may_land_late && late < TIMING.call_deadline_ms {
            let _ = land(Landing::Later(late));
        }
        clock.wait(TIMING.call_deadline_ms).await;
        return lost(Trouble::CallHangs);
    }
    if let Err(refused) = land(Landing::Now) {
        return refused;
    }
    clock.latency().await;
    if world.is_unlucky() { lost(Trouble::CallLostAfter) } else { CallOutcome::Done }
}
