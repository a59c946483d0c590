//! Calendar: which promise of a cadence was kept, week by week.

mod spans;

use std::time::Duration;

use firedrill_core::{Outcome, Timestamp};
use jiff::ToSpan as _;
use serde::Serialize;

use self::spans::{Span, due_and_overdue};
use crate::{
    cadence::Check,
    days::{day_of, first_moment_of},
    records::{Class, DrillRecords},
    words::{count, iso_date},
};

const WEEKS: usize = 53;
const MAX_RUNS: usize = 20;
const WEEK: Duration = Duration::from_hours(7 * 24);

/// One week of the calendar, Monday to Sunday, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Week {
    /// Its first moment.
    pub from: Timestamp,
    /// Its Monday, such as `2026-11-23`.
    pub monday: String,
    /// The year and month of its Monday, such as `2026-11`.
    pub month: String,
}

/// One week of one drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The one mark that stands for the week: of all that happened in it, the one to be seen first.
    pub mark: Mark,
    /// The last runs that ended in the week, the oldest of them first; at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<CellRun>,
    /// How many more runs ended in it. They count for `mark`.
    pub more_runs: usize,
    /// Since when the drill was overdue, if it was in some part of the week: before the week began, or in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue_since: Option<Timestamp>,
    /// When the drill became overdue no longer, if that was in the week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue_until: Option<Timestamp>,
    /// The cell in words, for its title and for the table: `2026-11-23: overdue since 2026-11-12`.
    pub words: String,
}

/// One run in a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellRun {
    /// The run.
    pub run_id: String,
    /// When it was over.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a week of a drill shows. Of several, the later one in this list stands for the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The week is before all that is known of the drill.
    Unknown,
    /// No run was due, and none ended.
    Nothing,
    /// The drill was due, and within its grace.
    Due,
    /// All runs were skipped.
    Skipped,
    /// A run passed.
    Passed,
    /// A run told nothing: inconclusive, not injected, or stopped.
    Inconclusive,
    /// A run recovered after its objective.
    ObjectiveMissed,
    /// The drill was overdue at the end of the week, or is now.
    Overdue,
    /// A run did not recover, or its rollback failed.
    NotRecovered,
}

impl Week {
    /// The first moment after it.
    pub(crate) fn end(&self) -> Timestamp {
        self.from + WEEK
    }
}

/// The weeks of a scorecard: the last one holds this moment.
pub(super) fn weeks(now: Timestamp) -> Vec<Week> {
    let today = day_of(now);
    let since_monday = i64::from(today.weekday().to_monday_zero_offset());
    let week = |back: usize| {
        let days_back = since_monday + 7 * i64::try_from(back).unwrap_or_default();
        let monday = today.saturating_sub(days_back.days());
        Week {
            from: first_moment_of(monday),
            monday: monday.to_string(),
            month: monday.strftime("%Y-%m").to_string(),
        }
    };
    (0..WEEKS).rev().map(week).collect()
}

/// The cells of one drill.
pub(super) fn cells(drill: &DrillRecords<'_>, check: &Check, weeks: &[Week], now: Timestamp) -> Vec<Cell> {
    let this_week = weeks.last().map_or(now, |week| week.from);
    let (due, overdue) = due_and_overdue(drill, check, this_week, now);
    // Where results are missing, a gap is no proof of anything.
    let known_since = drill.known_since().filter(|_| !drill.results_unread);
    let (due, overdue) = if drill.results_unread { (Vec::new(), Vec::new()) } else { (due, overdue) };
    weeks
        .iter()
        .map(|week| cell(drill, week, [&due, &overdue], known_since.is_some_and(|at| at < week.end())))
        .collect()
}

fn cell(drill: &DrillRecords<'_>, week: &Week, [due, overdue]: [&[Span]; 2], is_known: bool) -> Cell {
    let ended = drill.finished_in(week.from, week.end());
    let more_runs = ended.len().saturating_sub(MAX_RUNS);
    let touches = |span: &&Span| span.from < week.end() && span.until.is_none_or(|until| until > week.from);
    let is_open_at_end = |span: &Span| span.until.is_none_or(|until| until >= week.end());
    let overdue = overdue.iter().rfind(touches);
    let marks = ended.iter().map(|result| mark_of(result.outcome));
    let marks = marks
        .chain(overdue.filter(|span| is_open_at_end(span)).map(|_| Mark::Overdue))
        .chain(due.iter().rfind(touches).filter(|span| is_open_at_end(span)).map(|_| Mark::Due));
    let mark = marks.max().unwrap_or(if is_known { Mark::Nothing } else { Mark::Unknown });
    let runs: Vec<CellRun> = ended[more_runs..]
        .iter()
        .map(|result| CellRun { run_id: result.run_id.clone(), at: result.finished, outcome: result.outcome })
        .collect();
    let overdue_until = overdue.and_then(|span| span.until).filter(|until| *until < week.end());
    let overdue_since = overdue.map(|span| span.from);
    let mut cell = Cell { mark, runs, more_runs, overdue_since, overdue_until, words: String::new() };
    cell.words = cell.describe(week);
    cell
}

impl Cell {
    fn describe(&self, week: &Week) -> String {
        let runs = self.runs.iter().map(|run| format!("{} {}", iso_date(run.at), outcome_words(run.outcome)));
        let more =
            (self.more_runs > 0).then(|| format!("{} before them", count(self.more_runs as u64, "more run")));
        let overdue = self.overdue_since.map(|since| match self.overdue_until {
            Some(until) => format!("overdue from {} to {}", iso_date(since), iso_date(until)),
            None => format!("overdue since {}", iso_date(since)),
        });
        let due = (self.mark == Mark::Due).then(|| "due".to_owned());
        let parts: Vec<String> = overdue.into_iter().chain(due).chain(runs).chain(more).collect();
        let said = match (parts.is_empty(), self.mark) {
            (false, _) => parts.join("; "),
            (true, Mark::Unknown) => "nothing is known".to_owned(),
            (true, _) => "no run was due".to_owned(),
        };
        format!("week of {}: {said}", week.monday)
    }
}

const fn mark_of(outcome: Outcome) -> Mark {
    match (Class::of(outcome), outcome) {
        (Class::Passed, _) => Mark::Passed,
        (Class::Failed, Outcome::ObjectiveMissed) => Mark::ObjectiveMissed,
        (Class::Failed, _) => Mark::NotRecovered,
        (Class::ToldNothing, _) => Mark::Inconclusive,
        (Class::Skipped, _) => Mark::Skipped,
    }
}

/// An outcome, for people.
pub(crate) const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Recovered => "passed",
        Outcome::ObjectiveMissed => "missed its objective",
        Outcome::NotRecovered => "did not recover",
        Outcome::NotInjected => "was not injected",
        Outcome::Stopped => "was stopped",
        Outcome::Skipped => "was skipped",
        Outcome::Inconclusive => "was inconclusive",
        Outcome::RollbackFailed => "was not rolled back in time",
        Outcome::Planned => "was only planned",
    }
}
