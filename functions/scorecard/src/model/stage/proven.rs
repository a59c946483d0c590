//! Proven: the requirements that records and schedules show.

use std::time::Duration;

use firedrill_core::{Timestamp, Tristate};

use super::{Basis, Facts, Requirement, declared::blank};
use crate::{
    input::{DrillResult, Sender},
    model::build::Checked,
    records::Class,
    words::{date, list},
};

const YEAR: Duration = Duration::from_hours(24 * 365);

impl Facts<'_, '_> {
    pub(super) fn tested_before_production(&self) -> Requirement {
        let what = "a failure of every critical dependency was tested outside production";
        let decided = |drill: &Checked<'_>| drill.records.last_decisive().is_some();
        let blank = proven("tested-before-production", what);
        self.every_critical(blank, "has no such run that came to a verdict", |drill| {
            !self.is_production(drill) && decided(drill)
        })
    }

    pub(super) fn published(&self) -> Requirement {
        let blank = proven("published", "results are published to team and stakeholders");
        let (page, notices) = (self.inputs.page_published, self.inputs.notices_subscribed);
        let (met, detail) = match (page, notices) {
            (Tristate::Yes, _) => (Tristate::Yes, "this page is published"),
            (_, Tristate::Yes) => (Tristate::Yes, "the notices have a subscriber"),
            (Tristate::No, Tristate::No) => {
                (Tristate::No, "this page is not published, and the notices have no subscriber")
            }
            (Tristate::Unknown, _) | (_, Tristate::Unknown) => {
                (Tristate::Unknown, "whether anybody is told cannot be read")
            }
        };
        Requirement { met, detail: detail.to_owned(), ..blank }
    }

    pub(super) fn cadence_kept(&self) -> Requirement {
        let blank = proven("cadence", "every critical dependency is scheduled, and passed within 35 days");
        let lacks = "has no enabled schedule of 35 days at most with a pass within them";
        self.every_critical(blank, lacks, |drill| self.keeps_cadence(drill))
    }

    pub(super) fn tracked(&self) -> Requirement {
        let blank = proven("tracked", "a dashboard tracks resiliency over time");
        let detail = match self.inputs.page_published {
            Tristate::Yes => "this scorecard does",
            Tristate::No => "this scorecard is not published",
            Tristate::Unknown => "whether this scorecard is published cannot be read",
        };
        Requirement { met: self.inputs.page_published, detail: detail.to_owned(), ..blank }
    }

    pub(super) fn production_run(&self) -> Requirement {
        let blank = proven("production-run", "an experiment ran in production within a year");
        let since = self.now - YEAR;
        let runs = self.application.drills.iter().filter(|drill| self.is_production(drill));
        let last =
            runs.filter_map(|drill| drill.records.injected().next_back()).map(|run| run.finished).max();
        let detail = match last {
            Some(at) => format!("the last one was on {}", date(at)),
            None => "there was none".to_owned(),
        };
        let met = if last.is_some_and(|at| at >= since) { Tristate::Yes } else { self.not_seen() };
        Requirement { met, detail, ..blank }
    }

    pub(super) fn automated_before_production(&self) -> Requirement {
        let blank = proven(
            "automated-before-production",
            "every critical dependency is tested outside production on its cadence, without a person",
        );
        let by_hand: Vec<String> = self
            .application
            .drills
            .iter()
            .filter(|drill| {
                !self.is_production(drill) && drill.shown.counts() && self.was_started_by_hand(drill)
            })
            .map(|drill| drill.shown.key.drill.clone())
            .collect();
        if !by_hand.is_empty() {
            let detail = format!("{} ran by hand within its last two cadences", list(&by_hand));
            return Requirement { met: Tristate::No, detail, ..blank };
        }
        let lacks = "has no such test that is scheduled and passed within 35 days";
        self.every_critical(blank, lacks, |drill| !self.is_production(drill) && self.passed_by_itself(drill))
    }

    /// Proven by a run in which an automated step acted; else it may be declared.
    pub(super) fn failover_semi_automated(&self) -> Requirement {
        let blank = blank("failover-semi-automated", "an automated failover step was seen acting");
        let acted = self.last_run_of(|run| run.time_to_fail_over.is_some());
        if let Some((at, true)) = acted {
            let detail = format!("it acted in a run of {}", date(at));
            return Requirement { met: Tristate::Yes, basis: Basis::Proven, detail, ..blank };
        }
        let declared = self.application.declaration.and_then(|of| of.failover_semi_automated.as_ref());
        let read = self.inputs.declarations.get(self.application.name);
        if self.inputs.declarations_unread || read.is_some_and(Result::is_err) {
            return self.undeclared(blank);
        }
        match declared.filter(|link| link.date <= self.today()) {
            Some(link) => Requirement {
                met: Tristate::Yes,
                detail: "is declared; no run within 35 days shows it".to_owned(),
                link: Some(link.link.to_string()),
                date: Some(link.date.to_string()),
                ..blank
            },
            None => Requirement {
                met: self.not_seen(),
                basis: Basis::Proven,
                detail: "no run within 35 days shows it".to_owned(),
                ..blank
            },
        }
    }

