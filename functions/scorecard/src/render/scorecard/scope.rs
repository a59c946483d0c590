//! Scope: what of the scorecard a page shows, how much of it, and where its links lead.

use crate::{
    model::{Drill, DrillKey, Scorecard},
    render::path::{application_path, drill_anchor, run_path},
};

/// Tells of the id of a run whether its page is published: only then is it linked to.
pub type RunPages<'a> = &'a dyn Fn(&str) -> bool;

/// How many of each thing a page shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Applications.
    pub applications: usize,
    /// Drills, in the calendar and in the table.
    pub drills: usize,
    /// Drills whose recovery is drawn over time.
    pub histories: usize,
    /// Open findings.
    pub findings: usize,
    /// Rows of the coverage.
    pub coverage: usize,
}

/// What a page shows.
pub(crate) struct Scope<'a> {
    /// The whole scorecard.
    pub scorecard: &'a Scorecard,
    /// The path from the page to the root of the site: empty, or `../`.
    pub root: &'a str,
    /// How much of it.
    pub limits: Limits,
    application: Option<&'a str>,
    runs: RunPages<'a>,
}

impl<'a> Scope<'a> {
    /// The index: all applications, the worst drills.
    pub(crate) fn index(scorecard: &'a Scorecard, runs: RunPages<'a>) -> Self {
        let limits = Limits { applications: 100, drills: 40, histories: 12, findings: 40, coverage: 60 };
        Self { scorecard, root: "", limits, application: None, runs }
    }

    /// One application, with all of its drills.
    pub(crate) fn application(scorecard: &'a Scorecard, application: &'a str, runs: RunPages<'a>) -> Self {
        let limits = Limits { applications: 1, drills: 200, histories: 60, findings: 200, coverage: 200 };
        Self { scorecard, root: "../", limits, application: Some(application), runs }
    }

    /// The widget of a dashboard: little of everything or of this application, with links below the address `root`.
    pub(crate) fn widget(
        scorecard: &'a Scorecard,
        application: Option<&'a str>,
        root: &'a str,
        runs: RunPages<'a>,
    ) -> Self {
        let limits = Limits { applications: 20, drills: 20, histories: 0, findings: 10, coverage: 0 };
        Self { scorecard, root, limits, application, runs }
    }

    /// Whether this is a page over all applications.
    pub(crate) const fn is_index(&self) -> bool {
        self.application.is_none()
    }

    /// Whether the page shows this application.
    pub(crate) fn covers(&self, application: &str) -> bool {
        self.application.is_none_or(|only| only == application)
    }

    /// The drills of the page, the worst first.
    pub(crate) fn drills(&self) -> impl Iterator<Item = &'a Drill> + use<'a, '_> {
        self.scorecard.drills.iter().filter(|drill| self.covers(&drill.key.application))
    }

    /// The link to the page of a run; none if it is not published.
    pub(crate) fn run_link(&self, run_id: &str) -> Option<String> {
        (self.runs)(run_id).then(|| format!("{}{}", self.root, run_path(run_id)))
    }

    /// The link to the page of an application.
    pub(crate) fn application_link(&self, application: &str) -> String {
        format!("{}{}", self.root, application_path(application))
    }

    /// The link to a drill on the page of its application.
    pub(crate) fn drill_link(&self, key: &DrillKey) -> String {
        let anchor = drill_anchor(&key.to_string());
        if self.is_index() {
            format!("{}#{anchor}", self.application_link(&key.application))
        } else {
            format!("#{anchor}")
        }
    }
}
