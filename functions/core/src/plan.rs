//! What a run would do, and what is known about whether it could.

use serde::{Deserialize, Serialize};

use crate::{Tristate, UndoStep, gate::GateAnswer};

/// The answer to a request with `execute: false`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Every gate and what it said.
    pub gates: Vec<GateAnswer>,
    /// Each probe and its answer.
    pub probes: Vec<PlannedProbe>,
    /// What would be touched.
    pub targets: Vec<String>,
    /// What may not be touched or was left out, and why.
    pub excluded: Vec<Excluded>,
    /// Why nothing could be injected; none if it could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// From trigger to effect, as far as it could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wiring: Vec<Hop>,
    /// What a pass would prove to work; empty where that goes without saying.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exercises: String,
    /// The steps, in order: trigger first, undo after it.
    pub steps: Vec<PlannedStep>,
    /// How it would be taken back.
    pub undo: Vec<UndoStep>,
    /// The permissions it needs.
    pub permissions: Vec<Permission>,
}

impl Plan {
    /// Whether nothing that could be looked at speaks against executing.
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
#[expect(missing_docs, reason = "see `Answer`")]
pub struct PlannedProbe {
    pub probe: String,
    pub seen: Tristate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One hop of the way from a trigger to its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// From what, such as an alarm.
    pub from: String,
    /// To what, such as a topic.
    pub to: String,
    /// Whether it is there. Unknown if it could not be read.
    pub seen: Tristate,
    /// What was read.
    pub detail: String,
}

/// A candidate that was not chosen because it may not be touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Excluded {
    /// What.
    pub resource: String,
    /// Why.
    pub why: String,
}

/// One call that a run would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Such as `ec2:StopInstances`.
    pub action: String,
    /// On what.
    pub resources: Vec<String>,
    /// `control plane (REGION)` or `data plane`: a control plane may be what is down.
    pub plane: String,
}

/// One permission and how it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// Such as `ec2:StopInstances`.
    pub action: String,
    /// How it is known.
    pub proof: Proof,
    /// What AWS said, where it said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How a permission is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// AWS itself said so (`DryRun`).
    #[serde(rename = "proven")]
    Proven,
    /// The policy simulator said so.
    #[serde(rename = "simulated")]
    Simulated,
    /// Nobody asked, or nobody could.
    #[serde(rename = "not checked")]
    NotChecked,
    /// AWS itself denied it.
    #[serde(rename = "denied")]
    Denied,
}
