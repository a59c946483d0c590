//! Calendar: which promise was kept, week by week. Cells of one kind are one path, so that a row stays small; the
//! loudest mark is the gap in which a drill was overdue.

use std::fmt::Write;

use super::Scope;
use crate::{
    model::{Cell, CellRun, Drill, Mark, Week},
    render::{
        listed::Listed,
        moment::day,
        scale::{Tick, tick},
        state::outcome,
        text::{MAX_NAME, Text, plain},
    },
};

/// The width of a week, in the drawing's units.
const CELL: usize = 10;
/// The most weeks of a drill that the table tells of: more than there are.
const MAX_WEEKS: usize = 60;
/// The most runs of a week that are linked to.
const MAX_LINKS: usize = 7;

/// Every mark, from the quietest to the loudest: a later one is drawn over an earlier one.
const MARKS: [Mark; 9] = [
    Mark::Unknown,
    Mark::Nothing,
    Mark::Due,
    Mark::Skipped,
    Mark::Passed,
    Mark::Inconclusive,
    Mark::ObjectiveMissed,
    Mark::Overdue,
    Mark::NotRecovered,
];

/// The calendar.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The width of the drawing, in its units.
    pub width: usize,
    /// The months, over the weeks in which they begin.
    pub months: Vec<Tick>,
    /// One row for each drill.
    pub rows: Listed<Row>,
    /// Every mark, with what it means.
    pub legend: Vec<Key>,
}

/// One drill.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The drill's name.
    pub drill: Text,
    /// Its application and environment.
    pub place: Text,
    /// The link to it.
    pub href: String,
    /// The row in a sentence.
    pub title: String,
    /// Its marks.
    pub shapes: Vec<Shape>,
    /// The weeks in which something happened or should have, the latest first, in words.
    pub weeks: Listed<WeekShown>,
}

/// One week in words.
#[derive(Clone, Debug)]
pub(super) struct WeekShown {
    /// What happened in it, or should have.
    pub words: Text,
    /// The links to its runs, on the page of an application.
    pub runs: Vec<RunLink>,
}

/// A link to the page of a run.
#[derive(Clone, Debug)]
pub(super) struct RunLink {
    /// Where it leads.
    pub href: String,
    /// The day and the outcome of the run.
    pub words: String,
}

/// All cells of one kind.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The classes in the stylesheet.
    pub class: &'static str,
    /// The path.
    pub path: String,
}

/// One entry of the legend.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// What the mark means.
    pub words: &'static str,
    /// The mark.
    pub shapes: Vec<Shape>,
}

/// The calendar of this page's drills.
pub(super) fn calendar(scope: &Scope<'_>) -> Calendar {
    let weeks = &scope.scorecard.weeks;
    let rows = Listed::first(scope.drills(), scope.limits.drills, |drill| row(drill, weeks.len(), scope));
    let legend = MARKS.into_iter().filter(|mark| *mark != Mark::Unknown).map(key).collect();
    Calendar { width: (weeks.len() * CELL).max(CELL), months: months(weeks), rows, legend }
}

fn key(mark: Mark) -> Key {
    Key { words: words(mark), shapes: shapes_of(mark, &[(0, 1)]) }
}

/// What a mark means.
const fn words(mark: Mark) -> &'static str {
    match mark {
        Mark::Unknown => "before all that is known",
        Mark::Nothing => "nothing due",
        Mark::Due => "due",
        Mark::Skipped => "skipped",
        Mark::Passed => "passed",
        Mark::Inconclusive => "told nothing",
        Mark::ObjectiveMissed => "objective missed",
        Mark::Overdue => "overdue",
        Mark::NotRecovered => "not recovered",
    }
}

fn row(drill: &Drill, weeks: usize, scope: &Scope<'_>) -> Row {
    let key = &drill.key;
    let cells = &drill.calendar[..drill.calendar.len().min(weeks)];
    let place = if scope.is_index() {
        format!("{}, {}", key.application, key.environment)
    } else {
        key.environment.clone()
    };
    let told = cells.iter().rev().filter(|cell| !matches!(cell.mark, Mark::Nothing | Mark::Unknown));
    Row {
        drill: Text::name(&key.drill),
        place: Text::name(&place),
        href: scope.drill_link(key),
        title: title(drill, cells),
        shapes: MARKS.into_iter().flat_map(|mark| shapes_of(mark, &stretches(cells, mark))).collect(),
        weeks: Listed::first(told, MAX_WEEKS, |cell| week(cell, scope)),
    }
}

