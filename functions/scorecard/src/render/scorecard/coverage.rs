//! Coverage and stages: which dependency is drilled where, the stage that each application has reached, and what the
//! next one lacks.

use firedrill_core::Tristate;

use super::Scope;
use crate::{
    model::{Basis, CoverageCell, Requirement, Stage, StageReached},
    render::{
        listed::Listed,
        state::{Shown, Tone, state},
        text::{Text, web_link},
    },
    words::count,
};

/// The most environments of the table.
const MAX_ENVIRONMENTS: usize = 8;
/// The most things missing that are named.
const MAX_MISSING: usize = 8;

/// The coverage: a row per dependency, a column per environment.
#[derive(Clone, Debug)]
pub(super) struct CoverageShown {
    /// The columns.
    pub environments: Listed<Text>,
    /// The rows.
    pub rows: Listed<CoverageLine>,
}

/// One dependency.
#[derive(Clone, Debug)]
pub(super) struct CoverageLine {
    /// The application.
    pub application: Text,
    /// The dependency.
    pub dependency: Text,
    /// Whether it is critical, in words.
    pub critical: &'static str,
    /// One cell for each environment.
    pub cells: Vec<CellShown>,
}

/// One dependency in one environment.
#[derive(Clone, Debug)]
pub(super) struct CellShown {
    /// The state of its worst drill; none without a drill.
    pub state: Option<Shown>,
    /// The number of drills, if there are several.
    pub drills: String,
}

/// The stage of one application.
#[derive(Clone, Debug)]
pub(super) struct StageShown {
    /// The application.
    pub title: Text,
    /// The link to its page.
    pub href: String,
    /// The stage that it has reached.
    pub reached: String,
    /// What the next one lacks.
    pub missing: Listed<Text>,
    /// Every stage with its requirements; on the page of the application.
    pub stages: Vec<StageLine>,
}

/// One stage with its requirements.
#[derive(Clone, Debug)]
pub(super) struct StageLine {
    /// Its number and name.
    pub name: String,
    /// Its requirements.
    pub requirements: Vec<RequirementLine>,
}

/// One requirement.
#[derive(Clone, Debug)]
pub(super) struct RequirementLine {
    /// What is required.
    pub what: Text,
    /// Whether it is met.
    pub state: Shown,
    /// What the answer rests on.
    pub basis: &'static str,
    /// What was found, or is missing.
    pub detail: Text,
    /// Where a declaration can be read.
    pub href: Option<String>,
    /// The date of a declaration.
    pub date: Text,
}

/// The coverage of this page's applications.
pub(super) fn coverage(scope: &Scope<'_>) -> CoverageShown {
    let covered = || scope.scorecard.coverage.iter().filter(|coverage| scope.covers(&coverage.application));
    let environments: &[String] = covered().next().map_or(&[], |coverage| &coverage.environments);
    let rows = covered().flat_map(|coverage| coverage.rows.iter().map(move |row| (coverage, row)));
    CoverageShown {
        environments: Listed::first(environments, MAX_ENVIRONMENTS, |name| Text::name(name)),
        rows: Listed::first(rows, scope.limits.coverage, |(coverage, row)| CoverageLine {
            application: Text::name(&coverage.title),
            dependency: Text::name(&row.title),
            critical: match row.critical {
                Some(true) => "critical",
                Some(false) => "not critical",
                None => "not declared",
            },
            cells: row.cells.iter().take(MAX_ENVIRONMENTS).map(cell).collect(),
        }),
    }
}

fn cell(cell: &CoverageCell) -> CellShown {
    let drills = cell.drills.len() as u64;
    let drills = if drills > 1 { count(drills, "drill") } else { String::new() };
    CellShown { state: cell.state.map(state), drills }
}

/// The stages of this page's applications. A page of one application shows every requirement.
pub(super) fn stages(scope: &Scope<'_>) -> Listed<StageShown> {
    let covered = scope.scorecard.stages.iter().filter(|reached| scope.covers(&reached.application));
    Listed::first(covered, scope.limits.applications, |reached| StageShown {
        title: Text::name(&reached.title),
        href: scope.application_link(&reached.application),
        reached: reached_words(reached),
        missing: Listed::first(&reached.missing, MAX_MISSING, |missing| Text::new(missing)),
        stages: if scope.is_index() { Vec::new() } else { reached.stages.iter().map(stage).collect() },
    })
}

fn reached_words(reached: &StageReached) -> String {
    if reached.reached == 0 { "none yet".to_owned() } else { format!("{} of 5", reached.reached) }
}

fn stage(stage: &Stage) -> StageLine {
    let name = if stage.number == 0 { "Before".to_owned() } else { format!("Stage {}", stage.number) };
    StageLine {
        name: format!("{name}: {}", stage.name),
        requirements: stage.requirements.iter().map(requirement).collect(),
    }
}

fn requirement(requirement: &Requirement) -> RequirementLine {
    let state = match requirement.met {
        Tristate::Yes => Shown::new("met", Tone::Ok),
        Tristate::No => Shown::new("missing", Tone::Bad),
        Tristate::Unknown => Shown::new("cannot tell", Tone::Unknown),
    };
    RequirementLine {
        what: Text::new(requirement.what),
        state,
        basis: match requirement.basis {
            Basis::Proven => "proven by records",
            Basis::Declared => "declared",
        },
        detail: Text::new(&requirement.detail),
        href: requirement.link.as_deref().and_then(web_link),
        date: Text::name(requirement.date.as_deref().unwrap_or_default()),
    }
}
