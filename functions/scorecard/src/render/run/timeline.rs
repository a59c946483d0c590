//! Timeline: what happened when, to scale. A row per span, so that no label meets another, with its words beside the
//! drawing, where they wrap instead of being cut.

use firedrill_core::{Measured, Run, Timestamp, Verdict, millis};

use super::{RunRecord, strip, strip::strips};
use crate::render::{
    moment::{relative, span},
    scale::{Tick, TimeScale},
    text::{MAX_NAME, Text, plain},
};

/// What lies before the injection takes at most this part of the chart: one of so many.
const BEFORE_IS_ONE_OF: u64 = 4;
/// What follows the beginning of the rollback is shown for so many times what came before it, at most: a run may be
/// held for days.
const MAX_AFTER: u64 = 6;

/// The chart.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// The marks of the axis.
    pub ticks: Vec<Tick>,
    /// The lines at those marks, as a path.
    pub grid: String,
    /// The line at the objective, as a path; empty if it lies outside.
    pub objective: String,
    /// The objective in words.
    pub objective_words: String,
    /// One row for each span, then one for each probe.
    pub rows: Vec<Row>,
    /// Until when the chart goes, if the run went on.
    pub cut: Option<String>,
    /// How many probes are not shown.
    pub probes_left_out: usize,
    /// Whether there is a row of a probe.
    pub has_strips: bool,
}

/// One row: a drawing with its words.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What it shows.
    pub label: Text,
    /// What was measured, in words.
    pub words: String,
    /// The whole row in a sentence, for who cannot see it.
    pub title: String,
    /// Its shapes.
    pub shapes: Vec<Shape>,
}

/// One shape of a drawing.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Its classes in the stylesheet.
    pub class: &'static str,
    /// Its path.
    pub path: String,
}

/// The chart of a run; none if nothing was injected.
pub(super) fn timeline(record: RunRecord<'_>, as_of: Timestamp) -> Option<Timeline> {
    let run = record.run;
    let injected = run.times.injected?.at;
    let (scale, cut) = scale(run, injected, as_of);
    let ticks = scale.ticks(injected);
    let grid = ticks.iter().map(|tick| format!("M{} 0V22", tick.x)).collect::<Vec<_>>().concat();
    let objective = injected + run.limits.rto;
    let is_inside = objective <= scale.end();
    let mut rows = span_rows(run, scale, injected, as_of);
    let strips = strips(record, scale);
    let has_strips = !strips.items.is_empty();
    rows.extend(strips.items);
    Some(Timeline {
        ticks,
        grid,
        objective: if is_inside { format!("M{} 0V22", scale.x(objective)) } else { String::new() },
        objective_words: format!("objective: {} after the injection", span(millis(run.limits.rto))),
        rows,
        cut: cut.map(|last| {
            format!(
                "The chart ends {}; the run went on until {}.",
                relative(scale.end(), injected),
                relative(last, injected)
            )
        }),
        probes_left_out: strips.left_out,
        has_strips,
    })
}

/// The scale of the chart, and the last moment of the run if the chart ends before it.
fn scale(run: &Run, injected: Timestamp, as_of: Timestamp) -> (TimeScale, Option<Timestamp>) {
    let times = &run.times;
    let measured = [times.in_place, times.detected, times.failed_over, times.serving_standby, times.deployed];
    let later = [times.recovered, times.rolled_back, times.failed_back];
    let ours = [times.rollback_started_at, times.steady_again, times.finished];
    let open = times.finished.is_none().then_some(as_of);
    let known = measured
        .into_iter()
        .chain(later)
        .flatten()
        .map(|at| at.at)
        .chain(ours.into_iter().flatten())
        .chain(open);
    let last = known.max().unwrap_or(injected).max(injected);
    // The objective is on the chart, unless the run was over so early that it would only be a small part of it.
    let objective = injected + run.limits.rto;
    let shown = if objective.millis_since(injected) <= MAX_AFTER * last.millis_since(injected) {
        objective
    } else {
        last
    };
    let decided = times.rollback_started_at.unwrap_or(last).millis_since(injected).max(60_000);
    let limit = injected.plus_millis(decided.saturating_mul(MAX_AFTER));
    let end = last.min(limit).max(shown);
    let before = times.started.map_or(0, |started| injected.millis_since(started));
    let before = before.min(end.millis_since(injected) / (BEFORE_IS_ONE_OF - 1));
    let from = injected - std::time::Duration::from_millis(before);
    (TimeScale::new(from, end), (last > end).then_some(last))
}

/// One span of the chart.
struct Bar {
    label: &'static str,
    class: &'static str,
    from: Timestamp,
    to: Timestamp,
    /// How much earlier the end may have been, in milliseconds.
    resolution_ms: u64,
    /// Whether the end is not on record: the span then goes on to the end of the chart.
    is_open: bool,
}

