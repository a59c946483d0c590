//! What a run may touch, and how much of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What may be touched: instances of one account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The Region all of them lie in.
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// Which instances.
    pub instances: InstanceSelector,
    /// How many of them.
    pub blast_radius: BlastRadius,
    /// Only those in this Availability Zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// Chooses among them. Random by default; the record names it, so that a choice can be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
}

/// Which instances: exactly one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum InstanceSelector {
    /// By id. Each must be fit to be stopped, or the run is refused.
    Ids(#[schemars(length(min = 1, max = 250))] Vec<String>),
    /// Those that carry all of these tags. Unfit ones are left out, with the reason in the record.
    Tags(BTreeMap<String, String>),
    /// The members of an Auto Scaling group. Unfit ones are left out, with the reason in the record.
    AutoScalingGroup(String),
}

/// How many of the fitting instances: exactly one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum BlastRadius {
    /// So many.
    Count(#[schemars(range(min = 1, max = 250))] u32),
    /// So many in a hundred, rounded down.
    Percent(#[schemars(range(min = 1, max = 100))] u32),
}
