//! Evidence: what a verdict rests on, append-only and bounded, written beside the head.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    CallOutcome, ClockName, Phase, ProbeAnswer, Run, Timestamp, Tristate,
    failover::JournalEntry,
    gate::GateAnswer,
    plan::{Excluded, Hop, Plan},
    run::EvidenceCounts,
};

/// The most evidence items of a run. Further ones are counted, not kept.
pub const MAX_ITEMS: u64 = 5_000;
/// The number of items, of all kinds, at which further probe answers and changes of owner are only counted: a flapping
/// probe, or a run that is held for days, must not displace calls, phases and pages.
const MAX_ITEMS_WITH_PROBES: u64 = 3_500;
/// The longest span of equal answers in one item, in milliseconds.
const MAX_SEGMENT_MS: u64 = 300_000;

/// One piece of evidence. Moments are ours unless a clock is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Evidence {
    /// Equal answers of one probe in a row.
    Probe {
        /// The probe's name.
        probe: String,
        /// The answer.
        seen: Tristate,
        /// When the first of them was asked.
        from: Timestamp,
        /// When the last of them was answered.
        to: Timestamp,
        /// The number of answers.
        answers: u64,
        /// What the first of them rests on: a status, an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The states of the targets that changed.
    Targets {
        /// When they were read.
        at: Timestamp,
        /// The state of each target, by its id.
        states: BTreeMap<String, String>,
    },
    /// How the targets were chosen.
    Selection {
        /// When they were chosen.
        at: Timestamp,
        /// The seed that repeats the choice.
        seed: u64,
        /// The number of targets to choose from.
        fitting: usize,
        /// The chosen targets.
        chosen: Vec<String>,
        /// The targets left out, and why. At most 250 are named.
        excluded: Vec<Excluded>,
    },
    /// The state of a gate, the first time and whenever it changed.
    Gate {
        /// When it was read.
        at: Timestamp,
        /// The gate and its state.
        #[serde(flatten)]
        answer: GateAnswer,
    },
    /// A mutating call.
    Call {
        /// Just before it was sent; `None` if it never was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<Timestamp>,
        /// When the answer came, or the call deadline ended the wait.
        answered: Timestamp,
        /// `inject N` or `undo STEP`.
        decision: String,
        /// The outcome of the call.
        outcome: CallOutcome,
    },
    /// A change of an alarm, from its history.
    Alarm {
        /// When it changed, by `clock`.
        at: Timestamp,
        /// The clock.
        clock: ClockName,
        /// The alarm's name.
        alarm: String,
        /// The summary in its history.
        summary: String,
    },
    /// The run went from one phase to another.
    Phase {
        /// When it changed.
        at: Timestamp,
        /// The phase before.
        from: Phase,
        /// The phase after.
        to: Phase,
        /// The owner that changed it.
        by: String,
    },
    /// Another invocation than the one that started the run continues it. It never injects.
    Continued {
        /// When it began to.
        at: Timestamp,
        /// Its owner.
        by: String,
    },
    /// Each hop from the trigger to its effect, as it was read.
    Wiring {
        /// When they were read.
        at: Timestamp,
        /// The hops, from the alarm on.
        hops: Vec<Hop>,
    },
    /// What the failover function did about a change of the trigger's alarm, from its journal.
    Failover {
        /// When it concluded, by its clock.
        at: Timestamp,
        /// Its journal entry.
        entry: Box<JournalEntry>,
    },
    /// What AWS shows of the resource that fails over: a distribution's origins and whether they are
    /// deployed, a database's status and writer. That is configuration: who serves is in the probes' answers.
    Effect {
        /// When it was read.
        at: Timestamp,
        /// The resource's id.
        resource: String,
        /// Its state, such as `default -> primary, Deployed`.
        state: String,
    },
    /// An event that the AWS service published.
    Event {
        /// When it happened, by `clock`.
        at: Timestamp,
        /// The clock.
        clock: ClockName,
        /// The resource's id.
        resource: String,
        /// The event's message.
        message: String,
    },
    /// A page was sent to operators, or could not be.
    Paged {
        /// When it was sent.
        at: Timestamp,
        /// The page's cause.
        cause: String,
        /// Why it could not be sent; `None` if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// The plan of a request with `execute: false`.
    Plan {
        /// When it was made.
        at: Timestamp,
        /// The plan.
        plan: Box<Plan>,
    },
    /// Anything else that an operator should know.
    Note {
        /// When it was noted.
        at: Timestamp,
        /// The note, in a sentence.
        text: String,
    },
}

/// Collects the evidence of one invocation between two writes.
#[derive(Debug)]
pub struct Recorder {
    prefix: String,
    next: u64,
    /// For each probe, its last equal answers in a row, which may become more.
    open: Vec<Option<Evidence>>,
    gates: BTreeMap<String, Tristate>,
    waiting: Vec<(String, Evidence)>,
}

impl Recorder {
    /// A recorder for one invocation. Its items sort behind those of earlier invocations, and never share their keys.
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
        // Counted over the whole run: a probe may flap in each of a hundred ticks, and each tick is another owner.
        let of_each_tick = matches!(item, Evidence::Probe { .. } | Evidence::Continued { .. });
        if counts.written >= if of_each_tick { MAX_ITEMS_WITH_PROBES } else { MAX_ITEMS } {
            counts.cut = counts.cut.saturating_add(1);
            return;
        }
        counts.written += 1;
        self.next += 1;
        self.waiting.push((format!("{}#{:06}", self.prefix, self.next), item));
    }

    /// Adds a probe's answer: equal answers in a row become one item.
    pub fn answer(&mut self, run: &mut Run, index: usize, answer: &ProbeAnswer) {
        let Some(slot) = self.open.get_mut(index) else { return };
        if let Some(Evidence::Probe { seen, from, to, answers, detail, .. }) = slot
            && *seen == answer.seen
            && *detail == answer.detail
            && answer.answered.millis_since(*from) < MAX_SEGMENT_MS
        {
            *to = answer.answered;
            *answers += 1;
            return;
        }
        let new = Evidence::Probe {
            probe: run.limits.probes[index].probe.clone(),
            seen: answer.seen,
            from: answer.asked,
            to: answer.answered,
            answers: 1,
            detail: answer.detail.clone(),
        };
        if let Some(old) = slot.replace(new) {
            self.add(&mut run.evidence, old);
        }
    }

    /// Adds a gate's state: only changes become items.
    pub fn gate(&mut self, counts: &mut EvidenceCounts, at: Timestamp, answer: &GateAnswer) {
        if self.gates.get(&answer.gate) != Some(&answer.open) {
            self.gates.insert(answer.gate.clone(), answer.open);
            self.add(counts, Evidence::Gate { at, answer: answer.clone() });
        }
    }

    /// Turns the answers collected so far into items: at a change of phase, and when an invocation ends.
    pub fn close_all(&mut self, run: &mut Run) {
        for index in 0..self.open.len() {
            if let Some(answers) = self.open[index].take() {
                self.add(&mut run.evidence, answers);
            }
        }
    }

    /// The items that wait to be written, with their keys.
    #[must_use]
    pub fn waiting(&self) -> &[(String, Evidence)] {
        &self.waiting
    }

    /// Forgets the waiting items, which were written.
    pub fn written(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each minute a tick of the watchdog is another owner.
    #[test]
    fn a_run_that_is_held_for_weeks_never_loses_the_calls_that_end_it() {
        let (mut counts, at) = (EvidenceCounts::default(), Timestamp::from_millis(0));
        let (prefix, open, gates, waiting) = (String::new(), Vec::new(), BTreeMap::new(), Vec::new());
        let mut recorder = Recorder { prefix, next: 0, open, gates, waiting };
        for tick in 0..20_000 {
            recorder.add(&mut counts, Evidence::Continued { at, by: format!("tick {tick}") });
        }
        let kept = recorder.waiting().len();
        recorder.add(&mut counts, Evidence::Note { at, text: "released".to_owned() });
        assert_eq!(recorder.waiting().len(), kept + 1, "{counts:?}");
    }
}
