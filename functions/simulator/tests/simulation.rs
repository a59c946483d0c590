//! A hundred thousand histories of each drill, each from a seed. A bad one names its seed.

use std::collections::BTreeMap;

use firedrill_core::Outcome;
use firedrill_simulator::{FaultKind, Kind, Scenario, Statistics, play};

#[test]
fn no_instance_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    no_history_ends_badly(Kind::Instances);
}

#[test]
fn no_cdn_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    no_history_ends_badly(Kind::Distribution);
}

#[test]
fn no_database_history_ends_with_something_left_behind_or_a_verdict_that_is_not_true() {
    no_history_ends_badly(Kind::Database);
}

fn no_history_ends_badly(kind: Kind) {
    let histories = std::env::var("FIREDRILL_HISTORIES").map_or(100_000, |n| n.parse().unwrap());
    let tally = Statistics::of_many(kind, 0..histories, |_| true);
    println!("{} histories, {} injected, {} open", tally.histories, tally.injected, tally.open);
    let bad = tally.bad;
    // One seed of each kind, without the moments in it.
    let kind_of = |what: &str| what.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let first: BTreeMap<String, &(u64, String)> = bad.iter().rev().map(|b| (kind_of(&b.1), b)).collect();
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
        assert!(times * 100 >= tally.histories, "{outcome} occurs only {times} times");
    }
    let least = if histories >= 100_000 { 1_000 } else { 1 };
    for trouble in FaultKind::ALL.iter().filter(|trouble| trouble.applies_to(kind)) {
        let times = tally.coverage.times(*trouble);
        assert!(times >= least, "{trouble:?} is met only {times} times");
    }
}

#[test]
fn one_seed_replays_one_history() {
    for kind in [Kind::Instances, Kind::Distribution, Kind::Database] {
        for seed in 0..50 {
            let (once, again) = (play(Scenario::draw(kind, seed)), play(Scenario::draw(kind, seed)));
            assert_eq!((once.log, once.run), (again.log, again.run), "{kind:?}, seed {seed}");
        }
    }
}
