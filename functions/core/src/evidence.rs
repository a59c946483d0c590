//! Evidence: what a verdict rests on. Append-only, bounded, written beside the head.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CallOutcome, ClockName, Phase, ProbeAnswer, Run, Timestamp, Tristate,
    failover::JournalEntry,
    gate::GateAnswer,
    plan::{Excluded, Hop, Plan},
    run::EvidenceCounts,
};

/// So many items a run may have. Past it they are counted, not kept.
pub const MAX_ITEMS: u64 = 5_000;
/// With so many, whoever wrote them, changes of a probe's answer are counted only: a flapping probe must not push out
/// calls, phases and pages.
const MAX_ITEMS_WITH_PROBES: u64 = 3_500;
/// An unchanging answer is written down at least this often.
const MAX_SEGMENT_MS: u64 = 300_000;

/// One piece of evidence. Moments are ours unless a clock is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Evidence {
    /// A run of equal answers of one probe.
    #[serde(rename_all = "camelCase")]
    Probe {
        /// Which.
        probe: String,
        /// What it said.
        seen: Tristate,
        /// When the first of them was asked.
        from: Timestamp,
        /// When the last of them was answered.
        to: Timestamp,
        /// How many.
        answers: u64,
        /// What exactly the first of them showed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// States that changed, per target.
    #[serde(rename_all = "camelCase")]
    Targets {
        /// When they were seen.
        at: Timestamp,
        /// Target to state.
        states: BTreeMap<String, String>,
    },
    /// How the targets were chosen.
    #[serde(rename_all = "camelCase")]
    Selection {
        /// When.
        at: Timestamp,
        /// The seed that repeats the choice.
        seed: u64,
        /// How many there were to choose from.
        fitting: usize,
        /// Those chosen.
        chosen: Vec<String>,
        /// Those left out, and why. At most 250 are named.
        excluded: Vec<Excluded>,
    },
    /// What a gate said, the first time and whenever that changed.
    #[serde(rename_all = "camelCase")]
    Gate {
        /// When.
        at: Timestamp,
        /// What.
        #[serde(flatten)]
        answer: GateAnswer,
    },
    /// A mutating call.
    #[serde(rename_all = "camelCase")]
    Call {
        /// Just before it was sent; none if it never was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<Timestamp>,
        /// When the answer, or the end of waiting for it, came.
        answered: Timestamp,
        /// `inject N` or `undo STEP`.
        decision: String,
        /// What came of it.
        outcome: CallOutcome,
    },
    /// A change of an alarm, from its history.
    #[serde(rename_all = "camelCase")]
    Alarm {
        /// When, by `clock`.
        at: Timestamp,
        /// Whose clock.
        clock: ClockName,
        /// Which alarm.
        alarm: String,
        /// What its history says.
        summary: String,
    },
    /// The run went from one phase to another.
    #[serde(rename_all = "camelCase")]
    Phase {
        /// When.
        at: Timestamp,
        /// From.
        from: Phase,
        /// To.
        to: Phase,
        /// Who moved it.
        by: String,
    },
    /// Somebody else than who began the run carries it on: never to inject.
    #[serde(rename_all = "camelCase")]
    CarriedOn {
        /// Since when.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// Each hop from the trigger to its effect, as it was read.
    Wiring {
        /// When.
        at: Timestamp,
        /// From the alarm on.
        hops: Vec<Hop>,
    },
    /// What the failover function did about a change of the trigger's alarm, from its own entry.
    #[serde(rename_all = "camelCase")]
    Failover {
        /// When it concluded, by its clock.
        at: Timestamp,
        /// Its entry.
        entry: Box<JournalEntry>,
    },
    /// What AWS shows of the resource that fails over: a distribution's origins and whether they are
    /// deployed, a database's status and writer. Configured is not serving: who serves is in the probes.
    #[serde(rename_all = "camelCase")]
    Effect {
        /// When it was asked for.
        at: Timestamp,
        /// Which resource.
        resource: String,
        /// How it is.
        state: String,
    },
    /// An event of the service's own.
    #[serde(rename_all = "camelCase")]
    Event {
        /// When, by `clock`.
        at: Timestamp,
        /// Whose clock.
        clock: ClockName,
        /// Of which resource.
        resource: String,
        /// What it says.
        message: String,
    },
    /// A message to people was sent, or could not be.
    Paged {
        /// When.
        at: Timestamp,
        /// What about.
        cause: String,
        /// Why it could not be sent; none if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The plan.
    Plan {
        /// When.
        at: Timestamp,
        /// What.
        plan: Box<Plan>,
    },
    /// Something a person should know.
    Note {
        /// When.
        at: Timestamp,
        /// What.
        text: String,
    },
}

/// Collects evidence between two writes.
#[derive(Debug)]
pub struct Recorder {
    prefix: String,
    next: u64,
    open: Vec<Option<Segment>>,
    gates: BTreeMap<String, Tristate>,
    waiting: Vec<(String, Evidence)>,
}

#[derive(Debug)]
struct Segment {
    seen: Tristate,
    from: Timestamp,
    to: Timestamp,
    answers: u64,
    detail: Option<String>,
}

impl Recorder {
    /// For one invocation. Its items sort behind those of earlier ones, and never share their keys.
    #[must_use]
    pub fn new(run: &Run, began: Timestamp, owner: &str) -> Self {
        Self {
            prefix: format!("evidence#{:014}#{owner}", began.as_millis()),
            next: 0,
            open: run.limits.probes.iter().map(|_| None).collect(),
            gates: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Adds one item, or counts it if there are too many.
    pub fn add(&mut self, counts: &mut EvidenceCounts, item: Evidence) {
        let is_probe = matches!(item, Evidence::Probe { .. });
        // Of the whole run: each of a hundred ticks may be the one in which it flaps.
        if counts.written >= if is_probe { MAX_ITEMS_WITH_PROBES } else { MAX_ITEMS } {
            counts.cut += 1;
            return;
        }
        counts.written += 1;
        self.next += 1;
        self.waiting.push((format!("{}#{:06}", self.prefix, self.next), item));
    }

    /// Takes a probe's answer: equal answers in a row become one item.
    pub fn answer(&mut self, run: &mut Run, index: usize, answer: &ProbeAnswer) {
        let Some(slot) = self.open.get_mut(index) else { return };
        if let Some(segment) = slot
            && segment.seen == answer.seen
            && segment.detail == answer.detail
            && answer.answered.millis_since(segment.from) < MAX_SEGMENT_MS
        {
            segment.to = answer.answered;
            segment.answers += 1;
            return;
        }
        let new = Segment {
            seen: answer.seen,
            from: answer.asked,
            to: answer.answered,
            answers: 1,
            detail: answer.detail.clone(),
        };
        if let Some(old) = slot.replace(new) {
            self.close(run, index, old);
        }
    }

    /// Takes a gate's answer: only changes are written.
    pub fn gate(&mut self, counts: &mut EvidenceCounts, at: Timestamp, answer: &GateAnswer) {
        if self.gates.get(&answer.gate) != Some(&answer.open) {
            self.gates.insert(answer.gate.clone(), answer.open);
            self.add(counts, Evidence::Gate { at, answer: answer.clone() });
        }
    }

    /// Closes what is open: at a change of phase, and when an invocation ends.
    pub fn close_all(&mut self, run: &mut Run) {
        for index in 0..self.open.len() {
            if let Some(segment) = self.open[index].take() {
                self.close(run, index, segment);
            }
        }
    }

    fn close(&mut self, run: &mut Run, index: usize, segment: Segment) {
        let Segment { seen, from, to, answers, detail } = segment;
        let probe = run.limits.probes[index].probe.clone();
        self.add(&mut run.evidence, Evidence::Probe { probe, seen, from, to, answers, detail });
    }

    /// What waits to be written.
    #[must_use]
    pub fn waiting(&self) -> &[(String, Evidence)] {
        &self.waiting
    }

    /// It was written.
    pub fn written(&mut self) {
        self.waiting.clear();
    }
}
