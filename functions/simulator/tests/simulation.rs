//! Simulation: ten thousand histories of each drill kind, each from a seed. A bad one names its seed.

use std::collections::BTreeMap;

use firedrill_core::{Outcome, kind::DrillKind};
use firedrill_simulator::{FaultKind, Scenario, Statistics, play};

#[test]
fn no_instance_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    no_history_ends_badly(DrillKind::Instance);
}

#[test]
fn no_cdn_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    no_history_ends_badly(DrillKind::Cdn);
}

#[test]
fn no_database_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    no_history_ends_badly(DrillKind::Database);
}

fn no_history_ends_badly(kind: DrillKind) {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().unwrap());
    let (first, histories) =
        (number("FIREDRILL_FIRST").unwrap_or(0), number("FIREDRILL_HISTORIES").unwrap_or(10_000));
    let statistics = Statistics::of_many(kind, first..first + histories, |_| true);
    println!(
        "{} histories, {} injected, {} open",
        statistics.histories, statistics.injected, statistics.open
    );
    let bad = statistics.bad;
    // One seed for each message, whatever times and numbers the message contains.
    let without_digits = |what: &str| what.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let first: BTreeMap<String, &(u64, String)> =
        bad.iter().rev().map(|b| (without_digits(&b.1), b)).collect();
    assert!(
        bad.is_empty(),
        "{} bad histories; the first seed of each message: {:#?}",
        bad.len(),
        first.values()
    );
    assert!(
        statistics.injected * 2 >= statistics.histories,
        "too few histories inject: {}",
        statistics.injected
    );
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
        let times = statistics.outcomes.get(&outcome).copied().unwrap_or(0);
        assert!(times * 100 >= statistics.histories, "{outcome} occurs only {times} times");
    }
    let least = (histories / 200).max(1);
    for fault in FaultKind::ALL.iter().filter(|fault| fault.applies_to(kind)) {
        let times = statistics.occurrences.times(*fault);
        assert!(times >= least, "{fault:?} occurs only {times} times");
    }
}

#[test]
fn one_seed_replays_one_history() {
    for kind in DrillKind::ALL {
        for seed in 0..50 {
            let (once, again) = (play(Scenario::draw(kind, seed)), play(Scenario::draw(kind, seed)));
            assert_eq!((once.log, once.run), (again.log, again.run), "{kind:?}, seed {seed}");
        }
    }
}
