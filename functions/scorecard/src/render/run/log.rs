//! Log: what the evidence says, in the order in which it happened. A run has up to 5,000 pieces of evidence; the page
//! shows the most telling ones and says what it leaves out.

use std::collections::BTreeMap;

use firedrill_core::{CallOutcome, Phase, Timestamp, Tristate, evidence::Evidence, run::EvidenceCounts};

use super::RunRecord;
use crate::{
    render::{
        moment::{clock, relative},
        text::Text,
    },
    words::count_of,
};

/// The most entries of the log.
const MAX_ENTRIES: usize = 150;

/// The log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// The entries, the earliest first.
    pub entries: Vec<Entry>,
    /// What is not shown, in words; none if all is.
    pub left_out: Option<String>,
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// When it happened, counted from the injection.
    pub relative: String,
    /// The same as a moment in UTC, as RFC 3339 has it.
    pub at: String,
    /// What it is about: ours.
    pub about: &'static str,
    /// What happened: as the record has it.
    pub text: Text,
}

/// How much an entry tells: what tells most is never left out for what tells less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Decisive,
    Telling,
    Routine,
}

/// The log of a run, counted from `zero`.
pub(super) fn log(record: RunRecord<'_>, zero: Option<Timestamp>) -> Log {
    let mut last_answers = BTreeMap::new();
    let mut found: Vec<(Weight, Timestamp, Entry)> = Vec::new();
    for item in record.evidence {
        if let Evidence::Probe { probe, seen, .. } = item
            && last_answers.insert(probe.as_str(), *seen) == Some(*seen)
        {
            continue;
        }
        found.extend(entry(item, zero));
    }
    found.sort_by_key(|(weight, at, _)| (*weight, *at));
    let cut = found.split_off(found.len().min(MAX_ENTRIES));
    found.sort_by_key(|(_, at, _)| *at);
    let entries = found.into_iter().map(|(_, _, entry)| entry).collect();
    Log { entries, left_out: left_out(&cut, record.run.evidence) }
}

/// What is not shown.
fn left_out(cut: &[(Weight, Timestamp, Entry)], counts: EvidenceCounts) -> Option<String> {
    let mut by_kind: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, _, entry) in cut {
        *by_kind.entry(entry.about).or_default() += 1;
    }
    let mut words: Vec<String> =
        by_kind.into_iter().map(|(about, number)| format!("{number} of “{about}”")).collect();
    if counts.cut > 0 {
        let items = count_of(
            counts.cut,
            "item that the record counted and did not keep",
            "items that the record counted and did not keep",
        );
        words.push(items);
    }
    (!words.is_empty()).then(|| format!("Not shown here: {}.", words.join(", ")))
}

/// The entry of a piece of evidence; none of what has a part of the page for itself.
fn entry(item: &Evidence, zero: Option<Timestamp>) -> Option<(Weight, Timestamp, Entry)> {
    let (weight, at, about, text) = match item {
        Evidence::Phase { at, from, to, by } => {
            (Weight::Decisive, *at, "phase", format!("{} → {}, by {by}", phase(*from), phase(*to)))
        }
        Evidence::Call { sent, answered, decision, outcome } => (
            Weight::Decisive,
            sent.unwrap_or(*answered),
            "call",
            format!("{decision}: {}", call_outcome(outcome)),
        ),
        Evidence::Paged { at, cause, error: None } => {
            (Weight::Decisive, *at, "page", format!("operators were paged: {cause}"))
        }
        Evidence::Paged { at, cause, error: Some(error) } => {
            (Weight::Decisive, *at, "page", format!("operators could not be paged: {cause}: {error}"))
        }
        Evidence::Failover { at, entry } => (Weight::Decisive, *at, "failover", entry.describe()),
        Evidence::Note { at, text } => (Weight::Decisive, *at, "note", text.clone()),
        Evidence::Alarm { at, clock: by, alarm, summary } => {
            (Weight::Telling, *at, "alarm", format!("{alarm}: {summary} (clock of {})", clock(*by)))
        }
        Evidence::Event { at, clock: by, resource, message } => {
            (Weight::Telling, *at, "event", format!("{resource}: {message} (clock of {})", clock(*by)))
        }
        Evidence::Effect { at, resource, state } => {
            (Weight::Telling, *at, "effect", format!("{resource}: {state}"))
        }
        Evidence::Targets { at, states } => (Weight::Telling, *at, "targets", targets(states)),
        Evidence::Selection { at, seed, fitting, chosen, excluded } => {
            let text = format!(
                "{} of {fitting} chosen with seed {seed}: {}; {} left out",
                chosen.len(),
                chosen.iter().take(10).cloned().collect::<Vec<_>>().join(", "),
                excluded.len()
            );
            (Weight::Telling, *at, "selection", text)
        }
        Evidence::Probe { probe, seen, from, detail, .. } => {
            let answer = match seen {
                Tristate::Yes => "yes",
                Tristate::No => "no",
                Tristate::Unknown => "could not be asked",
            };
            let detail = detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            (Weight::Routine, *from, "probe", format!("{probe}: {answer}{detail}"))
        }
        Evidence::Continued { at, by } => (Weight::Routine, *at, "owner", format!("continued by {by}")),
        Evidence::Gate { .. } | Evidence::Wiring { .. } | Evidence::Plan { .. } => return None,
    };
    let relative = zero.map(|zero| relative(at, zero)).unwrap_or_default();
    Some((weight, at, Entry { relative, at: at.to_string(), about, text: Text::new(&text) }))
}

fn targets(states: &BTreeMap<String, String>) -> String {
    let mut words: Vec<String> =
        states.iter().take(10).map(|(target, state)| format!("{target} {state}")).collect();
    if states.len() > words.len() {
        words.push(format!("and {} more", states.len() - words.len()));
    }
    words.join(", ")
}

/// A phase in words.
pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "pending",
        Phase::Checking => "checking",
        Phase::Injecting => "injecting",
        Phase::Recovering => "recovering",
        Phase::RollingBack => "rolling back",
        Phase::Verifying => "verifying",
        Phase::Held => "held",
        Phase::Finished => "finished",
    }
}

/// The outcome of a call in words.
pub(super) fn call_outcome(outcome: &CallOutcome) -> String {
    match outcome {
        CallOutcome::Done => "AWS answered that it succeeded".to_owned(),
        CallOutcome::NotExecuted { code, message, .. } => format!("not executed: {code}: {message}"),
        CallOutcome::Unknown { message } => format!("may have been executed: {message}"),
    }
}
