//! Plan: what a run would do, and whether it could.

use firedrill_core::{
    evidence::Evidence,
    plan::{Permission, Plan, Proof},
};

use super::{RunRecord, details::step_words};
use crate::render::{
    listed::Listed,
    state::{Shown, Tone, tristate},
    text::Text,
};

/// The most lines of each part of a plan.
const MAX_LINES: usize = 40;

/// A plan, ready to be shown.
#[derive(Clone, Debug)]
pub(super) struct PlanShown {
    /// Whether a run could start.
    pub could_run: Shown,
    /// Why nothing could be injected.
    pub refused: Option<Text>,
    /// The calls that it would make, in order.
    pub steps: Listed<Line>,
    /// How each of them would be undone.
    pub undo: Listed<Text>,
    /// The probes and their answers.
    pub probes: Listed<Line>,
    /// The permissions, and how each was checked.
    pub permissions: Listed<Line>,
    /// What would be touched.
    pub targets: Listed<Text>,
    /// What was left out, and why.
    pub excluded: Listed<Line>,
    /// What somebody should know.
    pub notes: Listed<Text>,
}

/// One line of a plan: what it is about, its state if it has one, and what was read.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What it is about.
    pub what: Text,
    /// Its state.
    pub state: Option<Shown>,
    /// What was read.
    pub detail: Text,
}

/// The plan in the evidence of a run; none if it has none.
pub(super) fn plan(record: RunRecord<'_>) -> Option<PlanShown> {
    let plan = record.evidence.iter().rev().find_map(|item| match item {
        Evidence::Plan { plan, .. } => Some(plan.as_ref()),
        _ => None,
    })?;
    Some(shown(plan))
}

fn shown(plan: &Plan) -> PlanShown {
    let could_run = if plan.could_run() {
        Shown::new("a run could start, as far as it could be checked", Tone::Ok)
    } else {
        Shown::new("a run could not start now", Tone::Bad)
    };
    PlanShown {
        could_run,
        refused: plan.refused.as_deref().map(Text::new),
        steps: Listed::first(&plan.steps, MAX_LINES, |step| Line {
            what: Text::name(&step.action),
            state: None,
            detail: Text::new(&format!("{}; {}", some(&step.resources), step.plane)),
        }),
        undo: Listed::first(&plan.undo, MAX_LINES, |step| Text::new(&step_words(step))),
        probes: Listed::first(&plan.probes, MAX_LINES, |probe| Line {
            what: Text::name(&probe.probe),
            state: Some(tristate(probe.seen, ["yes", "no", "unknown"])),
            detail: Text::new(probe.detail.as_deref().unwrap_or_default()),
        }),
        permissions: Listed::first(&plan.permissions, MAX_LINES, permission),
        targets: Listed::first(&plan.targets, MAX_LINES, |target| Text::name(target)),
        excluded: Listed::first(&plan.excluded, MAX_LINES, |excluded| Line {
            what: Text::name(&excluded.resource),
            state: None,
            detail: Text::new(&excluded.why),
        }),
        notes: Listed::first(&plan.notes, MAX_LINES, |note| Text::new(note)),
    }
}

fn permission(permission: &Permission) -> Line {
    let state = match permission.proof {
        Proof::Proven => Shown::new("proven", Tone::Ok),
        Proof::NotChecked => Shown::new("not checked", Tone::Warn),
        Proof::Denied => Shown::new("denied", Tone::Bad),
    };
    let detail = Text::new(permission.detail.as_deref().unwrap_or_default());
    Line { what: Text::name(&permission.action), state: Some(state), detail }
}

/// The first few of these resources in words.
pub(super) fn some(resources: &[String]) -> String {
    const MAX_NAMED: usize = 5;
    let named = resources.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match resources.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}
