//! Calls: one mutating call on its way to AWS and back, with every fault that it can meet.

use std::future::pending;

use firedrill_core::{millis, ports::Clock as _};
use firedrill_drills::{Failure, failure::Answer, ports::Reply};

use crate::{
    aws::SimulatedAws,
    fault_kind::FaultKind,
    planned_fault::{FaultEffect, FaultPoint},
    requests::TIMING,
};

/// When a call takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// At once.
    Now,
    /// This many milliseconds later: its sender may have stopped waiting.
    Later(u64),
}

/// A mutating call of the failover function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCall {
    /// The invocation that sent it.
    pub by: String,
    /// The IAM action, such as `rds:FailoverDBCluster`.
    pub action: &'static str,
    /// AWS's error code; none if it was executed, or if no answer came.
    pub code: Option<String>,
}

/// The answer of AWS that proves that a call had no effect.
pub(crate) fn refused(action: &'static str, code: &str) -> Failure {
    let answer = Answer::Error { code: code.to_owned(), status: 400 };
    Failure { action, answer, message: "simulated".to_owned() }
}

/// No connection to AWS could be made.
pub(crate) fn not_connected(action: &'static str) -> Failure {
    Failure { action, answer: Answer::NotConnected, message: "simulated".to_owned() }
}

/// A call that AWS denies.
pub(crate) async fn denied(
    aws: &SimulatedAws,
    fault: FaultKind,
    action: &'static str,
    code: &str,
) -> Failure {
    aws.clock.latency().await;
    aws.world.note_fault(fault);
    refused(action, code)
}

/// Sends one call. `land` lets the call take effect, or answers why it has none.
pub(crate) async fn send(
    aws: &SimulatedAws,
    action: &'static str,
    throttled: &str,
    may_land_late: bool,
    land: impl FnOnce(Landing) -> Reply<()>,
) -> Reply<()> {
    let SimulatedAws { world, clock, .. } = aws;
    let lost = |fault| {
        world.note_fault(fault);
        Err(Failure { action, answer: Answer::None, message: "simulated".to_owned() })
    };
    clock.latency().await;
    match aws.fault(FaultPoint::Call, action) {
        Some(FaultEffect::Unknown) | None => {}
        Some(FaultEffect::OthersFirst) => world.others_change_comment(),
        Some(effect) => return fails_by_plan(aws, action, throttled, effect, land).await,
    }
    if world.draws_fault() {
        // By the moment, which is a random one: a draw of its own would make each seed another history.
        if world.now.get() % 2 == 0 {
            world.note_fault(FaultKind::CallNotConnected);
            return Err(not_connected(action));
        }
        world.note_fault(FaultKind::CallThrottled);
        return Err(refused(action, throttled));
    }
    if world.draws_fault() {
        return lost(FaultKind::CallLostBefore);
    }
    if may_land_late && (world.draws_fault() || world.is_cut_off_with_its_calls()) {
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
    land(Landing::Now)?;
    clock.latency().await;
    if world.draws_fault() { lost(FaultKind::CallLostAfter) } else { Ok(()) }
}

/// What comes of a call that fails by plan.
async fn fails_by_plan(
    aws: &SimulatedAws,
    action: &'static str,
    throttled: &str,
    effect: FaultEffect,
    land: impl FnOnce(Landing) -> Reply<()>,
) -> Reply<()> {
    let lost = |fault| {
        aws.world.note_fault(fault);
        Err(Failure { action, answer: Answer::None, message: "simulated".to_owned() })
    };
    match effect {
        FaultEffect::Throttled => Err(refused(action, throttled)),
        FaultEffect::NotConnected => Err(not_connected(action)),
        FaultEffect::Denied => Err(refused(action, "AccessDenied")),
        FaultEffect::LosesRace => Err(refused(action, "PreconditionFailed")),
        FaultEffect::LostBefore | FaultEffect::Unknown | FaultEffect::OthersFirst => {
            lost(FaultKind::CallLostBefore)
        }
        FaultEffect::LostAfter => {
            let _ = land(Landing::Now);
            lost(FaultKind::CallLostAfter)
        }
        FaultEffect::ErrorAfter => {
            let _ = land(Landing::Now);
            let answer = Answer::Error { code: "InternalError".to_owned(), status: 500 };
            Err(Failure { action, answer, message: "simulated".to_owned() })
        }
        FaultEffect::LandsLate => {
            let _ = land(Landing::Later(millis(TIMING.settle) / 2));
            lost(FaultKind::CallLandsLate)
        }
        FaultEffect::Hangs => {
            aws.clock.sleep(TIMING.call_deadline).await;
            lost(FaultKind::CallHangs)
        }
        FaultEffect::HangsAfter => {
            let _ = land(Landing::Now);
            aws.clock.sleep(TIMING.call_deadline).await;
            lost(FaultKind::CallHangs)
        }
        FaultEffect::DiesBefore => pending().await,
        FaultEffect::DiesAfter => {
            let _ = land(Landing::Now);
            pending().await
        }
    }
}
