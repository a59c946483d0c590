//! `cargo simulate`: plays any number of histories, or shows one of them as a timeline.

use std::{collections::BTreeMap, io::IsTerminal as _, ops::Range};

use firedrill_core::{Timestamp, kind::DrillKind};
use firedrill_simulator::{Event, FaultKind, History, Scenario, Statistics, oracle, play};
use indicatif::{ProgressBar, ProgressStyle};

/// Plays the histories of these seeds, of each of these drill kinds, and prints their statistics; whether none was bad. The first bad
/// one ends it, and is printed with the command that replays it.
#[must_use]
pub(crate) fn many(drills: &[DrillKind], seeds: Range<u64>) -> bool {
    for &drill in drills {
        let shown = std::io::stdout().is_terminal();
        let bar = if shown { ProgressBar::new(seeds.end - seeds.start) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {bar:30} {human_pos} of {human_len}, {per_sec}, {eta}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(drill.row().name);
        let statistics = Statistics::of_many(drill, seeds.clone(), |part| {
            bar.inc(part.histories);
            part.bad.is_empty()
        });
        bar.finish_and_clear();
        println!(
            "{}: {} histories, {} injected, {} left to operators",
            drill, statistics.histories, statistics.injected, statistics.open
        );
        println!("  outcomes: {}", shares(&statistics.outcomes, statistics.histories));
        println!("  faults: {}", fault_counts(&statistics, drill));
        if let Some((seed, what)) = statistics.bad.first() {
            println!("  BAD: seed {seed}: {what}");
            println!("  replay it: cargo simulate {drill} --seed {seed}");
            return false;
        }
        println!("  none was bad");
    }
    true
}

/// Prints one history: its scenario, its timeline and the oracle's judgement; whether it is good.
#[must_use]
pub(crate) fn one(drill: DrillKind, seed: u64) -> bool {
    let history = play(Scenario::draw(drill, seed));
    println!("{drill}, seed {seed}\n");
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
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
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

/// The scenario, a field in each line, without what does not occur.
fn circumstances(scenario: &Scenario) -> Vec<String> {
    let all = format!("{scenario:#?}").replace("Some(\n", "(\n");
    let absent = |line: &&str| [": None,", ": false,", ": [],"].iter().any(|end| line.ends_with(end));
    let lines: Vec<&str> = all.lines().filter(|line| !absent(line)).collect();
    // Without the outermost braces.
    let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
    inner.iter().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned()).collect()
}

/// Every event, with its time.
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

/// How often each kind of fault occurred that can occur in this drill kind.
fn fault_counts(statistics: &Statistics, kind: DrillKind) -> String {
    let all = FaultKind::ALL.iter().filter(|fault| fault.applies_to(kind));
    all.map(|fault| format!("{fault:?} {}", statistics.occurrences.times(*fault)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_told_in_words_and_without_what_does_not_occur() {
        let history = play(Scenario::draw(DrillKind::Instance, 3));
        let told = circumstances(&history.scenario).join("\n");
        assert!(told.contains("seed: 3") && !told.contains("None") && !told.contains("false"), "{told}");
        assert_eq!(timeline(&history).len(), history.log.len());
        assert!(timeline(&history).iter().all(|line| line.contains(" s  ")), "{:#?}", timeline(&history));
    }
}
