//! Spans: when a drill was due, and when it was overdue.
//!
//! History is judged by the cadence that was known at that time: the one that each result recorded holds until the next one.
//! Only this week is judged by what the schedule says now.

use firedrill_core::Timestamp;

use crate::{
    cadence::{Check, Promise},
    records::{Class, DrillRecords},
};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub from: Timestamp,
    /// Its end; none if it still lasts.
    pub until: Option<Timestamp>,
}

/// A part of a drill's past in which nothing changed: from when its cadence counts, and how long it is.
struct Part {
    from: Timestamp,
    to: Timestamp,
    promise: Promise,
}

/// When it was due and within its grace, and when it was overdue.
pub(super) fn due_and_overdue(
    drill: &DrillRecords<'_>,
    check: &Check,
    this_week: Timestamp,
    now: Timestamp,
) -> (Vec<Span>, Vec<Span>) {
    let (mut due, mut overdue) = (Vec::new(), Vec::new());
    for part in parts(drill, check, this_week, now) {
        let Part { from, to, promise } = part;
        let to = check.retired.map_or(to, |retired| to.min(retired));
        // Due at that moment, overdue after it: to the calendar, that is the same.
        add(&mut due, promise.due_at.max(from), promise.overdue_at.min(to));
        add(&mut overdue, promise.overdue_at.max(from), to);
    }
    for spans in [&mut due, &mut overdue] {
        if let Some(last) = spans.last_mut().filter(|span| span.until == Some(now)) {
            last.until = None;
        }
    }
    (due, overdue)
}

/// Adds a span, or lengthens the one before if there is nothing in between.
fn add(spans: &mut Vec<Span>, from: Timestamp, to: Timestamp) {
    if from >= to {
        return;
    }
    match spans.last_mut().filter(|last| last.until == Some(from)) {
        Some(last) => last.until = Some(to),
        None => spans.push(Span { from, until: Some(to) }),
    }
}

fn parts(drill: &DrillRecords<'_>, check: &Check, this_week: Timestamp, now: Timestamp) -> Vec<Part> {
    let (Some(known_since), Some(today)) = (drill.known_since(), check.promise) else { return Vec::new() };
    let recorded = drill.results.iter().find_map(|result| result.every_days).or(drill.every_days());
    let Some(mut every_days) = recorded else { return Vec::new() };
    let (mut counts_from, mut at) = (known_since, known_since);
    let mut promise = Promise::new(counts_from, every_days, &drill.zone);
    let mut parts = Vec::new();
    for result in &drill.results {
        promise = promise.after(result);
        parts.push(Part { from: at, to: result.finished, promise });
        at = result.finished;
        let has_passed = Class::of(result.outcome) == Class::Passed;
        if has_passed {
            counts_from = result.nominal();
        }
        let recorded = result.every_days.unwrap_or(every_days);
        if has_passed || recorded != every_days {
            every_days = recorded;
            promise = Promise::new(counts_from, every_days, &drill.zone).after(result);
        }
    }
    let split = this_week.clamp(at.min(now), now);
    for (from, to, promise) in [(at, split, promise), (split, now, today)] {
        parts.push(Part { from, to, promise: promise.waiting_for(check.run_began(), now) });
    }
    parts
}
