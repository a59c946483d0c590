//! State of a drill: what its runs have shown, in one word and in a few.

use firedrill_core::Timestamp;

use super::{DrillCadence, Standing, State};
use crate::{
    cadence::Check,
    records::{Class, DrillRecords},
    words::{date, days_between},
};

/// The state of a drill. A run that told nothing changes no state: what was proven before it was proven, and a finding says
/// that it told nothing.
pub(super) fn state_of(drill: &DrillRecords<'_>, cadence: &DrillCadence) -> State {
    let Some(decisive) = drill.last_decisive() else {
        if drill.results_unread {
            return State::CannotTell;
        }
        return if drill.injected().next().is_some() { State::CannotTell } else { State::NeverTried };
    };
    match (Class::of(decisive.outcome), cadence.standing) {
        (Class::Failed, _) => State::Failing,
        (Class::Passed, Standing::OnTime | Standing::Due) => State::Proven,
        (Class::Passed, Standing::Overdue) => State::Stale,
        (Class::Passed, Standing::Retired | Standing::NeverPassed | Standing::CannotTell)
        | (Class::ToldNothing | Class::Skipped, _) => State::CannotTell,
    }
}

/// The state in a few words, to follow a name: `proven 6 days ago`.
pub(super) fn words_of(drill: &DrillRecords<'_>, state: State, check: &Check, now: Timestamp) -> String {
    let cadence = &check.cadence;
    let overdue = cadence
        .overdue_at
        .filter(|_| cadence.standing == Standing::Overdue)
        .map(|since| format!("overdue {}", days_between(since, now)));
    let with_overdue = |words: String| match &overdue {
        Some(overdue) => format!("{words}, {overdue}"),
        None => words,
    };
    match state {
        State::Proven => proven(check, now),
        State::Stale => overdue.unwrap_or_else(|| state.words().to_owned()),
        State::Failing => {
            let since = drill
                .failing_since()
                .map_or(String::new(), |result| format!(" since {}", date(result.finished)));
            with_overdue(format!("failing{since}"))
        }
        State::NeverTried => with_overdue(state.words().to_owned()),
        State::CannotTell if cadence.standing == Standing::CannotTell => cadence.words.clone(),
        State::CannotTell => with_overdue("cannot tell, because no run came to a verdict".to_owned()),
    }
}

fn proven(check: &Check, now: Timestamp) -> String {
    let Some(passed) = check.cadence.last_pass else { return State::Proven.words().to_owned() };
    let is_due = check.cadence.standing == Standing::Due;
    let due = if is_due { " and due again" } else { "" };
    let run = check.waits_for.filter(|_| is_due).map_or(String::new(), |run| format!(", {}", run.words));
    format!("proven {} ago{due}{run}", days_between(passed, now))
}
