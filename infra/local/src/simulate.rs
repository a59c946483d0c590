//! `cargo simulate`: as many histories as one has patience for, and one of them as a timeline.

use std::{collections::BTreeMap, io::IsTerminal as _};

use firedrill_core::Timestamp;
use firedrill_simulator::{Event, FaultKind, History, Kind, Scenario, Statistics, oracle, play};
use indicatif::{ProgressBar, ProgressStyle};

use crate::stack::Drill;

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
        let tally = Statistics::of_many(kind(drill), 0..seeds, |part| {
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
        println!("  troubles: {}", troubles(&tally, kind(drill)));
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
    println!("{}, seed {seed}\n", word(drill));
    println!("circumstances (ms; what is not named does not occur)");
    for line in circumstances(&history.scenario) {
        println!("  {line}");
    }
    println!("\ntimeline (from the first injecting call on, else from the beginning)");
    for line in timeline(&history) {
        println!("  {line}");
    }
    println!();
    if let Some(run) = &history.run {
        let or_none = |word: Option<String>| word.unwrap_or_else(|| "none".to_owned());
        println!("phase    {}", run.phase);
        println!("verdict  {}", or_none(run.verdict.map(|verdict| verdict.to_string())));
        println!("outcome  {}", or_none(run.outcome.map(|outcome| outcome.to_string())));
        println!("reason   {}", run.reason.as_deref().unwrap_or("none"));
    }
    let checked = oracle::check(&history);
    match &checked {
        Ok(()) => println!("oracle   as it should be"),
        Err(what) => println!("oracle   BAD: {what}"),
    }
    checked.is_ok()
}

/// What is drawn, a line each.
fn circumstances(scenario: &Scenario) -> Vec<String> {
    let all = format!("{scenario:#?}").replace("Some(\n", "(\n");
    let absent = |line: &&str| [": None,", ": false,", ": [],"].iter().any(|end| line.ends_with(end));
    let lines: Vec<&str> = all.lines().filter(|line| !absent(line)).collect();
    // The outermost braces say nothing.
    let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
    inner.iter().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned()).collect()
}

/// What took effect, in words, and when.
fn timeline(history: &History) -> Vec<String> {
    let sent = history.log.iter().find(|logged| matches!(logged.what, Event::InjectSent { .. }));
    let origin = sent.or(history.log.first()).map_or(Timestamp::from_millis(0), |logged| logged.at);
    let line = |logged: &firedrill_simulator::Logged| {
        let ms = logged.at.as_millis() - origin.as_millis();
        let sign = if ms < 0 { '-' } else { '+' };
        let (seconds, rest) = (ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000);
        format!("{sign}{seconds:>5}.{rest:03} s  {}", logged.what)
    };
    history.log.iter().map(line).collect()
}

fn shares(of: &BTreeMap<impl ToString, u64>, all: u64) -> String {
    let tenths = |times: u64| (times * 1_000).checked_div(all).unwrap_or(0);
    let share = |times: u64| format!("{}.{} %", tenths(times) / 10, tenths(times) % 10);
    of.iter()
        .map(|(key, times)| format!("{} {}", key.to_string(), share(*times)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How often each kind of trouble was met that can occur in this drill.
fn troubles(tally: &Statistics, kind: Kind) -> String {
    let all = FaultKind::ALL.iter().filter(|trouble| trouble.applies_to(kind));
    all.map(|trouble| format!("{trouble:?} {}", tally.coverage.times(*trouble)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_told_in_words_and_without_what_does_not_occur() {
        let history = play(Scenario::draw(Kind::Instances, 3));
        let told = circumstances(&history.scenario).join("\n");
        assert!(told.contains("seed: 3") && !told.contains("None") && !told.contains("false"), "{told}");
        assert_eq!(timeline(&history).len(), history.log.len());
        assert!(timeline(&history).iter().all(|line| line.contains(" s  ")), "{:#?}", timeline(&history));
    }
}
