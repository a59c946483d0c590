//! Many histories, counted: a simulation that never meets a kind of trouble proves nothing about it.

use std::collections::BTreeMap;

use firedrill_core::{Outcome, Phase};

use crate::{
    fault_kind::Coverage,
    history::play,
    oracle,
    scenario::{Kind, Scenario},
};

/// What came of many histories of one drill.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// How many.
    pub histories: u64,
    /// In how many of them an injecting call was sent.
    pub injected: u64,
    /// How they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many were left open for people.
    pub open: u64,
    /// How often each kind of trouble was met.
    pub coverage: Coverage,
    /// The seeds of bad ones, and what was bad.
    pub bad: Vec<(u64, String)>,
}

impl Statistics {
    /// Plays the histories of these seeds, one after the other.
    #[must_use]
    pub fn of(kind: Kind, seeds: std::ops::Range<u64>) -> Self {
        let mut tally = Self::default();
        for seed in seeds {
            let history = play(Scenario::draw(kind, seed));
            tally.histories += 1;
            tally.injected += u64::from(history.injected());
            if let Err(what) = oracle::check(&history) {
                tally.bad.push((seed, what));
            }
            tally.coverage.add(&history.coverage);
            if let Some(outcome) = history.run.as_ref().and_then(|run| run.outcome) {
                *tally.outcomes.entry(outcome).or_default() += 1;
            }
            tally.open += u64::from(history.run.is_some_and(|run| run.phase != Phase::Finished));
        }
        tally
    }

    /// The same on every processor. `done` hears how many more were played, now and then, and says whether to go on.
    pub fn of_many(kind: Kind, seeds: std::ops::Range<u64>, done: impl Fn(&Self) -> bool + Sync) -> Self {
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
                    // Nobody begins another batch. Those below it are under way: the first bad seed is among them.
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

    /// Adds another one's counts.
    pub fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.injected += other.injected;
        self.open += other.open;
        other.outcomes.into_iter().for_each(|(key, times)| *self.outcomes.entry(key).or_default() += times);
        self.coverage.add(&other.coverage);
        self.bad.extend(other.bad);
    }
}
