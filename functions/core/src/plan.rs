//! What a run would do, and what is known about whether it could.

use serde::{Deserialize, Serialize};

use crate::{Seen, UndoStep, gate::GateAnswer};

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
    pub left_out: Vec<LeftOut>,
    /// Why nothing could be injected; none if it could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The steps, in order: lever first, undo after it.
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
            && self.probes.iter().all(|probe| probe.seen == Seen::Yes)
            && !self.permissions.iter().any(|permission| permission.proof == Proof::Denied)
    }
}

/// One probe, asked once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "see `Answer`")]
pub struct PlannedProbe {
    pub probe: String,
    pub seen: Seen,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A candidate that was not chosen because it may not be touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
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
