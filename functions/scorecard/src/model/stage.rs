//! Stage: the stage of resiliency that an application has reached, and what the next one lacks.

mod declared;
mod proven;

use firedrill_core::{Timestamp, Tristate};
use serde::Serialize;

use super::build::Application;
use crate::input::Inputs;

/// The stage of one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageReached {
    /// The application.
    pub application: String,
    /// Its name for people.
    pub title: String,
    /// The highest stage of which every requirement, and every one of the stages before it, is met: 1 to 5, or 0.
    pub reached: u8,
    /// All stages, from the prerequisites (0) to 5.
    pub stages: Vec<Stage>,
    /// What the next stage lacks, in words; empty if the last one is reached.
    pub missing: Vec<String>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Its number: 0 for the prerequisites, then 1 to 5.
    pub number: u8,
    /// Its name: `manual and automatic`.
    pub name: &'static str,
    /// Its own requirements. It also holds those of the stages before it.
    pub requirements: Vec<Requirement>,
}

/// One requirement of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// A stable name for CSV, JSON and tests: `production-run`.
    pub id: &'static str,
    /// What is required, in words.
    pub what: &'static str,
    /// Whether it is met. Unknown never counts as met.
    pub met: Tristate,
    /// What the answer rests on.
    pub basis: Basis,
    /// What was found, or what is missing, in words.
    pub detail: String,
    /// For what is declared: where that can be read. Link to it only if it is http(s).
    pub link: Option<String>,
    /// For what is declared: its date, such as `2026-11-23`.
    pub date: Option<String>,
}

/// What the answer to a requirement rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Records and schedules.
    Proven,
    /// What the application declares of itself.
    Declared,
}

const NAMES: [&str; 6] = [
    "prerequisites",
    "manual",
    "manual, before production",
    "manual and automatic",
    "automated, before production",
    "full",
];

/// Everything that the requirements of one application are held against.
struct Facts<'f, 'a> {
    inputs: &'f Inputs,
    application: &'f Application<'a>,
    now: Timestamp,
}

/// The stage that an application has reached.
pub(super) fn stage(inputs: &Inputs, application: &Application<'_>, now: Timestamp) -> StageReached {
    let facts = Facts { inputs, application, now };
    let requirements = [
        vec![
            facts.observability(),
            facts.thresholds(),
            facts.recovery_playbook(),
            facts.dependency_playbooks(),
        ],
        vec![facts.prerequisites(), facts.agreement(), facts.exercise()],
        vec![facts.tested_before_production(), facts.published()],
        vec![facts.cadence_kept(), facts.tracked(), facts.production_run()],
        vec![facts.automated_before_production(), facts.failover_semi_automated()],
        vec![
            facts.pipeline(),
            facts.build_gate(),
            facts.production_cadence_kept(),
            facts.failover_automated(),
        ],
    ];
    let stages: Vec<Stage> = (0..)
        .zip(NAMES)
        .zip(requirements)
        .map(|((number, name), requirements)| Stage { number, name, requirements })
        .collect();
    // The prerequisites alone are no stage.
    let reached = stages.iter().skip(1).take_while(|stage| is_met(&stages[0]) && is_met(stage)).count();
    let next = stages.iter().take(reached + 2).filter(|_| reached + 1 < stages.len());
    let open = next.flat_map(|stage| &stage.requirements).filter(|of| of.met != Tristate::Yes);
    StageReached {
        application: application.name.to_owned(),
        title: application.title(),
        reached: u8::try_from(reached).unwrap_or_default(),
        missing: open.map(|of| format!("{}: {}", of.what, of.detail)).collect(),
        stages,
    }
}

fn is_met(stage: &Stage) -> bool {
    stage.requirements.iter().all(|requirement| requirement.met == Tristate::Yes)
}
