//! Figures: how long things took, and when each of them happened.

use firedrill_core::{
    Measured, Phase, Run, Timestamp, Verdict, millis,
    report::{Report, Took},
};

use super::zero;
use crate::{
    render::moment::{self, span},
    words::count,
};

/// One figure of the run.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// What it measures.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What qualifies it, such as its resolution.
    pub note: String,
}

/// One moment of the run.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// What happened.
    pub name: &'static str,
    /// When, counted from the injection.
    pub relative: String,
    /// When, in UTC.
    pub at: String,
    /// The clock that stamped it.
    pub clock: &'static str,
    /// How much earlier it may have been.
    pub resolution: String,
}

/// The figures of a run that injected; none of one that did not.
pub(super) fn figures(run: &Run, report: &Report) -> Vec<Figure> {
    if run.times.injected.is_none() {
        return Vec::new();
    }
    let mut figures = vec![
        measured("Time to recover", report.time_to_recover).unwrap_or_else(|| not_recovered(run)),
        Figure {
            name: "Objective",
            value: span(report.objective_ms),
            note: "for the time to recover".to_owned(),
        },
    ];
    let optional = [
        ("Time to detect", report.time_to_detect),
        ("Time to fail over", report.time_to_fail_over),
        (
            "Standby served after",
            report.time_to_serve_from_standby.filter(|time| Some(*time) != report.time_to_recover),
        ),
        ("Deployed on all edges after", report.time_to_deploy),
    ];
    figures.extend(optional.into_iter().filter_map(|(name, time)| measured(name, time)));
    if let Some(ms) = report.time_to_roll_back_ms {
        figures.push(Figure { name: "Time to roll back", value: span(ms), note: String::new() });
    }
    let answers = report.answers;
    if answers.asked > 0 {
        let unknown = answers.unknown;
        let note = if unknown == 0 { String::new() } else { format!("{unknown} could not be asked") };
        let value = format!("{} of {}", answers.failed, answers.asked);
        figures.push(Figure { name: "Answers that failed", value, note });
    }
    figures
}

fn measured(name: &'static str, time: Option<Took>) -> Option<Figure> {
    let Took { ms, resolution_ms } = time?;
    let note = if resolution_ms == 0 { String::new() } else { format!("resolution {}", span(resolution_ms)) };
    Some(Figure { name, value: span(ms), note })
}

/// The time to recover of a run that has none.
fn not_recovered(run: &Run) -> Figure {
    let (value, note) = match run.verdict {
        Some(Verdict::NotRecovered) => {
            ("not reached", format!("waited for {}", span(millis(run.limits.give_up_after))))
        }
        None if run.phase == Phase::Finished => ("cannot tell", String::new()),
        None => ("not yet", String::new()),
        Some(_) => ("cannot tell", String::new()),
    };
    Figure { name: "Time to recover", value: value.to_owned(), note }
}

/// Every moment on record, in the order in which they happened.
pub(super) fn moments(run: &Run) -> Vec<Moment> {
    let times = &run.times;
    let ours = |at: Option<Timestamp>| at.map(|at| Measured::ours(at, 0));
    let named = [
        ("Scheduled for", ours(times.scheduled)),
        ("Started", ours(times.started)),
        ("Failure injected", times.injected),
        ("Failure seen in place", times.in_place),
        ("Detected: the alarm went off", times.detected),
        ("Failed over: seen in AWS", times.failed_over),
        ("Standby served", times.serving_standby),
        ("Deployed on all edges", times.deployed),
        ("Recovered", times.recovered),
        ("Rollback began", ours(times.rollback_started_at)),
        ("Rolled back: every step seen done", times.rolled_back),
        ("Primary served again", times.failed_back),
        ("Steady state again", ours(times.steady_again)),
        ("Finished", ours(times.finished)),
    ];
    let mut known: Vec<(&'static str, Measured)> =
        named.into_iter().filter_map(|(name, at)| Some((name, at?))).collect();
    known.sort_by_key(|(_, at)| at.at);
    let zero = zero(run);
    let show = |(name, measured): (&'static str, Measured)| Moment {
        name,
        relative: zero.map(|zero| moment::relative(measured.at, zero)).unwrap_or_default(),
        at: moment::exact(measured.at),
        clock: moment::clock(measured.clock),
        resolution: if measured.resolution_ms == 0 { "–".to_owned() } else { span(measured.resolution_ms) },
    };
    known.into_iter().map(show).collect()
}

/// How many answers of a probe there were, in words.
pub(super) fn answers(number: u64) -> String {
    count(number, "answer")
}
