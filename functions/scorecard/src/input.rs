//! Input: what a scorecard is made of, as it was read: results, open runs, schedules, declarations and incidents.

mod declaration;
mod incident;
mod scheduled;

pub use declaration::{
    Declaration, DeclaredDependency, DeclaredLink, DeclaredPlaybook, NotADeclaration, RetiredDrill,
    parse_declaration,
};
pub use firedrill_core::result::{DrillResult, MAX_RESULT_BYTES, Sender, UnreadableResult};
pub use incident::Incident;
pub use scheduled::ScheduledDrill;

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{Timestamp, Tristate};

use crate::model::DrillKey;

/// Everything that a scorecard is made of. Whatever is later than the scorecard's moment is left out of it.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The results of all drills, in any order: at most [`MAX_RESULTS`](Self::MAX_RESULTS) of a drill, and of the last
    /// [`DAYS`](Self::DAYS) days.
    pub results: Vec<DrillResult>,
    /// The drills that have more results than that.
    pub results_cut: BTreeSet<DrillKey>,
    /// What is scheduled, or why that could not be read: then no drill is said to have no schedule.
    pub scheduled: Scheduled,
    /// The runs that are under way.
    pub open_runs: Vec<OpenRun>,
    /// What of results, open runs, declarations and incidents could not be read, in a sentence each.
    pub unread: Vec<String>,
    /// The drills of which results could not be read that may change what they have shown.
    pub results_unread: UnreadDrills,
    /// The drills of which it could not be read whether a run is under way.
    pub open_runs_unread: UnreadDrills,
    /// For each application, what it declares of itself, or why that cannot be read. One that declares nothing is missing.
    pub declarations: BTreeMap<String, Result<Declaration, String>>,
    /// Whether the declarations could not be read at all: then no application is said to declare nothing.
    pub declarations_unread: bool,
    /// Real incidents on which a failover function acted.
    pub incidents: Vec<Incident>,
    /// The environments that are not production. Every other one is.
    pub non_production_environments: BTreeSet<String>,
    /// Whether the scorecard is published where team and stakeholders read it.
    pub page_published: Tristate,
    /// Whether somebody subscribed to the notices.
    pub notices_subscribed: Tristate,
}

impl Inputs {
    /// How many days of results are read: more than the longest cadence with its grace.
    pub const DAYS: u32 = 400;
    /// How many results of one drill are read.
    pub const MAX_RESULTS: usize = 500;

    /// Whether an environment counts as production.
    #[must_use]
    pub fn is_production(&self, environment: &str) -> bool {
        !self.non_production_environments.contains(environment)
    }
}

/// The drills of which something could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadDrills {
    /// Whether these are all drills.
    pub all: bool,
    /// These drills, if they are not all.
    pub drills: BTreeSet<DrillKey>,
}

impl UnreadDrills {
    /// Whether a drill is one of them.
    #[must_use]
    pub fn holds(&self, drill: &DrillKey) -> bool {
        self.all || self.drills.contains(drill)
    }
}

/// A run that is under way. One of which there is a result already is over, whatever is listed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// The drill.
    pub key: DrillKey,
    /// When it was scheduled; without a schedule, when its record was made.
    pub began: Timestamp,
}

/// What is scheduled.
#[derive(Clone, Debug, Default)]
pub struct Scheduled {
    /// Every schedule, and every target of a rule, that invokes a drill function.
    pub drills: Vec<ScheduledDrill>,
    /// What of the schedules and rules could not be read, in a sentence each; empty if everything was.
    pub unread: Vec<String>,
}
