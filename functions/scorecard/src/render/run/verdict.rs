//! Verdict: did it work, and is everything back, in a few sentences.

use firedrill_core::{
    Outcome, Phase, Run, Verdict,
    report::Report,
    request::Mode,
    run::{Hold, StepState},
};

use crate::{
    render::{
        moment::span,
        state::{self, Shown, Tone},
        text::Text,
    },
    words::count_of,
};

/// Did it work.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The outcome, or where the run stands.
    pub state: Shown,
    /// What that means, in sentences of ours.
    pub sentences: Vec<String>,
    /// Whether everything is as it was before the run; none before that can be asked.
    pub restored: Option<Restored>,
    /// The reason as the record has it; none if the sentences say the same.
    pub reason: Option<Text>,
}

/// Whether everything is as it was before the run.
#[derive(Clone, Debug)]
pub(super) struct Restored {
    /// Whether it is.
    pub state: Shown,
    /// What that means, in a sentence of ours.
    pub sentence: String,
    /// What was missing when a rollback failed, as the record has it; it may have come back since.
    pub missing: Option<Text>,
}

impl Restored {
    fn new(word: &'static str, tone: Tone, sentence: impl Into<String>) -> Self {
        Self { state: Shown::new(word, tone), sentence: sentence.into(), missing: None }
    }
}

/// The answer of this run.
pub(super) fn answer(run: &Run, report: &Report) -> Answer {
    let reason = run.reason.as_deref().filter(|_| !says_the_reason(run)).map(Text::new);
    let (state, sentences) = if run.phase == Phase::Finished {
        match run.outcome {
            Some(outcome) => (state::outcome(outcome), finished(run, report, outcome)),
            None => {
                (Shown::new("outcome unknown", Tone::Warn), vec!["The record has no outcome.".to_owned()])
            }
        }
    } else {
        open(run, report)
    };
    Answer { state, sentences, restored: restored(run), reason }
}

/// Whether the sentences say already what the reason on record says.
pub(super) const fn says_the_reason(run: &Run) -> bool {
    matches!(run.verdict, Some(Verdict::Recovered | Verdict::ObjectiveMissed))
}

/// What an outcome means.
fn finished(run: &Run, report: &Report, outcome: Outcome) -> Vec<String> {
    let mut sentences = match outcome {
        Outcome::Planned => {
            return vec!["This was a plan: it counts in no cadence.".to_owned()];
        }
        Outcome::Skipped => return vec!["Nothing was learned.".to_owned()],
        Outcome::RollbackFailed => {
            vec!["The undo, or the return of the steady state, was not seen in time. This never counts as a pass.".to_owned()]
        }
        Outcome::Recovered
        | Outcome::ObjectiveMissed
        | Outcome::NotRecovered
        | Outcome::NotInjected
        | Outcome::Stopped
        | Outcome::Inconclusive => Vec::new(),
    };
    sentences.extend(run.verdict.iter().flat_map(|verdict| learned(run, report, *verdict)));
    sentences
}

/// What a verdict means, and how long users waited.
fn learned(run: &Run, report: &Report, verdict: Verdict) -> Vec<String> {
    let objective = span(report.objective_ms);
    match verdict {
        Verdict::Recovered => waited(run, report),
        Verdict::ObjectiveMissed => {
            let over = report.time_to_recover.map(|time| time.ms.saturating_sub(report.objective_ms));
            let over = over.map(|ms| format!("That is {} too long.", span(ms)));
            let mut sentences = waited(run, report);
            // It belongs right behind the two times that it compares.
            sentences.splice(1..1, over);
            sentences
        }
        Verdict::NotRecovered => {
            let limit = span(firedrill_core::millis(run.limits.give_up_after));
            let what = if run.mode.lasts() {
                "The application did not recover"
            } else {
                "The standby did not take over"
            };
            vec![
                format!("{what} within {limit}; the objective is {objective}."),
                impairment(report).to_owned(),
            ]
        }
        Verdict::NotInjected => {
            vec!["The failure was never seen in place: nothing was learned about recovery.".to_owned()]
        }
        Verdict::Stopped => {
            vec!["The run was ended early: it does not tell whether the application recovers.".to_owned()]
        }
        Verdict::Skipped => vec!["Nothing was learned.".to_owned()],
        Verdict::Inconclusive => vec![format!(
            "The evidence cannot tell whether the application recovered within its objective of {objective}."
        )],
    }
}

