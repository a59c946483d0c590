//! Figures: the last, the median and the worst time of a drill, and how many of its runs passed.

use firedrill_core::{Outcome, Verdict, report::Took};

use super::{Figures, PassRate, Time};
use crate::{confidence::lower_bound, input::DrillResult, records::DrillRecords};

impl Time {
    /// Its place among others: what was waited for in vain took longest.
    const fn rank(&self) -> (bool, u64) {
        match self {
            Self::Measured(took) => (false, took.ms),
            Self::NotReached => (true, 0),
        }
    }
}

impl Figures {
    /// The figures of these times, the oldest first.
    fn of(times: impl Iterator<Item = Time>) -> Self {
        let mut times: Vec<Time> = times.collect();
        let last = times.last().copied();
        times.sort_by_key(Time::rank);
        Self {
            last,
            median: times.get(times.len() / 2).copied(),
            worst: times.last().copied(),
            runs: times.len(),
        }
    }

    pub(super) fn of_recovery(drill: &DrillRecords<'_>) -> Self {
        Self::of(drill.results.iter().filter_map(|result| recovery(result)))
    }

    /// The figures of a time that some runs measured.
    pub(super) fn of_measured(drill: &DrillRecords<'_>, time: impl Fn(&DrillResult) -> Option<Took>) -> Self {
        Self::of(drill.results.iter().filter_map(|result| time(result)).map(Time::Measured))
    }
}

/// The time to recover of a run that decided about it.
fn recovery(result: &DrillResult) -> Option<Time> {
    match (result.verdict()?, result.time_to_recover) {
        (Verdict::Recovered | Verdict::ObjectiveMissed | Verdict::NotRecovered, Some(took)) => {
            Some(Time::Measured(took))
        }
        (Verdict::NotRecovered, None) => Some(Time::NotReached),
        (
            Verdict::Recovered
            | Verdict::ObjectiveMissed
            | Verdict::NotInjected
            | Verdict::Stopped
            | Verdict::Skipped
            | Verdict::Inconclusive,
            _,
        ) => None,
    }
}

impl PassRate {
    pub(super) fn of(drill: &DrillRecords<'_>) -> Self {
        let (mut passed, mut of) = (0, 0);
        for result in drill.injected() {
            of += 1;
            passed += u32::from(result.outcome == Outcome::Recovered);
        }
        // Rounded down: rounded up it would claim more than was proven.
        let at_least_percent = lower_bound(passed, of).map(|bound| (bound * 1_000.0).floor() / 10.0);
        let words = at_least_percent.map_or("no run yet".to_owned(), |percent| {
            format!("{passed} of {of} passed: at least {percent} % (95 % confidence)")
        });
        Self { passed, of, at_least_percent, words }
    }
}
