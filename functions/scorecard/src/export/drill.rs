//! Drill: everything that is shown of one drill.

use firedrill_core::report::Took;

use super::{
    room::last_runs,
    row::{Row, Rows, at, optional, word},
};
use crate::model::{Drill, Figures, Time, Week};

/// Adds what a drill is now: its state, its cadence and its figures.
pub(super) fn summary(rows: &mut Rows, drill: &Drill) {
    state(rows, drill);
    cadence(rows, drill);
    figures(rows, drill);
}

/// A row of this drill that tells nothing yet.
fn blank<'a>(drill: &'a Drill, part: &'a str, name: &'a str) -> Row<'a> {
    Row {
        part,
        application: &drill.key.application,
        environment: &drill.key.environment,
        drill: &drill.key.drill,
        dependency: &drill.dependency,
        name,
        ..Row::default()
    }
}

fn state(rows: &mut Rows, drill: &Drill) {
    let row = |name| blank(drill, "drill", name);
    rows.push(&Row { state: drill.state.to_string(), text: &drill.words, ..row("state") });
    if let Some(text) = &drill.replaced_by {
        rows.push(&Row { text, ..row("replacedBy") });
    }
    if let Some(retired) = &drill.retired {
        rows.push(&Row { at: at(retired.since), text: &retired.reason, ..row("retired") });
    }
    if let Some(last) = &drill.last {
        let text = last.reason.as_deref().unwrap_or_default();
        rows.push(&Row { state: last.outcome.to_string(), at: at(last.at), text, ..row("lastRun") });
    }
    if let Some(playbook) = &drill.playbook {
        rows.push(&Row { text: &playbook.owner, ..row("owner") });
        rows.push(&Row { text: &playbook.version, ..row("playbookVersion") });
        rows.push(&Row { text: playbook.link.as_deref().unwrap_or_default(), ..row("playbook") });
    }
}

fn cadence(rows: &mut Rows, drill: &Drill) {
    let row = |name| blank(drill, "drill", name);
    let cadence = &drill.cadence;
    rows.push(&Row { state: word(cadence.standing), text: &cadence.words, ..row("cadence") });
    rows.push(&Row { value: optional(cadence.every_days), ..row("everyDays") });
    for (name, moment) in [
        ("lastPass", cadence.last_pass),
        ("dueAt", cadence.due_at),
        ("overdueAt", cadence.overdue_at),
        ("nextRun", cadence.next_run),
    ] {
        rows.push(&Row { at: moment.map_or_else(String::new, at), ..row(name) });
    }
    rows.push(&Row { text: cadence.schedule.as_deref().unwrap_or_default(), ..row("schedule") });
}

fn figures(rows: &mut Rows, drill: &Drill) {
    let row = |name| blank(drill, "drill", name);
    rows.push(&Row { value: optional(drill.objective_ms), ..row("objectiveMs") });
    for (name, figures) in [
        ("timeToRecoverMs", drill.time_to_recover),
        ("timeToDetectMs", drill.time_to_detect),
        ("timeToFailOverMs", drill.time_to_fail_over),
    ] {
        let Figures { last, median, worst, .. } = figures;
        for (which, time) in [("last", last), ("median", median), ("worst", worst)] {
            let (value, text) = time_words(time);
            rows.push(&Row { state: which.to_owned(), value, text: &text, ..row(name) });
        }
    }
    let at_least = optional(drill.passes.at_least_percent);
    rows.push(&Row { value: at_least, text: &drill.passes.words, ..row("passedAtLeastPercent") });
}

/// Adds the calendar of a drill.
pub(super) fn calendar(rows: &mut Rows, weeks: &[Week], drill: &Drill) {
    for (week, cell) in weeks.iter().zip(&drill.calendar) {
        rows.push(&Row {
            state: word(cell.mark),
            at: at(week.from),
            text: &cell.words,
            ..blank(drill, "week", &week.monday)
        });
    }
}

/// Adds the last runs of a drill.
pub(super) fn runs(rows: &mut Rows, drill: &Drill) {
    for run in last_runs(drill) {
        let (value, resolution) = time_words(run.time_to_recover.map(Time::Measured));
        let parts = run.segments.iter().map(|part| {
            format!("{} from {} ms to {} ms after the injection", word(part.kind), part.from_ms, part.to_ms)
        });
        let text = [resolution, format!("objective {} ms", run.objective_ms)].into_iter().chain(parts);
        let text: Vec<String> = text.filter(|text| !text.is_empty()).collect();
        rows.push(&Row {
            state: run.outcome.to_string(),
            at: at(run.at),
            value,
            text: &text.join("; "),
            ..blank(drill, "run", &run.run_id)
        });
    }
}

/// A time as its value in milliseconds and its resolution in words.
fn time_words(time: Option<Time>) -> (String, String) {
    match time {
        Some(Time::Measured(Took { ms, resolution_ms })) => {
            (ms.to_string(), format!("resolution {resolution_ms} ms"))
        }
        Some(Time::NotReached) => (String::new(), "never".to_owned()),
        None => (String::new(), String::new()),
    }
}