    /// That a pipeline sent a run is its own word, which nothing proves.
    pub(super) fn pipeline(&self) -> Requirement {
        let blank = blank("pipeline", "drills run in the pipeline");
        let sent = self.last_run_of(|run| run.sender == Sender::Pipeline);
        let detail = match sent {
            Some((at, _)) => format!("by its id, a pipeline sent a run that was over on {}", date(at)),
            None => format!("no run has an id that begins with `{}`", Sender::PIPELINE_PREFIX),
        };
        let met = if sent.is_some_and(|(_, is_recent)| is_recent) { Tristate::Yes } else { self.not_seen() };
        Requirement { met, detail, ..blank }
    }

    pub(super) fn production_cadence_kept(&self) -> Requirement {
        let what =
            "every critical dependency is drilled in production on schedule, and passed within 35 days";
        let blank = proven("production-cadence", what);
        self.every_critical(blank, "has no such drill", |drill| {
            self.is_production(drill) && self.passed_by_itself(drill)
        })
    }

    /// A requirement that some drill of each critical dependency has to meet.
    fn every_critical(
        &self,
        blank: Requirement,
        lacks: &str,
        meets: impl Fn(&Checked<'_>) -> bool,
    ) -> Requirement {
        let (Some(declared), None) = (self.application.declaration, &self.application.undeclared) else {
            return self.undeclared(blank);
        };
        let lacking: Vec<String> = declared
            .critical()
            .filter(|dependency| !self.application.drills_of(&dependency.name).any(&meets))
            .map(|dependency| self.application.title_of(&dependency.name))
            .collect();
        let whole = self.inputs.scheduled.unread.is_empty() && self.not_seen() == Tristate::No;
        match (&lacking[..], whole) {
            ([], _) => {
                Requirement { met: Tristate::Yes, detail: "holds for each of them".to_owned(), ..blank }
            }
            (_, true) => {
                Requirement { met: Tristate::No, detail: format!("{} {lacks}", list(&lacking)), ..blank }
            }
            (_, false) => {
                let detail =
                    format!("{} {lacks}, as far as schedules and results could be read", list(&lacking));
                Requirement { met: Tristate::Unknown, detail, ..blank }
            }
        }
    }

    /// What it means that no result shows something: that there is none, unless results could not be read.
    fn not_seen(&self) -> Tristate {
        let mut drills = self.application.drills.iter();
        if self.inputs.results_unread.all || drills.any(|drill| drill.records.results_unread) {
            Tristate::Unknown
        } else {
            Tristate::No
        }
    }

    fn is_production(&self, drill: &Checked<'_>) -> bool {
        self.inputs.is_production(&drill.shown.key.environment)
    }

    fn is_recent(&self, drill: &Checked<'_>, run: &DrillResult) -> bool {
        drill.check.is_within_stage_cadence(&drill.records, run, self.now)
    }

    /// When the last run of this kind was over that injected a failure, and whether that is recent.
    fn last_run_of(&self, is_it: impl Fn(&DrillResult) -> bool) -> Option<(Timestamp, bool)> {
        let last = |drill: &&Checked<'_>| {
            let run = drill.records.injected().rfind(|run| is_it(run))?;
            Some((run.finished, self.is_recent(drill, run)))
        };
        let runs = self.application.drills.iter().filter_map(last);
        runs.max_by_key(|(at, is_recent)| (*is_recent, *at))
    }

    /// Whether it is scheduled often enough, and its last word is a pass within 35 days.
    fn keeps_cadence(&self, drill: &Checked<'_>) -> bool {
        let last = drill.records.last_decisive().filter(|run| Class::of(run.outcome) == Class::Passed);
        !drill.records.results_unread
            && drill.check.is_scheduled_for_stages
            && last.is_some_and(|run| self.is_recent(drill, run))
    }

    /// Whether it keeps its cadence without a person.
    fn passed_by_itself(&self, drill: &Checked<'_>) -> bool {
        let recent = |run: &DrillResult| run.sender != Sender::Direct && self.is_recent(drill, run);
        self.keeps_cadence(drill) && drill.records.of_class(Class::Passed).any(recent)
    }

    /// Whether a person, or what cannot be told from one, started a run within its last two cadences.
    fn was_started_by_hand(&self, drill: &Checked<'_>) -> bool {
        let every_days = drill.shown.cadence.every_days.unwrap_or_default();
        let since = self.now - Duration::from_hours(48 * u64::from(every_days));
        drill.records.injected().any(|run| run.sender == Sender::Direct && run.finished >= since)
    }
}

/// A requirement that records show.
fn proven(id: &'static str, what: &'static str) -> Requirement {
    Requirement { basis: Basis::Proven, ..blank(id, what) }
}
