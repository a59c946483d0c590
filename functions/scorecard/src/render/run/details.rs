//! Details: gates, wiring, what was done and undone, who carried the run on, and how much evidence there is.

use std::collections::BTreeMap;

use firedrill_core::{
    Run, UndoStep,
    evidence::Evidence,
    gate::GateAnswer,
    plan::Hop,
    run::{Call, Page, StepState},
};

use super::{
    RunRecord,
    log::call_outcome,
    plan::{Line, some},
    verdict::says_the_reason,
};
use crate::{
    render::{
        listed::Listed,
        moment::exact,
        state::{Shown, Tone, tristate},
        text::Text,
    },
    words::{count, count_of},
};

/// The most lines of each table.
const MAX_LINES: usize = 40;

/// What is shown below the log.
#[derive(Clone, Debug)]
pub(super) struct Details {
    /// The last state of each gate.
    pub gates: Listed<Line>,
    /// The hops from the trigger on, as they were last read.
    pub wiring: Listed<HopShown>,
    /// The injecting calls.
    pub calls: Listed<Line>,
    /// The steps of the undo.
    pub undo: Listed<UndoShown>,
    /// The messages to operators.
    pub pages: Listed<Line>,
    /// Who did what with the run: name and value.
    pub people: Vec<(&'static str, Text)>,
    /// How much evidence there is.
    pub evidence: String,
    /// The command that answers with all of the record.
    pub get: Text,
}

/// One hop.
#[derive(Clone, Debug)]
pub(super) struct HopShown {
    /// Where it begins.
    pub from: Text,
    /// Where it leads.
    pub to: Text,
    /// Whether it exists.
    pub state: Shown,
    /// What was read.
    pub detail: Text,
}

/// One step of the undo.
#[derive(Clone, Debug)]
pub(super) struct UndoShown {
    /// What it does.
    pub what: Text,
    /// Where it stands.
    pub state: Shown,
    /// When it was seen done, and what its call came to.
    pub detail: Text,
}

/// The details of a run.
pub(super) fn details(record: RunRecord<'_>) -> Details {
    let RunRecord { run, evidence, .. } = record;
    let no_calls: &[Call] = &[];
    let calls = run.injection.as_ref().map_or(no_calls, |injection| &injection.calls);
    Details {
        gates: gates(evidence),
        wiring: Listed::first(wiring(evidence), MAX_LINES, hop),
        calls: Listed::first(calls, MAX_LINES, call),
        undo: Listed::first(run.undo.iter(), MAX_LINES, undo_step),
        pages: Listed::first(&run.pages, MAX_LINES, page),
        people: people(run, evidence),
        evidence: evidence_words(record),
        get: Text::up_to(&serde_json::json!({ "get": run.run_id.0 }).to_string(), 600),
    }
}

fn gates(evidence: &[Evidence]) -> Listed<Line> {
    let mut last: BTreeMap<&str, &GateAnswer> = BTreeMap::new();
    for item in evidence {
        let answers = match item {
            Evidence::Gate { answer, .. } => std::slice::from_ref(answer),
            Evidence::Plan { plan, .. } => plan.gates.as_slice(),
            _ => &[],
        };
        last.extend(answers.iter().map(|answer| (answer.gate.as_str(), answer)));
    }
    // What is closed comes first.
    let mut gates: Vec<&GateAnswer> = last.into_values().collect();
    gates.sort_by_key(|answer| answer.open == firedrill_core::Tristate::Yes);
    Listed::first(gates, MAX_LINES, |answer| Line {
        what: Text::name(&answer.gate),
        state: Some(tristate(answer.open, ["open", "closed", "cannot be read"])),
        detail: Text::new(&answer.why),
    })
}

fn wiring(evidence: &[Evidence]) -> &[Hop] {
    let last = evidence.iter().rev().find_map(|item| match item {
        Evidence::Wiring { hops, .. } => Some(hops.as_slice()),
        Evidence::Plan { plan, .. } => Some(plan.wiring.as_slice()),
        _ => None,
    });
    last.unwrap_or_default()
}

fn hop(hop: &Hop) -> HopShown {
    HopShown {
        from: Text::name(&hop.from),
        to: Text::name(&hop.to),
        state: tristate(hop.seen, ["there", "not there", "cannot be read"]),
        detail: Text::new(&hop.detail),
    }
}

fn call(call: &Call) -> Line {
    let at = call.sent.map_or("not known to have been sent".to_owned(), exact);
    let outcome = call.outcome.as_ref().map_or("no outcome on record".to_owned(), call_outcome);
    Line {
        what: Text::name(&format!("call {}", call.number)),
        state: None,
        detail: Text::new(&format!("{at}: {outcome}")),
    }
}

/// A step of the undo in words: `ec2:StartInstances on i-1 (eu-west-2): stopped → running`.
pub(super) fn step_words(step: &UndoStep) -> String {
    let (before, set) = (&step.before, &step.set);
    let moves = if step.moves_traffic { ", moves traffic" } else { "" };
    let awaited = if step.awaited { ", awaited" } else { "" };
    let resources = some(&step.resources);
    format!(
        "{}:{} on {resources} ({}{moves}{awaited}): from {set} back to {before}",
        step.service, step.action, step.region
    )
}

fn undo_step(step: &UndoStep) -> UndoShown {
    let state = match step.progress.state {
        StepState::Done => Shown::new("done", Tone::Ok),
        StepState::Open => Shown::new("open", Tone::Bad),
        StepState::LeftToOperators => Shown::new("left to operators", Tone::Warn),
    };
    let done = step.progress.done.map(|at| format!("seen at {}", exact(at)));
    let attempts = (step.progress.attempts > 0)
        .then(|| format!("sent {}", count(step.progress.attempts.into(), "time")));
    let last = step.progress.last.as_ref().map(call_outcome);
    let detail: Vec<String> = [done, attempts, last].into_iter().flatten().collect();
    UndoShown { what: Text::new(&step_words(step)), state, detail: Text::new(&detail.join("; ")) }
}

fn page(page: &Page) -> Line {
    let state = if page.sent { Shown::new("sent", Tone::Ok) } else { Shown::new("not sent", Tone::Bad) };
    let what = Text::name(&page.cause);
    let detail = format!("{}: {} ({})", exact(page.at), page.text, count(page.attempts.into(), "attempt"));
    Line { what, state: Some(state), detail: Text::up_to(&detail, 1_200) }
}

/// Who did what with the run.
fn people(run: &Run, evidence: &[Evidence]) -> Vec<(&'static str, Text)> {
    let continued = evidence.iter().filter(|item| matches!(item, Evidence::Continued { .. })).count();
    let carried = match continued {
        0 => "nobody else, as far as the evidence says".to_owned(),
        some => format!("{} later", count(some as u64, "invocation")),
    };
    let owner =
        run.owner.as_ref().map_or("nobody: the lease was handed over".to_owned(), |owner| owner.0.clone());
    let mut people = vec![("Started by", Text::name(&run.starter.0)), ("Carried on by", Text::new(&carried))];
    match &run.finished_by {
        Some(by) => people.push(("Finished by", Text::name(&by.0))),
        None => people.push(("Lease held by", Text::name(&owner))),
    }
    if let Some(stop) = &run.stop {
        people.push(("Stopped by", Text::new(&format!("{}: {}", stop.by, stop.reason))));
    }
    if let Some(release) = &run.release {
        let what = if release.fail_back { "going on with the undo" } else { "leaving the rest to operators" };
        people.push(("Released by", Text::new(&format!("{}, {what}: {}", release.by, release.reason))));
    }
    if let Some(reason) = run.reason.as_ref().filter(|_| says_the_reason(run)) {
        people.push(("Reason on record", Text::new(reason)));
    }
    if let Some(report) = &run.automation_report {
        people.push(("The automation reported", Text::new(report)));
    }
    people
}

fn evidence_words(record: RunRecord<'_>) -> String {
    let counts = record.run.evidence;
    let written = count_of(counts.written, "item is", "items are");
    let read = record.evidence.len() as u64;
    let unread = counts.written.saturating_sub(read);
    let kept = (counts.cut > 0).then(|| format!("{} more counted and not kept", counts.cut));
    let read = (unread > 0).then(|| format!("{unread} of them not read for this page"));
    let words: Vec<String> =
        [Some(format!("{written} on record")), kept, read].into_iter().flatten().collect();
    format!("{}.", words.join("; "))
}
