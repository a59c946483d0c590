//! Plan: what a run would do, and what is known about whether it could.

use serde::{Deserialize, Serialize};

use crate::{Tristate, UndoStep, gate::GateAnswer};

/// The answer to a request with `execute: false`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Every gate and its state.
    pub gates: Vec<GateAnswer>,
    /// Each probe and its answer.
    pub probes: Vec<PlannedProbe>,
    /// The resources that would be touched.
    pub targets: Vec<String>,
    /// The resources that may not be touched or were left out, and why.
    pub excluded: Vec<Excluded>,
    /// Why nothing could be injected; `None` if it could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The hops from trigger to effect, as far as they could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wiring: Vec<Hop>,
    /// What a pass would prove to work; empty where the mode makes that obvious.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exercises: String,
    /// The calls, in order: injection first, undo after it.
    pub steps: Vec<PlannedStep>,
    /// The undo steps.
    pub undo: Vec<UndoStep>,
    /// The permissions that it needs.
    pub permissions: Vec<Permission>,
    /// What somebody should know who reads it, and what keeps no run from starting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether a run could start, as far as it could be checked: nothing refused, every gate open, every probe yes, no
    /// permission denied.
    #[must_use]
    pub fn could_run(&self) -> bool {
        self.refused.is_none()
            && crate::gate::closed(&self.gates).is_none()
            && self.probes.iter().all(|probe| probe.seen == Tristate::Yes)
            && !self.permissions.iter().any(|permission| permission.proof == Proof::Denied)
    }
}

/// One probe, asked once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of `ProbeAnswer`")]
pub struct PlannedProbe {
    pub probe: String,
    pub seen: Tristate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One hop of the path from a trigger to its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// Where it begins, such as an alarm's ARN.
    pub from: String,
    /// Where it leads, such as a topic's ARN.
    pub to: String,
    /// Whether the hop exists. Unknown if it could not be read.
    pub seen: Tristate,
    /// What was read.
    pub detail: String,
}

/// A candidate that was not chosen because it may not be touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Excluded {
    /// The resource's id or ARN.
    pub resource: String,
    /// Why it may not be touched, such as `is a Spot instance`.
    pub why: String,
}

/// One call that a run would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// The API action, such as `ec2:StopInstances`.
    pub action: String,
    /// The resources that it is called on.
    pub resources: Vec<String>,
    /// `control plane (REGION)` or `data plane`: the control plane of a Region may fail in a real incident.
    pub plane: String,
}

/// One permission, and how it was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// The IAM action, such as `ec2:StopInstances`.
    pub action: String,
    /// How it was checked.
    pub proof: Proof,
    /// What AWS answered, if that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Permission {
    /// One that was not checked, and why not, if that helps.
    #[must_use]
    pub fn not_checked(action: &str, why: Option<&str>) -> Self {
        Self { action: action.to_owned(), proof: Proof::NotChecked, detail: why.map(str::to_owned) }
    }
}

/// How a permission was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// AWS confirmed it (`DryRun`).
    #[serde(rename = "proven")]
    Proven,
    /// It was not checked, or could not be.
    #[serde(rename = "not checked")]
    NotChecked,
    /// AWS denied it.
    #[serde(rename = "denied")]
    Denied,
}
