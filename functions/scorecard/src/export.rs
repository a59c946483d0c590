//! Export: everything that is shown, as JSON and as CSV.
//!
//! Each file has at most [`MAX_BYTES`], whatever the number of drills and runs. What does not fit is left out, the best
//! drills first, and both files say what.

mod drill;
mod json;
mod room;
mod row;

pub use room::{MAX_BYTES, MAX_RUNS};

use self::row::{Row, Rows, Table, at, optional, word};
use crate::model::{ApplicationAnswer, Basis, Coverage, Finding, Loss, LossSum, Scorecard, StageReached};

/// The scorecard as JSON, of which the fields are those of [`Scorecard`]; `leftOut` lists what was left out. Nothing in it is
/// escaped for HTML.
#[must_use]
pub fn json(scorecard: &Scorecard) -> String {
    json::of(scorecard)
}

/// The columns of the CSV.
pub const COLUMNS: [&str; 10] =
    ["part", "application", "environment", "drill", "dependency", "name", "state", "at", "value", "text"];

/// The scorecard as CSV (RFC 4180), one table of [`COLUMNS`]: what a row tells, its `part` says; `leftOut` is what was left out.
/// Moments are RFC 3339 in UTC, and durations are in milliseconds. A field that a spreadsheet would take for a formula begins
/// with an apostrophe.
#[must_use]
pub fn csv(scorecard: &Scorecard) -> String {
    let mut table = Table::new();
    table.add("scorecard", |rows| {
        let row = Row { part: "scorecard", name: "asOf", at: at(scorecard.as_of), ..Row::default() };
        rows.push(&Row { text: &scorecard.version, ..row });
    });
    for text in &scorecard.unread {
        table.add("unread", |rows| rows.push(&Row { part: "unread", text, ..Row::default() }));
    }
    for answer in &scorecard.applications {
        table.add("applications", |rows| of_answer(rows, answer));
    }
    for finding in &scorecard.findings {
        table.add("findings", |rows| of_finding(rows, finding));
    }
    for drill in &scorecard.drills {
        table.add("drills", |rows| drill::summary(rows, drill));
    }
    for reached in &scorecard.stages {
        table.add("stages", |rows| of_stage(rows, reached));
    }
    for coverage in &scorecard.coverage {
        table.add("coverage", |rows| of_coverage(rows, coverage));
    }
    for loss in &scorecard.losses {
        table.add("losses", |rows| of_loss(rows, loss));
    }
    for drill in &scorecard.drills {
        table.add("calendars of drills", |rows| drill::calendar(rows, &scorecard.weeks, drill));
        table.add("runs of drills", |rows| drill::runs(rows, drill));
    }
    table.into_text(&scorecard.drills)
}

fn of_answer(rows: &mut Rows, answer: &ApplicationAnswer) {
    let state = answer.state.to_string();
    let application = &answer.application;
    rows.push(&Row { part: "answer", application, state, text: &answer.sentence, ..Row::default() });
    for of in &answer.dependencies {
        let critical =
            of.critical.map_or("not declared", |critical| if critical { "critical" } else { "not critical" });
        rows.push(&Row {
            part: "dependency",
            application,
            dependency: &of.dependency,
            name: critical,
            state: of.state.to_string(),
            text: &of.words,
            ..Row::default()
        });
    }
}

fn of_finding(rows: &mut Rows, finding: &Finding) {
    let reason = finding.reason.as_deref().map_or(String::new(), |reason| format!(" {reason}"));
    rows.push(&Row {
        part: "finding",
        application: &finding.key.application,
        environment: &finding.key.environment,
        drill: &finding.key.drill,
        dependency: &finding.dependency,
        name: finding.run_id.as_deref().unwrap_or_default(),
        state: word(finding.kind),
        at: finding.since.map_or_else(String::new, at),
        value: finding.playbook.as_ref().map_or_else(String::new, |playbook| playbook.owner.clone()),
        text: &format!("{}{reason}", finding.text),
    });
}

fn of_coverage(rows: &mut Rows, coverage: &Coverage) {
    for row in &coverage.rows {
        for (environment, cell) in coverage.environments.iter().zip(&row.cells) {
            let drills: Vec<&str> = cell.drills.iter().map(|key| key.drill.as_str()).collect();
            rows.push(&Row {
                part: "coverage",
                application: &coverage.application,
                environment,
                dependency: &row.dependency,
                state: cell.state.map_or("not drilled".to_owned(), |state| state.to_string()),
                text: &drills.join(" "),
                ..Row::default()
            });
        }
    }
}

fn of_stage(rows: &mut Rows, reached: &StageReached) {
    let application = &reached.application;
    rows.push(&Row { part: "stage", application, value: reached.reached.to_string(), ..Row::default() });
    for stage in &reached.stages {
        for requirement in &stage.requirements {
            let basis = match requirement.basis {
                Basis::Proven => "proven",
                Basis::Declared => "declared",
            };
            let link = requirement.link.as_deref().map_or(String::new(), |link| format!(" {link}"));
            rows.push(&Row {
                part: basis,
                application,
                name: requirement.id,
                state: word(requirement.met),
                at: requirement.date.clone().unwrap_or_default(),
                value: stage.number.to_string(),
                text: &format!("{}: {}{link}", requirement.what, requirement.detail),
                ..Row::default()
            });
        }
    }
}

fn of_loss(rows: &mut Rows, loss: &Loss) {
    for incident in &loss.incident_list {
        rows.push(&Row {
            part: "incident",
            application: &loss.application,
            name: &incident.alarm_arn,
            state: incident.done.to_string(),
            at: at(incident.began),
            value: optional(incident.lost_ms),
            text: incident.why.as_deref().unwrap_or_default(),
            ..Row::default()
        });
    }
    let mut add = |part: &str, month: &str, sum: LossSum| {
        let LossSum { events, unknown, lost_ms, cost } = sum;
        let values = [
            ("events", events.to_string()),
            ("unknown", unknown.to_string()),
            ("lostMs", lost_ms.to_string()),
            ("cost", optional(cost)),
        ];
        for (name, value) in values {
            let application = &loss.application;
            rows.push(&Row { part, application, name, at: month.to_owned(), value, ..Row::default() });
        }
    };
    add("lostInDrills", "", loss.drills);
    add("lostInIncidents", "", loss.incidents);
    for month in &loss.months {
        add("lostInDrills", &month.month, month.drills);
        add("lostInIncidents", &month.month, month.incidents);
    }
}