impl Bar {
    /// A span whose end is on record.
    const fn known(label: &'static str, class: &'static str, from: Timestamp, to: Measured) -> Self {
        Self { label, class, from, to: to.at, resolution_ms: to.resolution_ms, is_open: false }
    }

    /// A span that ends then, or has not ended by `as_of`.
    fn until(
        label: &'static str,
        class: &'static str,
        from: Timestamp,
        [to, as_of]: [Option<Timestamp>; 2],
    ) -> Self {
        let end = to.or(as_of).unwrap_or(from);
        Self { label, class, from, to: end, resolution_ms: 0, is_open: to.is_none() }
    }
}

fn span_rows(run: &Run, scale: TimeScale, injected: Timestamp, as_of: Timestamp) -> Vec<Row> {
    let times = &run.times;
    let now = times.finished.or(Some(as_of));
    let mut bars = Vec::new();
    if let Some(started) = times.started.filter(|at| *at < injected) {
        bars.push(Bar::until("Steady state before", "f-ok", started, [Some(injected), None]));
    }
    if let Some(in_place) = times.in_place.filter(|_| run.mode.lasts()) {
        let end = times.rolled_back.map(|at| at.at);
        bars.push(Bar::until("Failure in place", "f-mute soft", in_place.at, [end, now]));
    }
    bars.extend(impairment(run, injected, now));
    let automation = [
        ("Until detected", times.detected),
        ("Until failed over", times.failed_over),
        ("Until the standby served", times.serving_standby.filter(|at| Some(*at) != times.recovered)),
        ("Until deployed on all edges", times.deployed),
    ];
    let measured = automation.into_iter().filter_map(|(label, at)| Some((label, at?)));
    bars.extend(measured.map(|(label, at)| Bar::known(label, "f-work", injected, at)));
    if let Some(began) = times.rollback_started_at {
        bars.push(Bar::until("Rollback", "f-work", began, [times.rolled_back.map(|at| at.at), now]));
    }
    if let Some(undone) = times.rolled_back {
        bars.push(Bar::until("Until steady again", "f-ok", undone.at, [times.steady_again, now]));
    }
    bars.iter().map(|bar| row(bar, scale, injected)).collect()
}

/// How long users were not served, or would not have been; else until when no recovery was seen.
fn impairment(run: &Run, injected: Timestamp, now: Option<Timestamp>) -> Option<Bar> {
    let lasts = run.mode.lasts();
    let until = [run.times.rollback_started_at, now];
    match (run.times.recovered, run.impaired) {
        (Some(_), Some(false)) if lasts => return None,
        // Users were served: the time is what the failover took.
        (Some(recovered), Some(false)) => {
            return Some(Bar::known("Until recovered", "f-work", injected, recovered));
        }
        (Some(recovered), _) => {
            let label = if lasts { "Until users were served" } else { "Until recovered" };
            return Some(Bar::known(label, "f-bad", injected, recovered));
        }
        (None, _) => {}
    }
    match run.verdict {
        Some(Verdict::NotRecovered) => Some(Bar::until("No recovery seen", "f-bad", injected, until)),
        None => Some(Bar::until("Not recovered yet", "f-bad", injected, until)),
        Some(Verdict::Stopped | Verdict::Inconclusive | Verdict::Recovered | Verdict::ObjectiveMissed) => {
            Some(Bar::until("Recovery cannot be told", "f-mute", injected, until))
        }
        Some(Verdict::NotInjected | Verdict::Skipped) => None,
    }
}

fn row(bar: &Bar, scale: TimeScale, injected: Timestamp) -> Row {
    let length = bar.to.millis_since(bar.from);
    let words = match (bar.is_open, bar.resolution_ms) {
        (true, _) => format!("{}, no end on record", span(length)),
        (false, 0) => span(length),
        (false, resolution) => format!("{}, resolution {}", span(length), span(resolution)),
    };
    let title = format!(
        "{}: from {} to {}, {words}",
        bar.label,
        relative(bar.from, injected),
        relative(bar.to, injected)
    );
    let (start, end) = (scale.x(bar.from), scale.x(bar.to));
    let certain = scale.x(bar.to - std::time::Duration::from_millis(bar.resolution_ms)).max(start);
    let mut shapes = vec![Shape { class: bar.class, path: block(start, certain.max(start + 3), 5, 17) }];
    if certain < end {
        shapes.push(Shape { class: "l l-mute", path: format!("M{certain} 11H{end}M{end} 6V16") });
    }
    Row { label: Text::name(bar.label), words, title, shapes }
}

/// A rectangle as a path: from `x` to `to`, between two heights.
pub(super) fn block(x: u16, to: u16, top: u16, bottom: u16) -> String {
    format!("M{x} {top}H{to}V{bottom}H{x}Z")
}

/// The row of a probe.
pub(super) fn strip_row(probe: &str, counts: &strip::Counts, shapes: Vec<Shape>) -> Row {
    let words = counts.words();
    let title = plain(&format!("{probe}: {words}"), 2 * MAX_NAME);
    Row { label: Text::name(probe), words, title, shapes }
}
