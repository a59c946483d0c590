//! Doubt: what could not be read, and what can therefore not be told of a drill.

use super::{FindingKind, Standing};
use crate::{cadence::Check, input::Inputs, records::DrillRecords};

/// Takes back what a check says and nobody can know; returns why, in a few words, if that is where the drill stands.
pub(super) fn doubt(inputs: &Inputs, drill: &DrillRecords<'_>, check: &mut Check) -> Option<&'static str> {
    if !inputs.scheduled.unread.is_empty() {
        check.problems.retain(|problem| !needs_every_schedule(problem.kind));
    }
    let why = why(inputs, drill, check)?;
    if drill.results_unread {
        // Both are counted from results.
        check.promise = None;
        (check.cadence.last_pass, check.cadence.due_at, check.cadence.overdue_at) = (None, None, None);
    }
    check.problems.retain(|problem| !needs_results(problem.kind));
    check.cadence.standing = Standing::CannotTell;
    check.cadence.words = format!("cannot tell, because {why}");
    Some(why)
}

fn why(inputs: &Inputs, drill: &DrillRecords<'_>, check: &Check) -> Option<&'static str> {
    if drill.results_unread {
        return Some("its results cannot be read");
    }
    let is_overdue = check.cadence.standing == Standing::Overdue;
    if is_overdue && inputs.open_runs_unread.holds(&drill.key) {
        return Some("whether a run is under way cannot be read");
    }
    if is_overdue && drill.schedules.is_empty() && !inputs.scheduled.unread.is_empty() {
        return Some("what is scheduled cannot be read");
    }
    let may_be_retired = inputs.declarations_unread && !drill.schedules.iter().any(|of| of.enabled);
    if may_be_retired && (is_overdue || !check.problems.is_empty()) {
        return Some("whether it is retired cannot be read");
    }
    None
}

/// Whether one more schedule may be what keeps this from being so.
const fn needs_every_schedule(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Disabled
        | FindingKind::OnlyPlanned
        | FindingKind::ScheduledTooRarely
        | FindingKind::ScheduleEnded
        | FindingKind::NeverInWindow
        | FindingKind::StartedByEvents => true,
        FindingKind::Failed
        | FindingKind::ToldNothing
        | FindingKind::Overdue
        | FindingKind::NeverRun
        | FindingKind::SkippedRepeatedly
        | FindingKind::ScheduleDeleted
        | FindingKind::Renamed
        | FindingKind::RetiredButActive
        | FindingKind::ScheduleUnreadable => false,
    }
}

/// Whether this rests on results, or on what else is in doubt with the standing of a drill.
const fn needs_results(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Overdue
        | FindingKind::NeverRun
        | FindingKind::SkippedRepeatedly
        | FindingKind::ScheduleDeleted
        | FindingKind::Renamed => true,
        FindingKind::Failed
        | FindingKind::ToldNothing
        | FindingKind::Disabled
        | FindingKind::OnlyPlanned
        | FindingKind::ScheduledTooRarely
        | FindingKind::ScheduleEnded
        | FindingKind::NeverInWindow
        | FindingKind::StartedByEvents
        | FindingKind::RetiredButActive
        | FindingKind::ScheduleUnreadable => false,
    }
}
