//! Fault kinds and how often each occurred: a simulation in which a fault never occurs proves nothing about it.

use firedrill_core::kind::DrillKind;

macro_rules! fault_kinds {
    ($($name:ident,)*) => {
        /// One kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum FaultKind {
            $($name,)*
        }

        impl FaultKind {
            /// Every kind of fault.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

fault_kinds! {
    AlarmFallsBackWithinASecond,
    AlarmSeesCut,
    AnswerFromCache,
    ApplicationStopped,
    CallDenied,
    CallHangs,
    CallLandsLate,
    CallLostAfter,
    CallLostBefore,
    CallNotConnected,
    CallThrottled,
    AlarmChangeHoursLate,
    ClockSkewed,
    DatabaseBacksUp,
    StopConditionTrips,
    OwnerCutOffFromStore,
    DuplicateAlarmChange,
    DuplicateDelivery,
    FailoverDropped,
    FailoverFunctionDenied,
    FailoverFunctionDies,
    GateCloses,
    GroupReplacesInstance,
    InvocationDies,
    LateDelivery,
    UpdateRaceLost,
    NoCapacity,
    OkDeliveredBeforeAlarm,
    OperatorStops,
    PageFails,
    OperatorReleases,
    PrimaryFails,
    AwsReadFails,
    RealAlarm,
    UndoRefused,
    OthersChangeDistribution,
    OthersStartTargets,
    SlowAnswer,
    StaleIndex,
    StaleRead,
    StoreUnavailable,
    StoreFailsAfter,
    StoreFailsBefore,
    StoreHangs,
    StoreSlow,
    KillSwitchEngaged,
    KillSwitchUnreadable,
    LeaseTakeOver,
    TickDies,
    TickLate,
    TicksOverlap,
    WatchdogAbsent,
    WatchdogStartLost,
}

impl FaultKind {
    /// Whether it can occur in histories of this drill kind.
    #[must_use]
    pub const fn applies_to(self, kind: DrillKind) -> bool {
        match self {
            Self::GroupReplacesInstance | Self::NoCapacity | Self::OthersStartTargets => {
                matches!(kind, DrillKind::Instance)
            }
            Self::AnswerFromCache | Self::UpdateRaceLost | Self::OthersChangeDistribution => {
                matches!(kind, DrillKind::Cdn)
            }
            Self::AlarmSeesCut | Self::DatabaseBacksUp | Self::FailoverDropped => {
                matches!(kind, DrillKind::Database)
            }
            Self::AlarmFallsBackWithinASecond
            | Self::AlarmChangeHoursLate
            | Self::DuplicateAlarmChange
            | Self::FailoverFunctionDenied
            | Self::FailoverFunctionDies
            | Self::OkDeliveredBeforeAlarm
            | Self::RealAlarm => !matches!(kind, DrillKind::Instance),
            _ => true,
        }
    }
}

/// How often each kind of fault occurred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOccurrences([u64; FaultKind::ALL.len()]);

impl Default for FaultOccurrences {
    fn default() -> Self {
        Self([0; FaultKind::ALL.len()])
    }
}

impl FaultOccurrences {
    /// Counts one occurrence.
    pub fn note(&mut self, fault: FaultKind) {
        self.0[fault as usize] += 1;
    }

    /// How often this kind occurred.
    #[must_use]
    pub const fn times(&self, fault: FaultKind) -> u64 {
        self.0[fault as usize]
    }

    /// Adds the counts of another history.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours += theirs);
    }
}
