//! Recorded evidence: what one invocation has recorded of a run, so that each finding is recorded once.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{ProbeAnswer, Timestamp, Tristate, evidence::Evidence, failover::Done, plan::Excluded};

/// The evidence that this invocation has recorded.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// The state of each target, by its id.
    states: BTreeMap<String, String>,
    /// The latest choice of targets: the seed, how many to choose from, the chosen and the excluded.
    selection: Option<(u64, usize, Vec<String>, Vec<Excluded>)>,
    /// Changes and actions of alarms: when, and CloudWatch's summary.
    alarms: BTreeSet<(Timestamp, String)>,
    /// The alarm of the latest of them.
    alarm: Option<String>,
    /// The failover functions' entries, by key, and what each had done.
    journal: BTreeMap<String, Option<Done>>,
    /// The services' events: when, and the message.
    events: BTreeSet<(Timestamp, String)>,
    /// The latest state of each resource that fails over.
    resources: BTreeMap<String, String>,
    /// Whether the wiring is recorded.
    wiring: bool,
    notes: BTreeSet<String>,
    /// The latest answer of the identity probe.
    identity: Option<String>,
    /// The latest answer of each probe that the run loop does not record by itself.
    probes: BTreeMap<String, (Tristate, Option<String>)>,
}

impl Recorded {
    /// What is new in this finding; none if it is recorded already.
    pub fn note(&mut self, found: Evidence) -> Option<Evidence> {
        match found {
            Evidence::Targets { at, mut states } => {
                states.retain(|id, state| self.states.get(id) != Some(state));
                self.states.extend(states.clone());
                (!states.is_empty()).then_some(Evidence::Targets { at, states })
            }
            Evidence::Selection { seed, fitting, ref chosen, ref excluded, .. } => {
                let choice = Some((seed, fitting, chosen.clone(), excluded.clone()));
                (std::mem::replace(&mut self.selection, choice.clone()) != choice).then_some(found)
            }
            Evidence::Alarm { at, ref summary, ref alarm, .. } => {
                self.alarm = Some(alarm.clone());
                self.alarms.insert((at, summary.clone())).then_some(found)
            }
            Evidence::Failover { ref entry, .. } => {
                (self.journal.insert(entry.key(), entry.done) != Some(entry.done)).then_some(found)
            }
            Evidence::Event { at, ref message, .. } => {
                self.events.insert((at, message.clone())).then_some(found)
            }
            Evidence::Effect { ref resource, ref state, .. } => {
                (self.resources.insert(resource.clone(), state.clone()).as_ref() != Some(state))
                    .then_some(found)
            }
            Evidence::Wiring { .. } => (!std::mem::replace(&mut self.wiring, true)).then_some(found),
            Evidence::Note { ref text, .. } => self.notes.insert(text.clone()).then_some(found),
            Evidence::Probe { ref probe, seen, ref detail, .. } => {
                let answer = (seen, detail.clone());
                (self.probes.insert(probe.clone(), answer.clone()) != Some(answer)).then_some(found)
            }
            other => Some(other),
        }
    }

    /// Keeps an answer of the identity probe, for pages.
    pub fn note_identity(&mut self, answer: &ProbeAnswer) {
        self.identity.clone_from(&answer.detail);
    }

    /// The lines of a page that say what serves now, and how what was touched is.
    pub fn status_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(
            self.identity.iter().map(|detail| format!("The identity probe's latest answer: {detail}.")),
        );
        lines.extend(self.states.iter().map(|(id, state)| format!("{id}: {state}.")));
        lines.extend(self.resources.iter().map(|(id, state)| format!("Latest state of {id}: {state}.")));
        lines.extend(self.probes.iter().map(|(probe, (seen, detail))| {
            let health = match seen {
                Tristate::Yes => "is healthy",
                Tristate::No => "is not healthy",
                Tristate::Unknown => "could not be asked",
            };
            let detail = detail.as_deref().unwrap_or("no answer");
            format!("{}{} {health}: {detail}.", probe[..1].to_uppercase(), &probe[1..])
        }));
        if let (Some(alarm), Some((at, summary))) = (&self.alarm, self.alarms.last()) {
            lines.push(format!("Alarm {alarm}: {summary} at {at}."));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_that_did_not_change_is_never_written_down_again() {
        let mut recorded = Recorded::default();
        let choice = |at, id: &str| Evidence::Selection {
            at: Timestamp::from_millis(at),
            seed: 1,
            fitting: 2,
            chosen: vec![id.to_owned()],
            excluded: Vec::new(),
        };
        let new = [(0, "i-1"), (1, "i-1"), (2, "i-2"), (3, "i-2"), (4, "i-1")]
            .map(|(at, id)| recorded.note(choice(at, id)).is_some());
        assert_eq!(new, [true, false, true, false, true]);
    }

    #[test]
    fn only_the_targets_whose_state_changed_are_written_down() {
        let mut recorded = Recorded::default();
        let states = |pairs: &[(&str, &str)]| Evidence::Targets {
            at: Timestamp::from_millis(0),
            states: pairs.iter().map(|(id, state)| ((*id).to_owned(), (*state).to_owned())).collect(),
        };
        assert!(recorded.note(states(&[("i-1", "running"), ("i-2", "running")])).is_some());
        assert_eq!(recorded.note(states(&[("i-1", "running")])), None);
        let changed = states(&[("i-2", "stopping")]);
        assert_eq!(
            recorded.note(states(&[("i-1", "running"), ("i-2", "stopping")])),
            Some(changed),
            "what did not change is left out"
        );
    }
}
