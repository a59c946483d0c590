//! Declared: the requirements that no record can show.

use firedrill_core::Tristate;
use jiff::{ToSpan as _, civil::Date};

use super::{Basis, Facts, Requirement};
use crate::{
    days::day_of,
    input::{Declaration, DeclaredLink, DeclaredPlaybook},
    words::list,
};

impl Facts<'_, '_> {
    pub(super) fn observability(&self) -> Requirement {
        let what = "the application can be observed";
        self.linked("observability", what, |declared| declared.observability.as_ref())
    }

    pub(super) fn prerequisites(&self) -> Requirement {
        let what = "the prerequisites lie in one place";
        self.linked("prerequisites", what, |declared| declared.prerequisites.as_ref())
    }

    pub(super) fn agreement(&self) -> Requirement {
        let what = "development, test, operations and stakeholders agreed";
        self.linked("agreement", what, |declared| declared.agreement.as_ref())
    }

    pub(super) fn exercise(&self) -> Requirement {
        let what = "the recovery playbook was exercised by hand";
        self.linked("exercise", what, |declared| declared.exercise.as_ref())
    }

    pub(super) fn build_gate(&self) -> Requirement {
        let what = "a failed drill fails the build";
        self.linked("build-gate", what, |declared| declared.build_gate.as_ref())
    }

    pub(super) fn failover_automated(&self) -> Requirement {
        let what = "disaster recovery failover is automated in production";
        self.linked("failover-automated", what, |declared| declared.failover_automated.as_ref())
    }

    pub(super) fn recovery_playbook(&self) -> Requirement {
        let blank = blank("recovery-playbook", "there is a playbook for disaster recovery failover");
        let Some(declared) = self.application.declaration else { return self.undeclared(blank) };
        let Some(playbook) = &declared.recovery_playbook else { return not_declared(blank) };
        let (link, date) = (Some(playbook.link.to_string()), Some(playbook.date.to_string()));
        let (met, detail) = self.judge(playbook);
        Requirement { met, detail, link, date, ..blank }
    }

    /// The dependencies are named, and it is defined when each of them counts as failed.
    pub(super) fn thresholds(&self) -> Requirement {
        let blank = blank("dependencies", "the dependencies are defined, critical or not, with thresholds");
        let Some(declared) = self.application.declaration else { return self.undeclared(blank) };
        let without: Vec<String> = declared
            .dependencies
            .iter()
            .filter(|dependency| dependency.thresholds.as_ref().is_none_or(|link| link.date > self.today()))
            .map(|dependency| self.application.title_of(&dependency.name))
            .collect();
        let detail = match (&without[..], &self.application.undeclared) {
            ([], None) => format!("{} are declared", declared.dependencies.len()),
            ([], Some(why)) => return Requirement { met: Tristate::Unknown, detail: why.clone(), ..blank },
            (_, _) => format!("no thresholds are declared of {}", list(&without)),
        };
        Requirement { met: without.is_empty().into(), detail, ..blank }
    }

    pub(super) fn dependency_playbooks(&self) -> Requirement {
        let blank = blank("dependency-playbooks", "there is a playbook for each critical dependency");
        let (Some(declared), None) = (self.application.declaration, &self.application.undeclared) else {
            return self.undeclared(blank);
        };
        let lacks = |dependency: &crate::input::DeclaredDependency| {
            let title = self.application.title_of(&dependency.name);
            match dependency.playbook.as_ref().map(|playbook| self.judge(playbook)) {
                Some((Tristate::Yes, _)) => None,
                Some((_, why)) => Some(format!("that of {title} {why}")),
                None => Some(format!("{title} has none")),
            }
        };
        let lacking: Vec<String> = declared.critical().filter_map(lacks).collect();
        let met = lacking.is_empty();
        let detail = if met { "each has one".to_owned() } else { list(&lacking) };
        Requirement { met: met.into(), detail, ..blank }
    }

    /// Whether a playbook's version holds: it is not older than a year.
    fn judge(&self, playbook: &DeclaredPlaybook) -> (Tristate, String) {
        let (version, date) = (&playbook.version, playbook.date);
        let today = self.today();
        if date > today {
            (Tristate::No, format!("is dated in the future (version {version}, {date})"))
        } else if date.saturating_add(1.year()) < today {
            (Tristate::No, format!("is older than a year (version {version}, {date})"))
        } else {
            (Tristate::Yes, format!("has version {version} of {date}"))
        }
    }

    /// A requirement that is met once it is declared.
    fn linked(
        &self,
        id: &'static str,
        what: &'static str,
        of: impl FnOnce(&Declaration) -> Option<&DeclaredLink>,
    ) -> Requirement {
        let blank = blank(id, what);
        let Some(declared) = self.application.declaration else { return self.undeclared(blank) };
        let Some(link) = of(declared) else { return not_declared(blank) };
        let is_past = link.date <= self.today();
        let detail = if is_past { "is declared" } else { "is declared for a day that is yet to come" };
        Requirement {
            met: is_past.into(),
            detail: detail.to_owned(),
            link: Some(link.link.to_string()),
            date: Some(link.date.to_string()),
            ..blank
        }
    }

    /// That nothing, or not enough, is declared to tell.
    pub(super) fn undeclared(&self, blank: Requirement) -> Requirement {
        let why = self.application.undeclared.clone().unwrap_or_default();
        Requirement { met: Tristate::Unknown, detail: format!("cannot tell, because {why}"), ..blank }
    }

    pub(super) fn today(&self) -> Date {
        day_of(self.now)
    }
}

/// A requirement that nothing was declared of yet.
pub(super) fn blank(id: &'static str, what: &'static str) -> Requirement {
    Requirement {
        id,
        what,
        met: Tristate::Unknown,
        basis: Basis::Declared,
        detail: String::new(),
        link: None,
        date: None,
    }
}

fn not_declared(blank: Requirement) -> Requirement {
    Requirement { met: Tristate::No, detail: "is not declared".to_owned(), ..blank }
}