/// How long users waited, or would have waited, against what was promised.
fn waited(run: &Run, report: &Report) -> Vec<String> {
    let objective = span(report.objective_ms);
    let Some(time) = report.time_to_recover else {
        return vec![format!("How long recovery took is not on record; the objective is {objective}.")];
    };
    let resolution = if time.resolution_ms == 0 {
        String::new()
    } else {
        format!(" (resolution {})", span(time.resolution_ms))
    };
    let time = span(time.ms);
    match (run.mode, report.impaired) {
        (Mode::Stop, Some(true)) => {
            vec![format!("Users waited {time}{resolution}; the objective is {objective}.")]
        }
        (Mode::Stop, Some(false)) => {
            vec![format!("Users were served throughout; the objective is {objective}.")]
        }
        (Mode::Stop, None) => vec![
            format!("The application recovered after {time}{resolution}; the objective is {objective}."),
            impairment(report).to_owned(),
        ],
        // Nobody was cut off: what is judged is how long users would have waited, had the failure been real.
        (Mode::Alarm | Mode::Metric, _) => vec![
            format!(
                "The standby served {time} after the injection{resolution}; the objective is {objective}."
            ),
            impairment(report).to_owned(),
        ],
    }
}

/// Whether users saw failures.
const fn impairment(report: &Report) -> &'static str {
    match report.impaired {
        Some(true) => "Users saw failures.",
        Some(false) => "Users were served throughout.",
        None => "Whether users saw failures cannot be told.",
    }
}

/// Whether everything is as it was before the run.
fn restored(run: &Run) -> Option<Restored> {
    let restored = match run.phase {
        Phase::Pending | Phase::Checking | Phase::Injecting | Phase::Recovering => return None,
        Phase::Held => Restored::new("not restored", Tone::Bad, "The undo waits for a person."),
        Phase::RollingBack | Phase::Verifying if run.outcome == Some(Outcome::RollbackFailed) => {
            Restored::new("not restored", Tone::Bad, "Not everything is back.")
        }
        Phase::RollingBack | Phase::Verifying => {
            let what = "It is not known yet whether everything is back.";
            Restored::new("not restored yet", Tone::Warn, what)
        }
        Phase::Finished => undone(run),
    };
    Some(Restored { missing: run.missing.as_deref().map(Text::new), ..restored })
}

/// What came of the undo, by its steps.
fn undone(run: &Run) -> Restored {
    let in_state = |state| run.undo.iter().filter(|step| step.progress.state == state).count() as u64;
    let (left, open) = (in_state(StepState::LeftToOperators), in_state(StepState::Open));
    let were = |number| count_of(number, "step of the undo was", "steps of the undo were");
    if left > 0 {
        Restored::new("not restored", Tone::Bad, format!("{} left to operators.", were(left)))
    } else if run.undo.is_empty() && run.injection.is_none() {
        Restored::new("not touched", Tone::None, "There is nothing to undo.")
    } else if run.injection_began().is_none() {
        let what = "No call can have had an effect: there was nothing to undo.";
        Restored::new("not touched", Tone::None, what)
    } else if open > 0 {
        Restored::new("not restored", Tone::Bad, format!("{} not seen done.", were(open)))
    } else if run.times.steady_again.is_some() {
        Restored::new("restored", Tone::Ok, "Everything is back as it was.")
    } else {
        let what = "The undo is done; the return of the steady state is not on record.";
        Restored::new("cannot tell", Tone::Unknown, what)
    }
}

/// Where a run stands that is not finished.
fn open(run: &Run, report: &Report) -> (Shown, Vec<String>) {
    let so_far = run.verdict.iter().flat_map(|verdict| learned(run, report, *verdict));
    if run.outcome == Some(Outcome::RollbackFailed) {
        let what = "The undo is tried again until it is seen, or a person releases the run.";
        let sentences = so_far.chain([what.to_owned()]).collect();
        return (Shown::new("rollback failed", Tone::Bad), sentences);
    }
    let (shown, what) = match run.phase {
        Phase::Pending => (Shown::new("pending", Tone::None), "The run is on record and has not begun."),
        Phase::Checking => (
            Shown::new("checking", Tone::None),
            "Gates are read, and the steady state must hold. Nothing has been touched.",
        ),
        Phase::Injecting => (Shown::new("injecting", Tone::Warn), "The failure is being injected."),
        Phase::Recovering => {
            (Shown::new("recovering", Tone::Warn), "The failure is in place. The application should recover.")
        }
        Phase::RollingBack => (Shown::new("rolling back", Tone::Warn), "The failure is being undone."),
        Phase::Verifying => {
            (Shown::new("verifying", Tone::Warn), "The undo is done. The steady state must hold again.")
        }
        Phase::Held => (Shown::new("held", Tone::Bad), held(run)),
        Phase::Finished => (Shown::new("finished", Tone::None), ""),
    };
    let verdict = so_far.collect::<Vec<_>>();
    (shown, std::iter::once(what.to_owned()).chain(verdict).collect())
}

const fn held(run: &Run) -> &'static str {
    match run.hold {
        Some(Hold::RealIncident) => {
            "The run waits for a person: what traffic would move back to is not well, or an alarm went off that this run did not \
             cause."
        }
        Some(Hold::PrimaryUnknown) | None => {
            "The run waits for a person: whether what traffic would move back to is well cannot be read."
        }
    }
}
