//! Finding: what is open, since when, and whose it is.

use firedrill_core::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DrillKey, Playbook, build::Checked, calendar::outcome_words};
use crate::{
    input::DrillResult,
    records::Class,
    words::{count, date},
};

/// Something that somebody has to do something about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of finding it is.
    pub kind: FindingKind,
    /// The drill.
    pub key: DrillKey,
    /// The dependency that the drill makes fail.
    pub dependency: String,
    /// Since when it is open; none if that is not known.
    pub since: Option<Timestamp>,
    /// What is the matter, in a sentence.
    pub text: String,
    /// The reason, as the record of the run has it.
    pub reason: Option<String>,
    /// The run that showed it first; none if none did.
    pub run_id: Option<String>,
    /// The procedure, with its owner: whose finding it is.
    pub playbook: Option<Playbook>,
    /// What tells one occasion from the next: as long as a finding lasts, it stays the same, so that it is told once.
    #[serde(skip)]
    pub occasion: String,
}

/// What is the matter with a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A run did not pass, and none has since.
    Failed,
    /// The last runs told nothing: they were inconclusive, stopped, or did not inject.
    ToldNothing,
    /// The drill has not passed for longer than its cadence and grace allow.
    Overdue,
    /// It is scheduled, and no run ever injected a failure.
    NeverRun,
    /// Its schedule or rule is disabled.
    Disabled,
    /// Its schedule starts it less often than its cadence asks for.
    ScheduledTooRarely,
    /// Its schedule will not start it again: it has ended, or its last time is over.
    ScheduleEnded,
    /// No time of its schedule lies in one of its windows.
    NeverInWindow,
    /// Its last five runs or more were all skipped.
    SkippedRepeatedly,
    /// It has results, and nothing starts it any more.
    ScheduleDeleted,
    /// It has results and no schedule, and another drill of the same dependency is scheduled and never ran.
    Renamed,
    /// Its application declares it as retired, and it still runs or is still scheduled.
    RetiredButActive,
    /// Its schedule only plans (`execute: false`).
    OnlyPlanned,
    /// Its schedule, or what it sends, cannot be read.
    ScheduleUnreadable,
    /// An event rule without times starts it: when it runs next cannot be told.
    StartedByEvents,
}

/// Everything that is open, the oldest first; what is open since an unknown time comes last.
pub(super) fn findings(drills: &[Checked<'_>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = drills.iter().flat_map(of_drill).collect();
    findings.sort_by(|a, b| {
        let rank = |finding: &Finding| (finding.since.is_none(), finding.since, finding.kind);
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    });
    findings
}

fn of_drill(drill: &Checked<'_>) -> Vec<Finding> {
    if drill.shown.retired.is_some() {
        return Vec::new();
    }
    let blank = |kind| Finding {
        kind,
        key: drill.shown.key.clone(),
        dependency: drill.shown.dependency.clone(),
        since: None,
        text: String::new(),
        reason: None,
        run_id: None,
        playbook: drill.shown.playbook.clone(),
        occasion: String::new(),
    };
    let of_run = |kind, run: &DrillResult, text| Finding {
        since: Some(run.finished),
        occasion: run.run_id.clone(),
        text,
        reason: run.reason.clone(),
        run_id: Some(run.run_id.clone()),
        ..blank(kind)
    };
    let failed =
        drill.records.failing_since().map(|run| of_run(FindingKind::Failed, run, failed_text(drill, run)));
    let silent = told_nothing_since(drill).map(|run| {
        let text =
            format!("Its run of {} {}: it told nothing.", date(run.finished), outcome_words(run.outcome));
        of_run(FindingKind::ToldNothing, run, text)
    });
    // A drill that was replaced needs no schedule any more; its failures stay.
    let problems = drill.check.problems.iter().filter(|_| drill.shown.counts());
    let problems = problems.map(|problem| Finding {
        since: problem.since,
        text: problem.text.clone(),
        occasion: problem.occasion.clone(),
        ..blank(problem.kind)
    });
    failed.into_iter().chain(silent).chain(problems).collect()
}

fn failed_text(drill: &Checked<'_>, first: &DrillResult) -> String {
    let failures = drill.records.of_class(Class::Failed).filter(|run| run.finished >= first.finished).count();
    let more = match failures {
        1 => "It has not passed since.".to_owned(),
        _ => format!("{} failed since its last pass.", count(failures as u64, "run")),
    };
    format!("Its run of {} {}. {more}", date(first.finished), outcome_words(first.outcome))
}

/// The first run after the last verdict that came to none.
fn told_nothing_since<'a>(drill: &Checked<'a>) -> Option<&'a DrillResult> {
    let decisive = drill.records.last_decisive().map(|run| run.finished);
    drill.records.of_class(Class::ToldNothing).find(|run| decisive.is_none_or(|at| run.finished > at))
}
