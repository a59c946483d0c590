//! Drill: the figures of one drill.

pub use firedrill_core::result::DrillKey;
use firedrill_core::{Outcome, Timestamp, report::Took, request::Mode};
use serde::Serialize;

use super::{Cell, Point, Retirement, State};

/// One drill: its last run, its cadence, its figures, its calendar and its history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drill {
    /// Which drill this is.
    pub key: DrillKey,
    /// The dependency that it makes fail.
    pub dependency: String,
    /// How its last run, else its schedule, injects the failure; none if neither can be read.
    pub mode: Option<Mode>,
    /// What its runs have shown.
    pub state: State,
    /// The state in words: `proven 6 days ago`, `overdue 3 days`, `failing since 4 November 2026`, `never tried`.
    pub words: String,
    /// What could not be read, so that it cannot be told where it stands; none if that can be told.
    pub unread: Option<&'static str>,
    /// The drill of the same dependency and environment that passed since this one lost its schedule; none if this drill
    /// counts. A replaced drill counts for no dependency.
    pub replaced_by: Option<String>,
    /// That it was given up on purpose; none if it was not, or is still in use. A retired drill counts for no dependency, and
    /// nothing of it is a finding.
    pub retired: Option<Retirement>,
    /// Its last run of any outcome, skipped ones too; none if there is no result.
    pub last: Option<LastRun>,
    /// How often it must pass, and whether it does.
    pub cadence: DrillCadence,
    /// The recovery time objective, in milliseconds: that of its schedule, else of its last run.
    pub objective_ms: Option<u64>,
    /// Time to recover, over all runs that decided about recovery.
    pub time_to_recover: Figures,
    /// Time to detect, over all runs that measured it.
    pub time_to_detect: Figures,
    /// Time to fail over, over all runs that measured it.
    pub time_to_fail_over: Figures,
    /// How many runs passed, and what that proves.
    pub passes: PassRate,
    /// The procedure that it exercises: as its schedule, else as its last run has it.
    pub playbook: Option<Playbook>,
    /// One cell for each week of the scorecard, the oldest first.
    pub calendar: Vec<Cell>,
    /// Its runs that injected a failure, the oldest first.
    pub history: Vec<Point>,
    /// Whether it has more results than were read: figures and history then begin with the oldest that was.
    pub results_cut: bool,
}

impl Drill {
    /// Whether it counts for its dependency: it was neither replaced nor retired.
    pub(crate) const fn counts(&self) -> bool {
        self.replaced_by.is_none() && self.retired.is_none()
    }

    /// Whether it is overdue; none if that cannot be told. One that was replaced or retired is not.
    #[must_use]
    pub fn is_overdue(&self) -> Option<bool> {
        match self.cadence.standing {
            _ if !self.counts() => Some(false),
            Standing::Overdue => Some(true),
            Standing::Retired | Standing::OnTime | Standing::Due => Some(false),
            Standing::NeverPassed | Standing::CannotTell => None,
        }
    }

    /// Whether its last run that told something did not pass; none if that cannot be told. One that was replaced or retired does
    /// not count as failing.
    #[must_use]
    pub fn is_failing(&self) -> Option<bool> {
        match self.state {
            _ if !self.counts() => Some(false),
            State::Failing => Some(true),
            State::Proven | State::Stale | State::NeverTried => Some(false),
            State::CannotTell => None,
        }
    }
}

/// The last run of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// The run.
    pub run_id: String,
    /// When it was over.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The reason, as the record has it.
    pub reason: Option<String>,
}

/// The cadence of a drill, and whether it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillCadence {
    /// Days between passes; none if neither schedule nor result says it.
    pub every_days: Option<u32>,
    /// Days after which it is overdue: `everyDays` and its grace.
    pub overdue_after_days: Option<u32>,
    /// The last pass.
    pub last_pass: Option<Timestamp>,
    /// From this moment on it is due.
    pub due_at: Option<Timestamp>,
    /// After this moment it is overdue.
    pub overdue_at: Option<Timestamp>,
    /// Where it stands now.
    pub standing: Standing,
    /// The standing in words: `due in 12 days`, `due for 2 days`, `overdue for 3 days`.
    pub words: String,
    /// When its schedule starts it next; none if nothing enabled does.
    pub next_run: Option<Timestamp>,
    /// What starts it, in words: `rate(28 days)`, `cron(0 10 ? * MON#1 *), Europe/London, disabled`; none if nothing does.
    pub schedule: Option<String>,
}

/// Where a drill stands in its cadence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is retired: it need not pass any more.
    Retired,
    /// It passed, and is not due yet.
    OnTime,
    /// It must pass within the grace.
    Due,
    /// It has never passed, and it is not known since when it should have.
    NeverPassed,
    /// Its grace is over.
    Overdue,
    /// Its cadence cannot be read.
    CannotTell,
}

/// One figure of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Time {
    /// It was measured.
    Measured(Took),
    /// It was waited for in vain: longer than any measured one.
    NotReached,
}

/// The last, the median and the worst of a duration, over the runs of a drill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// That of the last run that has it.
    pub last: Option<Time>,
    /// The median; of an even number, the longer one of the two in the middle.
    pub median: Option<Time>,
    /// The longest.
    pub worst: Option<Time>,
    /// The number of runs that these are made of.
    pub runs: usize,
}

/// How many runs passed, and what that proves about the next one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PassRate {
    /// The runs that passed.
    pub passed: u32,
    /// The runs that injected a failure. What ended without a verdict counts as not passed.
    pub of: u32,
    /// The exact one-sided lower bound of the chance to pass, in percent, rounded down to one decimal; none without a run.
    pub at_least_percent: Option<f64>,
    /// In words: `12 of 12 passed: at least 77.9 % (95 % confidence)`.
    pub words: String,
}

/// The procedure that a drill exercises. `link` is whatever URL the request holds, and none if that was too long to be kept: link
/// to it only if it is http(s).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the request's playbook")]
pub struct Playbook {
    pub link: Option<String>,
    pub version: String,
    pub owner: String,
}
