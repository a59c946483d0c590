//! History: how long recovery took, run by run.

use firedrill_core::{Outcome, Timestamp, report::Took};
use serde::Serialize;

use crate::input::DrillResult;

/// One run that injected a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The run.
    pub run_id: String,
    /// When it was over.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The time to recover; none if it did not, or that was not decided.
    pub time_to_recover: Option<Took>,
    /// The objective at that time, in milliseconds.
    pub objective_ms: u64,
    /// The time from the injection to the end of the rollback, in parts without gaps; a part that was not measured is missing,
    /// and its time belongs to the next one.
    pub segments: Vec<Segment>,
}

/// One part of the time from the injection on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// What it ends with.
    pub kind: SegmentKind,
    /// When it begins, in milliseconds after the injection.
    pub from_ms: u64,
    /// When it ends, in milliseconds after the injection.
    pub to_ms: u64,
}

/// What a part of the time from the injection on ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentKind {
    /// The alarm went off.
    Detect,
    /// The failover was seen in AWS.
    FailOver,
    /// Users were served again.
    UsersWell,
    /// The undo was done and the steady state was back.
    Restored,
}

/// The point of one run.
pub(super) fn point(result: &DrillResult) -> Point {
    Point {
        run_id: result.run_id.clone(),
        at: result.finished,
        outcome: result.outcome,
        time_to_recover: result.time_to_recover,
        objective_ms: result.objective_ms,
        segments: segments(result),
    }
}

fn segments(result: &DrillResult) -> Vec<Segment> {
    let mut ends: Vec<(u64, SegmentKind)> = [
        (result.time_to_detect.map(|took| took.ms), SegmentKind::Detect),
        (result.time_to_fail_over.map(|took| took.ms), SegmentKind::FailOver),
        (result.time_to_recover.map(|took| took.ms), SegmentKind::UsersWell),
        (result.restored_after_ms, SegmentKind::Restored),
    ]
    .into_iter()
    .filter_map(|(end, kind)| Some((end?, kind)))
    .collect();
    // An alarm may go off after users were served again.
    ends.sort_unstable();
    let mut from_ms = 0;
    let segment = |(to_ms, kind)| {
        let segment = Segment { kind, from_ms, to_ms };
        from_ms = to_ms;
        segment
    };
    ends.into_iter().map(segment).filter(|segment| segment.from_ms < segment.to_ms).collect()
}