fn week(cell: &Cell, scope: &Scope<'_>) -> WeekShown {
    let runs = cell.runs.iter().filter(|_| !scope.is_index());
    let link = |run: &CellRun| {
        let words = format!("{}, {}", day(run.at), outcome(run.outcome).word);
        Some(RunLink { href: scope.run_link(&run.run_id)?, words })
    };
    WeekShown { words: Text::new(&cell.words), runs: runs.filter_map(link).take(MAX_LINKS).collect() }
}

/// The row in a sentence: how many weeks of each kind there are.
fn title(drill: &Drill, cells: &[Cell]) -> String {
    let mut title =
        format!("{} of {} in {}, weeks:", drill.key.drill, drill.key.application, drill.key.environment);
    for mark in MARKS {
        let weeks = cells.iter().filter(|cell| cell.mark == mark).count();
        if weeks > 0 {
            let _ = write!(title, " {weeks} {};", words(mark));
        }
    }
    plain(title.trim_end_matches(';'), 3 * MAX_NAME)
}

/// The weeks of this mark: the first and the one after the last of each stretch.
fn stretches(cells: &[Cell], mark: Mark) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut found = Vec::new();
    for stretch in cells.chunk_by(|one, next| one.mark == next.mark) {
        if stretch[0].mark == mark {
            found.push((at, at + stretch.len()));
        }
        at += stretch.len();
    }
    found
}

/// The paths of these stretches of weeks. Each mark has a form of its own, not only a colour.
fn shapes_of(mark: Mark, stretches: &[(usize, usize)]) -> Vec<Shape> {
    let cell = |class, draw: fn(usize) -> String| {
        let path = stretches.iter().flat_map(|(from, to)| *from..*to).map(|week| draw(week * CELL)).collect();
        Shape { class, path }
    };
    let stretch = |class, draw: fn(usize, usize) -> String| {
        let path = stretches.iter().map(|(from, to)| draw(from * CELL, to * CELL)).collect();
        Shape { class, path }
    };
    let shapes = match mark {
        Mark::Unknown => Vec::new(),
        Mark::Nothing => vec![stretch("f-mute soft", |x, to| format!("M{x} 10H{to}v1H{x}z"))],
        Mark::Due => vec![stretch("f-warn", |x, to| format!("M{x} 15H{to}v3H{x}z"))],
        Mark::Skipped => vec![cell("l l-mute", |x| format!("M{} 10.5h5", x + 3))],
        Mark::Passed => vec![cell("f-ok", |x| format!("M{} 4h8v13h-8z", x + 1))],
        Mark::Inconclusive => vec![cell("l l-mute", |x| format!("M{} 10.5l4-6 4 6-4 6z", x + 1))],
        Mark::ObjectiveMissed => {
            vec![cell("l l-bad", |x| format!("M{} 4h8v13h-8zm0 13l8-13", x + 1))]
        }
        Mark::Overdue => vec![
            stretch("f-bad", |x, to| format!("M{x} 0H{to}V21H{x}z")),
            stretch("f-bg", |x, to| format!("M{x} 7H{to}v1.5H{x}zM{x} 13H{to}v1.5H{x}z")),
        ],
        Mark::NotRecovered => vec![cell("l l-bad", |x| format!("M{} 4h8v13h-8zl8 13m0-13l-8 13", x + 1))],
    };
    shapes.into_iter().filter(|shape| !shape.path.is_empty()).collect()
}

/// The months, each over its first week, with the year where it changes.
fn months(weeks: &[Week]) -> Vec<Tick> {
    let mut months = Vec::new();
    for (index, week) in weeks.iter().enumerate().skip(1) {
        let is_first = weeks[index - 1].month != week.month;
        // A label at the very end would leave the drawing.
        if is_first && index + 2 < weeks.len() {
            let x = u16::try_from(index * 1_000 / weeks.len()).unwrap_or(1_000);
            months.push(Tick { anchor: "start", ..tick(x, month(week)) });
        }
    }
    months
}

/// The month of a week: `Nov`, and the year in place of January.
fn month(week: &Week) -> String {
    let format = if week.month.ends_with("-01") { "%Y" } else { "%b" };
    week.from.to_jiff().strftime(format).to_string()
}
