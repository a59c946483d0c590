//! History: how long recovery took, run by run, against the objective of each run, and what that time was made of.

use firedrill_core::{Outcome, Timestamp};

use super::Scope;
use crate::{
    model::{Drill, Point, SegmentKind},
    render::{
        listed::Listed,
        moment::{day, span},
        scale::{TimeScale, WIDTH},
        text::{MAX_NAME, Text, plain},
    },
};

/// The most runs of a drawing: more would cover each other.
const MAX_POINTS: usize = 60;
/// The size of a drawing in pixels; it is not stretched, so that its words keep their size.
const DRAWN: [u64; 2] = [296, 84];
/// Where the lines end that are below the words of the axis.
const TOP: u64 = 6;

/// One drill over time.
#[derive(Clone, Debug)]
pub(super) struct HistoryShown {
    /// The drill.
    pub drill: Text,
    /// Where it runs.
    pub place: Text,
    /// The link to it.
    pub href: String,
    /// The drawing of the times to recover in a sentence.
    pub title: String,
    /// What is at the top of the axis.
    pub top: String,
    /// The first and the last day.
    pub days: [String; 2],
    /// The objective as a step line.
    pub objective: String,
    /// The objective in words, with the one before it if it changed.
    pub objective_words: String,
    /// The resolutions: how much shorter each may have been.
    pub errors: String,
    /// The marks, by kind.
    pub marks: Vec<Marks>,
    /// The parts of the time, one column for each run.
    pub parts: Vec<Marks>,
    /// The parts of the time in a sentence.
    pub parts_title: String,
    /// What is at the top of the axis of the parts.
    pub parts_top: String,
    /// What the last run's time was made of.
    pub last: String,
    /// How many earlier runs are not drawn.
    pub left_out: usize,
}

/// All marks of one kind, as a path.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// The classes in the stylesheet.
    pub class: &'static str,
    /// The path.
    pub path: String,
}

/// The histories of this page's drills, the worst drill first. A drill that never ran has none.
pub(super) fn history(scope: &Scope<'_>) -> Listed<HistoryShown> {
    let drills = scope.drills().filter(|drill| !drill.history.is_empty());
    Listed::first(drills, scope.limits.histories, |drill| shown(drill, scope))
}

/// Where the points of one drawing lie.
struct Plot<'a> {
    points: &'a [Point],
    time: TimeScale,
    top_ms: u64,
    parts_ms: u64,
}

fn shown(drill: &Drill, scope: &Scope<'_>) -> HistoryShown {
    let left_out = drill.history.len().saturating_sub(MAX_POINTS);
    let points = &drill.history[left_out..];
    let first = points.first().map_or(scope.scorecard.as_of, |point| point.at);
    let longest =
        points.iter().flat_map(|point| [Some(point.objective_ms), point.time_to_recover.map(|took| took.ms)]);
    let longest_parts = points.iter().flat_map(|point| &point.segments).map(|segment| segment.to_ms).max();
    let plot = Plot {
        points,
        time: TimeScale::new(first, scope.scorecard.as_of),
        top_ms: longest.flatten().max().unwrap_or_default().max(1),
        parts_ms: longest_parts.unwrap_or_default().max(1),
    };
    let key = &drill.key;
    HistoryShown {
        drill: Text::name(&key.drill),
        place: Text::name(&if scope.is_index() {
            format!("{}, {}", key.application, key.environment)
        } else {
            key.environment.clone()
        }),
        href: scope.drill_link(key),
        title: title(drill, points),
        top: span(plot.top_ms),
        days: [day(first), day(scope.scorecard.as_of)],
        objective: plot.objective(),
        objective_words: objective_words(points),
        errors: plot.errors(),
        marks: plot.marks(),
        parts: plot.parts(),
        parts_top: span(plot.parts_ms),
        parts_title: plain(
            &format!(
                "Parts of the time from injection to restored, run by run; the longest took {}",
                span(plot.parts_ms)
            ),
            MAX_NAME,
        ),
        last: points.last().map(parts_in_words).unwrap_or_default(),
        left_out,
    }
}

fn title(drill: &Drill, points: &[Point]) -> String {
    let recovered = points.iter().filter(|point| point.time_to_recover.is_some()).count();
    let last =
        points.last().and_then(|point| point.time_to_recover).map_or("none".to_owned(), |took| span(took.ms));
    let title = format!(
        "Time to recover of {}: {} runs, {recovered} with a time, the last one {last}; {}",
        drill.key,
        points.len(),
        objective_words(points)
    );
    plain(&title, 2 * MAX_NAME)
}

/// The objective of the last run, and the one before it: `objective 2 min, before 3 min`.
fn objective_words(points: &[Point]) -> String {
    let Some(last) = points.last().map(|point| point.objective_ms) else {
        return "objective not known".to_owned();
    };
    let before = points.iter().rev().map(|point| point.objective_ms).find(|objective| *objective != last);
    let before = before.map(|ms| format!(", before {}", span(ms))).unwrap_or_default();
    format!("objective {}{before}", span(last))
}

