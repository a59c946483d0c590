//! `cargo simulate`: as many histories as one has patience for, and one of them as a timeline.

use std::{collections::BTreeMap, fmt::Debug, io::IsTerminal as _};

use firedrill_core::Timestamp;
use firedrill_world::{Event, Kind, Scenario, Tally, oracle, play};
use indicatif::{ProgressBar, ProgressStyle};

use crate::home::Drill;

/// The world's word for a drill.
const fn kind(drill: Drill) -> Kind {
    match drill {
        Drill::Instance => Kind::Instances,
        Drill::Cdn => Kind::Distribution,
        Drill::Database => Kind::Database,
    }
}

/// The word by which the command line knows it.
const fn word(drill: Drill) -> &'static str {
    match drill {
        Drill::Instance => "instance",
        Drill::Cdn => "cdn",
        Drill::Database => "db",
    }
}

/// Plays so many histories of each of these drills and prints what they came to; whether none was bad. The
/// first bad one ends it, with the way to replay it.
#[must_use]
pub fn many(drills: &[Drill], seeds: u64) -> bool {
    for &drill in drills {
        let bar =
            if std::io::stdout().is_terminal() { ProgressBar::new(seeds) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {bar:30} {human_pos} of {human_len}, {per_sec}, {eta}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(word(drill));
        let tally = Tally::of_many(kind(drill), 0..seeds, |part| {
            bar.inc(part.histories);
            part.bad.is_empty()
        });
        bar.finish_and_clear();
        println!(
            "{}: {} histories, {} injected, {} left to people",
            word(drill),
            tally.histories,
            tally.injected,
            tally.open
        );
        println!("  outcomes: {}", shares(&tally.outcomes, tally.histories));
        println!("  troubles: {}", counts(&tally.met));
        if let Some((seed, what)) = tally.bad.first() {
            println!("  BAD: seed {seed}: {what}");
            println!("  replay it: cargo simulate {} --seed {seed}", word(drill));
            return false;
        }
        println!("  none was bad");
    }
    true
}

/// Prints one history as a timeline, with its circumstances and what the oracle says of it; whether it is good.
#[must_use]
pub fn one(drill: Drill, seed: u64) -> bool {
    let history = play(Scenario::draw(kind(drill), seed));
    println!("{}, seed {seed}\n\n{:#?}\n", word(drill), history.scenario);
    let sent = history.log.iter().find(|logged| matches!(logged.what, Event::InjectSent { .. }));
    let origin = sent.or(history.log.first()).map_or(Timestamp::from_millis(0), |logged| logged.at);
    for logged in &history.log {
        let ms = logged.at.as_millis() - origin.as_millis();
        println!("{:>+9}.{:03} s  {:?}", ms / 1_000, ms.rem_euclid(1_000), logged.what);
    }
    println!();
    if let Some(run) = &history.run {
        let or_none = |word: Option<String>| word.unwrap_or_else(|| "none".to_owned());
        println!("phase    {}", run.phase);
        println!("verdict  {}", or_none(run.verdict.map(|verdict| verdict.to_string())));
        println!("outcome  {}", or_none(run.outcome.map(|outcome| outcome.to_string())));
        println!("reason   {}", run.reason.as_deref().unwrap_or("none"));
    }
    match oracle::check(&history) {
        Ok(()) => println!("oracle   as it should be"),
        Err(what) => println!("oracle   BAD: {what}"),
    }
    oracle::check(&history).is_ok()
}

fn shares(of: &BTreeMap<impl ToString, u64>, all: u64) -> String {
    let tenths = |times: u64| (times * 1_000).checked_div(all).unwrap_or(0);
    let share = |times: u64| format!("{}.{} %", tenths(times) / 10, tenths(times) % 10);
    of.iter()
        .map(|(key, times)| format!("{} {}", key.to_string(), share(*times)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn counts(of: &BTreeMap<impl Debug, u64>) -> String {
    of.iter().map(|(key, times)| format!("{key:?} {times}")).collect::<Vec<_>>().join(", ")
}
