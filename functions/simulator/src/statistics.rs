//! Statistics: the outcomes and faults of many histories.

use std::collections::BTreeMap;

use firedrill_core::{Outcome, Phase, kind::DrillKind};

use crate::{fault_kind::FaultOccurrences, history::play, oracle, scenario::Scenario};

/// The counts of many histories of one drill kind.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// How many histories were played.
    pub histories: u64,
    /// In how many of them an injecting call was sent.
    pub injected: u64,
    /// How many ended with each outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many runs were left open for operators.
    pub open: u64,
    /// How often each kind of fault occurred.
    pub occurrences: FaultOccurrences,
    /// The seeds of bad histories, each with the oracle's message.
    pub bad: Vec<(u64, String)>,
}

impl Statistics {
    /// Plays the histories of these seeds, one after the other.
    #[must_use]
    pub fn of(kind: DrillKind, seeds: std::ops::Range<u64>) -> Self {
        let mut statistics = Self::default();
        for seed in seeds {
            let history = play(Scenario::draw(kind, seed));
            statistics.histories += 1;
            statistics.injected += u64::from(history.injected());
            if let Err(what) = oracle::check(&history) {
                statistics.bad.push((seed, what));
            }
            statistics.occurrences.add(&history.occurrences);
            if let Some(outcome) = history.run.as_ref().and_then(|run| run.outcome) {
                *statistics.outcomes.entry(outcome).or_default() += 1;
            }
            statistics.open += u64::from(history.run.is_some_and(|run| run.phase != Phase::Finished));
        }
        statistics
    }

    /// The same on every processor. `done` is called with the counts of each batch and answers whether to continue.
    pub fn of_many(
        kind: DrillKind,
        seeds: std::ops::Range<u64>,
        done: impl Fn(&Self) -> bool + Sync,
    ) -> Self {
        const BATCH: u64 = 200;
        let next = std::sync::atomic::AtomicU64::new(seeds.start);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            let mut all = Self::default();
            loop {
                let from = next.fetch_add(BATCH, std::sync::atomic::Ordering::Relaxed);
                if from >= seeds.end {
                    return all;
                }
                let part = Self::of(kind, from..(from + BATCH).min(seeds.end));
                let goes_on = done(&part);
                all.add(part);
                if !goes_on {
                    // No thread begins another batch. Those below it are under way: the first bad seed is among them.
                    next.store(seeds.end, std::sync::atomic::Ordering::Relaxed);
                    return all;
                }
            }
        };
        let mut all = Self::default();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                all.add(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
        all.bad.sort();
        all
    }

    /// Adds the counts of another batch.
    pub fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.injected += other.injected;
        self.open += other.open;
        other.outcomes.into_iter().for_each(|(key, times)| *self.outcomes.entry(key).or_default() += times);
        self.occurrences.add(&other.occurrences);
        self.bad.extend(other.bad);
    }
}
