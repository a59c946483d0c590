//! The kinds of trouble, to be counted: a simulation that never meets one proves nothing about it.

use crate::scenario::Kind;

macro_rules! fault_kinds {
    ($($name:ident,)*) => {
        /// One kind of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum FaultKind {
            $($name,)*
        }

        impl FaultKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

fault_kinds! {
    AlarmFallsBackWithinASecond,
    ApplicationStopped,
    CallDenied,
    CallHangs,
    CallLandsLate,
    CallLostAfter,
    CallLostBefore,
    CallThrottled,
    ChangeHoursLate,
    ClockIsOff,
    ConditionTrips,
    CutOff,
    DuplicateChange,
    DuplicateDelivery,
    FailoverDropped,
    FunctionDenied,
    FunctionDies,
    GateCloses,
    GroupReplaces,
    InvocationDies,
    LateDelivery,
    LostRace,
    NoCapacity,
    OkBeforeAlarm,
    OperatorStops,
    PageFails,
    PeopleRelease,
    PrimaryFails,
    ReadFails,
    RealAlarm,
    RestoreRefused,
    SomebodyElseChanges,
    SomebodyElseRestores,
    SlowAnswer,
    StaleIndex,
    StaleRead,
    StoreAway,
    StoreFailsAfter,
    StoreFailsBefore,
    StoreHangs,
    SwitchEngaged,
    SwitchUnreadable,
    TakeOver,
    TickDies,
    TickLate,
    TicksOverlap,
    WatchdogAway,
}

impl FaultKind {
    /// Whether it can occur in histories of this drill.
    #[must_use]
    pub const fn applies_to(self, kind: Kind) -> bool {
        match self {
            Self::GroupReplaces | Self::NoCapacity | Self::SomebodyElseRestores => {
                matches!(kind, Kind::Instances)
            }
            Self::LostRace | Self::SomebodyElseChanges => matches!(kind, Kind::Distribution),
            Self::FailoverDropped => matches!(kind, Kind::Database),
            Self::AlarmFallsBackWithinASecond
            | Self::ChangeHoursLate
            | Self::DuplicateChange
            | Self::FunctionDenied
            | Self::FunctionDies
            | Self::OkBeforeAlarm
            | Self::RealAlarm => !matches!(kind, Kind::Instances),
            _ => true,
        }
    }
}

/// How often each was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([u64; FaultKind::ALL.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; FaultKind::ALL.len()])
    }
}

impl Coverage {
    /// Once more.
    pub fn note(&mut self, trouble: FaultKind) {
        self.0[trouble as usize] += 1;
    }

    /// How often.
    #[must_use]
    pub const fn times(&self, trouble: FaultKind) -> u64 {
        self.0[trouble as usize]
    }

    /// Adds another one's counts.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours += theirs);
    }
}
