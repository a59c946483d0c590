//! Run page: what one run showed. It answers in the order of somebody who is woken by a failed drill: did it work,
//! is everything back, what is to be done; then how long users waited, and what happened when.

mod details;
mod figures;
mod log;
mod next;
mod plan;
mod strip;
mod timeline;
mod verdict;

use askama::Template;
use firedrill_core::{Request, Run, Timestamp, evidence::Evidence, report::report};

use self::{
    details::Details,
    figures::{Figure, Moment},
    log::Log,
    next::Next,
    plan::PlanShown,
    timeline::Timeline,
    verdict::Answer,
};
use super::{
    moment,
    page::{Frame, Link, Published},
    path,
    scorecard::INDEX,
    text::{MAX_NAME, Text, what_fails},
};

/// What the record has of one run.
#[derive(Clone, Copy, Debug)]
pub struct RunRecord<'a> {
    /// The head.
    pub run: &'a Run,
    /// The whole request; `None` if it could not be read. What only it says is then shown as not known.
    pub request: Option<&'a Request>,
    /// The evidence, in the order of its keys.
    pub evidence: &'a [Evidence],
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    heading: Text,
    subtitle: String,
    run_id: Text,
    answer: Answer,
    urgent: bool,
    next: Next,
    figures: Vec<Figure>,
    timeline: Option<Timeline>,
    moments: Vec<Moment>,
    /// From when the page counts, in words.
    counted_from: &'static str,
    log: Log,
    plan: Option<PlanShown>,
    details: Details,
}

/// The page of a run, to be published at [`run_path`](super::run_path).
///
/// # Errors
/// The page could not be written.
pub fn run_page(record: RunRecord<'_>, published: Published<'_>) -> askama::Result<String> {
    let RunRecord { run, .. } = record;
    let report = report(run);
    let zero = zero(run);
    let answer = verdict::answer(run, &report);
    let heading = format!("{} of {} in {}", run.drill, run.application, run.environment);
    let day = when(run).map_or("not begun".to_owned(), moment::day);
    // A window shows only the beginning of a title: the outcome stands there.
    let title = format!("{}: {heading}, {day}", answer.state.capitalized());
    let application = Link::new(format!("../{}", path::application_path(&run.application)), &run.application);
    let trail = vec![Link::new("../index.html", INDEX), application];
    RunPage {
        frame: Frame::new(&title, trail, &run.drill, published),
        heading: Text::up_to(&heading, 2 * MAX_NAME),
        subtitle: subtitle(run),
        run_id: Text::name(&run.run_id.0),
        urgent: run.awaits_operator(),
        next: next::next(run, record.request),
        figures: figures::figures(run, &report),
        timeline: timeline::timeline(record, published.as_of),
        moments: figures::moments(run),
        counted_from: if run.times.injected.is_some() { "From the injection" } else { "From the start" },
        log: log::log(record, zero),
        plan: plan::plan(record),
        details: details::details(record),
        answer,
    }
    .render()
}

/// The moment from which the page counts: the injection, else the start.
fn zero(run: &Run) -> Option<Timestamp> {
    run.times.injected.map(|at| at.at).or(when(run))
}

fn when(run: &Run) -> Option<Timestamp> {
    run.times.started.or(run.times.scheduled)
}

/// When it ran, what started it, and what it did, in a line.
fn subtitle(run: &Run) -> String {
    use firedrill_core::run::Caller;
    let by = match run.caller {
        Caller::Schedule => "started by its schedule",
        Caller::Rule => "started by an event rule",
        Caller::Direct => "started by a direct call",
    };
    let at = when(run).map_or("not begun".to_owned(), moment::long);
    let mode = run.mode;
    format!("{at} · {by} · mode {mode}: {}, which exercises {}", what_fails(mode), mode.exercises())
}
