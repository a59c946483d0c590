//! Strip: the answers of a probe along the timeline. A no is tall, a yes is low, what could not be asked is a thin
//! line, and where nothing was asked there is nothing.

use std::collections::BTreeMap;

use firedrill_core::{Timestamp, Tristate, evidence::Evidence};

use super::{
    RunRecord, figures,
    timeline::{Row, Shape, block, strip_row},
};
use crate::render::{
    listed::Listed,
    scale::{TimeScale, WIDTH},
};

/// The most strips of a page.
const MAX_STRIPS: usize = 24;
/// The width of a column: all that a probe answered within one is drawn as one, a no before an unknown before a yes.
const COLUMN: u16 = 2;

/// How often a probe answered what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    yes: u64,
    no: u64,
    unknown: u64,
}

impl Counts {
    fn add(&mut self, seen: Tristate, answers: u64) {
        let count = match seen {
            Tristate::Yes => &mut self.yes,
            Tristate::No => &mut self.no,
            Tristate::Unknown => &mut self.unknown,
        };
        *count = count.saturating_add(answers);
    }

    /// The counts in words.
    pub(super) fn words(&self) -> String {
        let all = self.yes.saturating_add(self.no).saturating_add(self.unknown);
        let unknown = if self.unknown > 0 { format!(", {} unknown", self.unknown) } else { String::new() };
        format!("{}, {} no{unknown}", figures::answers(all), self.no)
    }
}

/// The strip of one probe, while it is drawn.
struct Strip {
    counts: Counts,
    columns: Vec<Option<Tristate>>,
}

/// The strips of a run's probes: those of its head in their order, then all others.
pub(super) fn strips(record: RunRecord<'_>, scale: TimeScale) -> Listed<Row> {
    let mut strips: BTreeMap<&str, Strip> = BTreeMap::new();
    for item in record.evidence {
        let Evidence::Probe { probe, seen, from, to, answers, .. } = item else { continue };
        let empty =
            || Strip { counts: Counts::default(), columns: vec![None; usize::from(WIDTH / COLUMN) + 1] };
        let strip = strips.entry(probe).or_insert_with(empty);
        strip.counts.add(*seen, *answers);
        fill(&mut strip.columns, *seen, [*from, *to], scale);
    }
    let in_order: Vec<&str> = record.run.limits.probes.iter().map(|rule| rule.probe.as_str()).collect();
    let place = |probe: &str| in_order.iter().position(|name| *name == probe).unwrap_or(in_order.len());
    let mut ordered: Vec<(&str, Strip)> = strips.into_iter().collect();
    ordered.sort_by_key(|(probe, _)| place(probe));
    Listed::first(ordered, MAX_STRIPS, |(probe, strip)| {
        strip_row(probe, &strip.counts, shapes(&strip.columns))
    })
}

/// Draws equal answers into the columns that they lie in. What the chart does not show is not drawn.
fn fill(columns: &mut [Option<Tristate>], seen: Tristate, [from, to]: [Timestamp; 2], scale: TimeScale) {
    if to < scale.start() || from > scale.end() {
        return;
    }
    let (first, last) = (usize::from(scale.x(from) / COLUMN), usize::from(scale.x(to) / COLUMN));
    for column in columns.iter_mut().take(last + 1).skip(first) {
        *column = match (*column, seen) {
            (Some(Tristate::No), _) | (_, Tristate::No) => Some(Tristate::No),
            (Some(Tristate::Unknown), _) | (_, Tristate::Unknown) => Some(Tristate::Unknown),
            (Some(Tristate::Yes) | None, Tristate::Yes) => Some(Tristate::Yes),
        };
    }
}

/// One path for each answer.
fn shapes(columns: &[Option<Tristate>]) -> Vec<Shape> {
    let drawn = [
        (Tristate::Yes, "f-ok", [13, 18]),
        (Tristate::No, "f-bad", [3, 18]),
        (Tristate::Unknown, "f-mute", [10, 12]),
    ];
    let path_of = |wanted: Tristate, [top, bottom]: [u16; 2]| {
        let mut path = String::new();
        let mut x: u16 = 0;
        for run in columns.chunk_by(|one, next| one == next) {
            let end = x + COLUMN * u16::try_from(run.len()).unwrap_or(WIDTH);
            if run[0] == Some(wanted) {
                path.push_str(&block(x, end.min(WIDTH), top, bottom));
            }
            x = end;
        }
        path
    };
    let shapes =
        drawn.into_iter().map(|(seen, class, heights)| Shape { class, path: path_of(seen, heights) });
    shapes.filter(|shape| !shape.path.is_empty()).collect()
}
