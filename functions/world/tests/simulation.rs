//! Thousands of histories of one drill, each from a seed. A bad one names its seed.

use std::collections::BTreeMap;

use firedrill_core::Outcome;
use firedrill_world::{Scenario, Trouble, oracle, play};

#[derive(Default)]
struct Tally {
    histories: u64,
    injected: u64,
    outcomes: BTreeMap<Outcome, u64>,
    held: u64,
    met: BTreeMap<Trouble, u64>,
    bad: Vec<(u64, String)>,
}

fn simulate(seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let history = play(Scenario::draw(seed));
        tally.histories += 1;
        tally.injected += u64::from(history.injected());
        if let Err(what) = oracle::check(&history) {
            tally.bad.push((seed, what));
        }
        for (trouble, times) in &history.met {
            *tally.met.entry(*trouble).or_default() += times;
        }
        if let Some(run) = &history.run {
            match run.outcome {
                Some(outcome) => *tally.outcomes.entry(outcome).or_default() += 1,
                None => tally.held += 1,
            }
        }
    }
    tally
}

fn simulate_all(histories: u64) -> Tally {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = histories.div_ceil(threads);
    let parts: Vec<Tally> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|i| scope.spawn(move || simulate(i * share..((i + 1) * share).min(histories))))
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    parts.into_iter().fold(Tally::default(), |mut all, part| {
        all.histories += part.histories;
        all.injected += part.injected;
        all.held += part.held;
        part.outcomes.into_iter().for_each(|(k, n)| *all.outcomes.entry(k).or_default() += n);
        part.met.into_iter().for_each(|(k, n)| *all.met.entry(k).or_default() += n);
        all.bad.extend(part.bad);
        all
    })
}

#[test]
fn no_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    let histories = std::env::var("FIREDRILL_HISTORIES").map_or(20_000, |n| n.parse().unwrap());
    let tally = simulate_all(histories);
    println!("{} histories, {} injected, {} held", tally.histories, tally.injected, tally.held);
    println!("outcomes {:?}\ntroubles {:?}", tally.outcomes, tally.met);
    let mut bad = tally.bad;
    bad.sort();
    // One seed of each kind, without the moments in it.
    let kind = |what: &str| what.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let first: BTreeMap<String, &(u64, String)> = bad.iter().rev().map(|b| (kind(&b.1), b)).collect();
    assert!(
        bad.is_empty(),
        "{} bad histories; of each kind the first seed: {:#?}",
        bad.len(),
        first.values()
    );
    assert!(tally.injected * 2 >= tally.histories, "too few histories inject: {}", tally.injected);
    for outcome in [
        Outcome::Recovered,
        Outcome::ObjectiveMissed,
        Outcome::NotRecovered,
        Outcome::NotInjected,
        Outcome::Stopped,
        Outcome::Skipped,
        Outcome::Inconclusive,
        Outcome::RollbackFailed,
    ] {
        let times = tally.outcomes.get(&outcome).copied().unwrap_or(0);
        assert!(times * 200 >= tally.histories, "{outcome} occurs only {times} times");
    }
    assert!(tally.held > 0, "no history ends held");
}

#[test]
fn one_seed_replays_one_history() {
    for seed in 0..50 {
        let (once, again) = (play(Scenario::draw(seed)), play(Scenario::draw(seed)));
        assert_eq!((once.log, once.run), (again.log, again.run), "seed {seed}");
    }
}
