//! One deliberate failure: the nth of its kind goes wrong in one way. The conformance suite counts what an undisturbed
//! run does, and fails one after the other.

use std::cell::Cell;

use crate::world::World;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// A mutating call, of a drill or of the failover function.
    Call,
    /// Something is read from the record.
    Read,
    /// Something is written there.
    Write,
    /// A look at AWS or at the application, of whoever.
    Look,
}

/// In what way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// AWS says that it did not do it, and may do it later.
    Throttled,
    /// AWS says that it will not do it.
    Denied,
    /// It is not done, and there is no answer.
    LostBefore,
    /// It is done, and there is no answer.
    LostAfter,
    /// It is done minutes after its sender gave it up.
    LandsLate,
    /// Whoever sends it is never heard of again, and it was not done.
    DiesBefore,
    /// Whoever sends it is never heard of again, and it was done.
    DiesAfter,
    /// It shows nothing.
    Unknown,
}

impl FaultPoint {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Call, Self::Read, Self::Write, Self::Look];

    /// How it can fail.
    #[must_use]
    pub const fn effects(self) -> &'static [FaultEffect] {
        use FaultEffect::{
            Denied, DiesAfter, DiesBefore, LandsLate, LostAfter, LostBefore, Throttled, Unknown,
        };
        match self {
            Self::Call => &[Throttled, Denied, LostBefore, LostAfter, LandsLate, DiesBefore, DiesAfter],
            Self::Read => &[LostBefore, DiesBefore],
            Self::Write => &[LostBefore, LostAfter, DiesBefore, DiesAfter],
            Self::Look => &[Unknown],
        }
    }
}

/// The nth of these fails, and all that follow within so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PlannedFault {
    pub point: FaultPoint,
    pub nth: u32,
    pub effect: FaultEffect,
    pub lasts: u64,
}

/// How many there were of each, and since when the fault lasts.
#[derive(Debug, Default)]
pub(crate) struct FaultCounts {
    pub counted: Cell<[u32; FaultPoint::ALL.len()]>,
    pub since: Cell<Option<i64>>,
}

impl World {
    /// Counts one more of these; says in what way it fails, if it does.
    pub fn fault(&self, point: FaultPoint) -> Option<FaultEffect> {
        let mut counted = self.faults.counted.get();
        let number = counted[point as usize];
        counted[point as usize] += 1;
        self.faults.counted.set(counted);
        let fault = self.scenario.fault.filter(|fault| fault.point == point)?;
        if number == fault.nth {
            self.faults.since.set(Some(self.now.get()));
        }
        let since = self.faults.since.get()?;
        (number == fault.nth || self.now.get() < since.saturating_add_unsigned(fault.lasts))
            .then_some(fault.effect)
    }

    /// Whether a look shows nothing: by bad luck or on purpose.
    pub fn is_blind(&self) -> bool {
        self.fault(FaultPoint::Look).is_some() || self.draws_fault()
    }
}