/// What the time of a run was made of, in words.
fn parts_in_words(point: &Point) -> String {
    let name = |kind| match kind {
        SegmentKind::Detect => "detected after",
        SegmentKind::FailOver => "failed over after",
        SegmentKind::UsersWell => "users well after",
        SegmentKind::Restored => "restored after",
    };
    let parts: Vec<String> =
        point.segments.iter().map(|part| format!("{} {}", name(part.kind), span(part.to_ms))).collect();
    parts.join(", ")
}

impl Plot<'_> {
    fn x(&self, at: Timestamp) -> u64 {
        // Marks have a width: half of it is left free at both ends.
        4 + u64::from(self.time.x(at)) * (DRAWN[0] - 8) / u64::from(WIDTH)
    }

    /// The height of this part of the whole, from the top of the drawing.
    fn y(ms: u64, whole_ms: u64) -> u64 {
        let height = u128::from(DRAWN[1] - TOP) * u128::from(ms.min(whole_ms)) / u128::from(whole_ms);
        DRAWN[1] - u64::try_from(height).unwrap_or_default()
    }

    /// The objective: it holds from each run to the next.
    fn objective(&self) -> String {
        let steps = self.points.iter().enumerate().map(|(index, point)| {
            let (x, y) = (self.x(point.at), Self::y(point.objective_ms, self.top_ms));
            if index == 0 { format!("M0 {y}H{x}") } else { format!("H{x}V{y}") }
        });
        steps.chain([format!("H{}", DRAWN[0])]).collect::<Vec<_>>().concat()
    }

    fn errors(&self) -> String {
        let measured = self.points.iter().filter_map(|point| Some((point.at, point.time_to_recover?)));
        let bars = measured.filter(|(_, took)| took.resolution_ms > 0).map(|(at, took)| {
            let [y, low] =
                [took.ms, took.ms.saturating_sub(took.resolution_ms)].map(|ms| Self::y(ms, self.top_ms));
            format!("M{} {y}V{low}", self.x(at))
        });
        bars.collect()
    }

    /// A dot where it passed, a square where it took too long, a cross at the top where nothing recovered, and a
    /// short line there where the run told nothing.
    fn marks(&self) -> Vec<Marks> {
        let mut marks = [("f-ok", ""), ("l l-bad", ""), ("l l-bad", ""), ("l l-mute", "")]
            .map(|(class, path)| Marks { class, path: path.to_owned() });
        for point in self.points {
            let x = self.x(point.at);
            let y = point.time_to_recover.map_or(TOP, |took| Self::y(took.ms, self.top_ms));
            let (kind, path) = match point.outcome {
                Outcome::Recovered => {
                    (0, format!("M{} {y}a3 3 0 1 0 6 0 3 3 0 1 0-6 0z", x.saturating_sub(3)))
                }
                Outcome::ObjectiveMissed => {
                    (1, format!("M{} {}h6v6h-6z", x.saturating_sub(3), y.saturating_sub(3)))
                }
                Outcome::NotRecovered | Outcome::RollbackFailed => {
                    (2, format!("M{} {}l6 6m0-6l-6 6", x.saturating_sub(3), y.saturating_sub(3)))
                }
                Outcome::NotInjected
                | Outcome::Stopped
                | Outcome::Skipped
                | Outcome::Inconclusive
                | Outcome::Planned => (3, format!("M{x} {}v6", y.saturating_sub(3))),
            };
            marks[kind].path.push_str(&path);
        }
        marks.into_iter().filter(|marks| !marks.path.is_empty()).collect()
    }

    /// One column for each run, its parts above each other in the order in which they ended. Each part has a width of
    /// its own, or is hollow: without colours they still differ.
    fn parts(&self) -> Vec<Marks> {
        let wide = (DRAWN[0] / 2 / (self.points.len() as u64).max(1)).clamp(4, 10);
        let kinds = [
            (SegmentKind::Detect, "l l-mute", wide),
            (SegmentKind::FailOver, "f-work", wide / 2),
            (SegmentKind::UsersWell, "f-bad", wide),
            (SegmentKind::Restored, "f-ok", wide / 4),
        ];
        let parts = kinds.into_iter().map(|(kind, class, width)| {
            let of_kind =
                self.points.iter().flat_map(|point| point.segments.iter().map(move |part| (point.at, part)));
            let columns = of_kind.filter(|(_, part)| part.kind == kind).map(|(at, part)| {
                let [from, to] = [part.from_ms, part.to_ms].map(|ms| Self::y(ms, self.parts_ms));
                format!("M{} {from}h{width}V{to}h-{width}z", self.x(at).saturating_sub(width / 2))
            });
            Marks { class, path: columns.collect() }
        });
        parts.filter(|part| !part.path.is_empty()).collect()
    }
}
