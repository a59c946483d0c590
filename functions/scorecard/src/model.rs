//! Model: the whole scorecard as data, in the order in which it is shown, before any HTML.
//!
//! Every text in it may hold what a request or AWS said: whoever renders it escapes it. Moments are in UTC.

mod answer;
mod build;
mod calendar;
mod coverage;
mod doubt;
mod drill;
mod figures;
mod finding;
mod history;
mod loss;
mod retirement;
mod stage;
mod state;

pub use answer::{ApplicationAnswer, DependencyAnswer, State};
pub(crate) use calendar::outcome_words;
pub use calendar::{Cell, CellRun, Mark, Week};
pub use coverage::{Coverage, CoverageCell, CoverageRow};
pub use drill::{Drill, DrillCadence, DrillKey, Figures, LastRun, PassRate, Playbook, Standing, Time};
pub use finding::{Finding, FindingKind};
pub use history::{Point, Segment, SegmentKind};
pub use loss::{Loss, LossIncident, LossSum, MonthLoss};
pub use retirement::Retirement;
pub use stage::{Basis, Requirement, Stage, StageReached};

use firedrill_core::Timestamp;
use serde::Serialize;

/// The whole scorecard.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scorecard {
    /// The moment for which everything here holds.
    pub as_of: Timestamp,
    /// The version of Firedrill that made it.
    pub version: String,
    /// The rule by which the confidence of [`PassRate`] is computed, to be printed beside it.
    pub confidence_rule: &'static str,
    /// What could not be read, in a sentence each: what depends on it is *cannot tell*.
    pub unread: Vec<String>,
    /// The answer for each application, the worst first.
    pub applications: Vec<ApplicationAnswer>,
    /// The weeks of the calendar, the oldest first; 53 of them. The last one holds `as_of`.
    pub weeks: Vec<Week>,
    /// Each drill with its calendar, figures and history, the worst first.
    pub drills: Vec<Drill>,
    /// What is open: failures without a later pass, and what keeps a cadence from being kept. The oldest first.
    pub findings: Vec<Finding>,
    /// For each application, which of its dependencies is drilled in which environment.
    pub coverage: Vec<Coverage>,
    /// For each application, the stage of resiliency that it has reached, and what the next one lacks.
    pub stages: Vec<StageReached>,
    /// For each application, what users lost in drills and in real incidents.
    pub losses: Vec<Loss>,
}
