//! Planned fault: the nth operation of one kind fails in one way. The conformance suite counts the operations of an
//! undisturbed run and lets one after the other fail.

use std::cell::Cell;

use firedrill_core::run::RunId;

use crate::world::World;

/// Every operation of a name.
pub const ALWAYS: u32 = u32::MAX;

/// A kind of operation that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// A mutating call, of a drill or of the failover function.
    Call,
    /// A read of the table.
    Read,
    /// A write to the table.
    Write,
    /// A look at AWS or at the application, by any invocation.
    Look,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// AWS did not execute it; it may be sent again.
    Throttled,
    /// AWS did not execute it, and never will.
    Denied,
    /// No connection could be made: nothing was sent.
    NotConnected,
    /// It is not executed, and there is no answer.
    LostBefore,
    /// It is executed, and there is no answer.
    LostAfter,
    /// It is executed minutes after its sender stopped waiting.
    LandsLate,
    /// It is not executed, and the invocation that sent it never continues.
    DiesBefore,
    /// It is executed, and the invocation that sent it never continues.
    DiesAfter,
    /// A look answers unknown.
    Unknown,
    /// It is executed, and AWS answers with an error of its own.
    ErrorAfter,
    /// It is not executed, and no answer comes while its sender waits.
    Hangs,
    /// It is executed, and no answer comes while its sender waits.
    HangsAfter,
    /// AWS answers that somebody else changed the resource first.
    LosesRace,
    /// Somebody else changes the resource after it was sent, and before it is executed.
    OthersFirst,
}

impl FaultPoint {
    /// Every kind of operation.
    pub const ALL: [Self; 4] = [Self::Call, Self::Read, Self::Write, Self::Look];

    /// The ways in which it can fail.
    #[must_use]
    pub const fn effects(self) -> &'static [FaultEffect] {
        use FaultEffect::{
            Denied, DiesAfter, DiesBefore, LandsLate, LostAfter, LostBefore, NotConnected, Throttled, Unknown,
        };
        match self {
            Self::Call => {
                &[Throttled, NotConnected, Denied, LostBefore, LostAfter, LandsLate, DiesBefore, DiesAfter]
            }
            Self::Read => &[LostBefore, DiesBefore],
            Self::Write => &[LostBefore, LostAfter, DiesBefore, DiesAfter],
            Self::Look => &[Unknown],
        }
    }
}

/// The nth operation of this kind fails, and all that follow within `lasts` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PlannedFault {
    pub point: FaultPoint,
    pub nth: u32,
    pub effect: FaultEffect,
    pub lasts: u64,
}

/// Some calls of one operation fail in one way: `times` of them, after `skip` that do not. Tests of the failover functions
/// and of the engine plan these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationFault {
    /// The IAM action, such as `rds:FailoverDBCluster`; a method of the journal or of the record, such as `journal:write` or
    /// `store:save`; or `drill:observe`, the whole look of a drill. Without a colon: all that begin with this word.
    pub operation: &'static str,
    /// The run for which a drill does it; whichever, if none.
    pub run: Option<RunId>,
    pub skip: u32,
    pub times: u32,
    pub effect: FaultEffect,
}

impl OperationFault {
    /// Whether it is about this operation, which is done for this run.
    fn meets(&self, operation: &str, run: Option<&RunId>) -> bool {
        let is_named = operation
            .strip_prefix(self.operation)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        is_named && self.run.as_ref().is_none_or(|only| Some(only) == run)
    }
}

/// How many operations of each kind there were, and since when the planned fault lasts.
#[derive(Debug, Default)]
pub(crate) struct PointCounts {
    pub counted: Cell<[u32; FaultPoint::ALL.len()]>,
    pub since: Cell<Option<i64>>,
}

impl World {
    /// Counts one operation of this kind and name, which is done for this run; how it fails by plan, if it does.
    pub fn fault(&self, point: FaultPoint, operation: &str, run: Option<&RunId>) -> Option<FaultEffect> {
        self.operation_fault(operation, run).or(self.fault_at(point))
    }

    /// How this operation fails because of its name and of the run that it is done for, if it does.
    pub fn operation_fault(&self, operation: &str, run: Option<&RunId>) -> Option<FaultEffect> {
        let mut faults = self.operation_faults.borrow_mut();
        let fault = faults.iter_mut().find(|fault| fault.times > 0 && fault.meets(operation, run))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.effect)
    }

    fn fault_at(&self, point: FaultPoint) -> Option<FaultEffect> {
        let mut counted = self.points.counted.get();
        let number = counted[point as usize];
        counted[point as usize] += 1;
        self.points.counted.set(counted);
        let fault = self.scenario.fault.filter(|fault| fault.point == point)?;
        if number == fault.nth {
            self.points.since.set(Some(self.now.get()));
        }
        let since = self.points.since.get()?;
        (number == fault.nth || self.now.get() < since.saturating_add_unsigned(fault.lasts))
            .then_some(fault.effect)
    }

    /// Whether a look answers unknown, by a random or the planned fault.
    pub fn is_blind(&self) -> bool {
        self.is_blind_by_plan() || self.draws_fault()
    }

    /// Whether a look answers unknown by the planned fault.
    pub fn is_blind_by_plan(&self) -> bool {
        self.fault_at(FaultPoint::Look).is_some()
    }
}
