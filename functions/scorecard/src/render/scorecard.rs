//! Scorecard pages: the index over all applications, and a page for each. Both have the same parts in the same order;
//! the index names the worst drills and leaves the others to their applications' pages, so that it stays small
//! however many there are.

mod answers;
mod bullet;
mod calendar;
mod coverage;
mod drills;
mod findings;
mod history;
mod losses;
mod rest;
mod scope;

use askama::Template;
use firedrill_core::text::cut;

pub use self::scope::RunPages;
pub(super) use self::{
    answers::{AnswerShown, answers},
    drills::state_words,
    findings::{FindingShown, findings},
    scope::Scope,
};
use self::{
    calendar::Calendar,
    coverage::{CoverageShown, StageShown},
    drills::DrillRow,
    history::HistoryShown,
    losses::LossShown,
    rest::RestShown,
};
use super::{
    listed::Listed,
    moment,
    page::{Frame, Link, Published},
    text::{MAX_SHORT, Text},
};
use crate::{model::Scorecard, words::count};

/// What the index is called where another page links to it.
pub(crate) const INDEX: &str = "All applications";
/// The most applications that a heading names.
const MAX_NAMED: usize = 3;

#[derive(Template)]
#[template(path = "scorecard.html")]
struct ScorecardPage<'a> {
    frame: Frame,
    heading: Text,
    subtitle: String,
    is_index: bool,
    /// Whether the applications of the answers are linked to.
    links: bool,
    root: &'a str,
    unread: Listed<Text>,
    answers: Listed<AnswerShown>,
    calendar: Calendar,
    drills: Listed<DrillRow>,
    rest: Listed<RestShown>,
    history: Listed<HistoryShown>,
    confidence_rule: Text,
    findings: Listed<FindingShown>,
    coverage: CoverageShown,
    stages: Listed<StageShown>,
    losses: Listed<LossShown>,
}

/// The index.
pub(super) fn index_page(scorecard: &Scorecard, runs: RunPages<'_>) -> askama::Result<String> {
    let scope = Scope::index(scorecard, runs);
    let heading = format!("Can {} fail over?", whose(scorecard));
    let frame = Frame::new(&title(scorecard, &heading), Vec::new(), "", published(scorecard));
    page(&scope, frame, &heading)
}

/// The page of one application.
pub(super) fn application_page(
    scorecard: &Scorecard,
    application: &str,
    runs: RunPages<'_>,
) -> askama::Result<String> {
    let scope = Scope::application(scorecard, application, runs);
    let answer = scorecard.applications.iter().find(|answer| answer.application == application);
    let name = cut(answer.map_or(application, |answer| &answer.title), MAX_SHORT);
    let heading = format!("Can {name} fail over?");
    let trail = vec![Link::new("../index.html", INDEX)];
    let frame = Frame::new(&title(scorecard, &heading), trail, &name, published(scorecard));
    page(&scope, frame, &heading)
}

/// Whose scorecard it is: the names of a few applications, else their number.
fn whose(scorecard: &Scorecard) -> String {
    let names: Vec<String> = scorecard
        .applications
        .iter()
        .take(MAX_NAMED + 1)
        .map(|answer| cut(&answer.title, MAX_SHORT))
        .collect();
    match names.as_slice() {
        [] => "we".to_owned(),
        [one] => one.clone(),
        [before @ .., last] if names.len() <= MAX_NAMED => format!("{} and {last}", before.join(", ")),
        _ => format!("our {} applications", scorecard.applications.len()),
    }
}

/// The title of a window: what the page answers, and for which day.
fn title(scorecard: &Scorecard, heading: &str) -> String {
    format!("{heading} {}", moment::day(scorecard.as_of))
}

fn published(scorecard: &Scorecard) -> Published<'_> {
    Published { as_of: scorecard.as_of, version: &scorecard.version }
}

fn page(scope: &Scope<'_>, frame: Frame, heading: &str) -> askama::Result<String> {
    const MAX_UNREAD: usize = 20;
    let drills = count(scope.drills().count() as u64, "drill");
    let subtitle = format!("As of {}; {drills}", moment::long(scope.scorecard.as_of));
    ScorecardPage {
        frame,
        heading: Text::name(heading),
        subtitle,
        is_index: scope.is_index(),
        links: scope.is_index(),
        root: scope.root,
        unread: Listed::first(&scope.scorecard.unread, MAX_UNREAD, |text| Text::new(text)),
        answers: answers(scope),
        calendar: calendar::calendar(scope),
        drills: drills::drills(scope),
        rest: rest::rest(scope),
        history: history::history(scope),
        confidence_rule: Text::up_to(scope.scorecard.confidence_rule, 1_000),
        findings: findings(scope),
        coverage: coverage::coverage(scope),
        stages: coverage::stages(scope),
        losses: losses::losses(scope),
    }
    .render()
}
