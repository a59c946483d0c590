//! Sender: what sent the request of a run, as far as that can be told.

use firedrill_core::{Request, run::Caller};
use serde::{Deserialize, Serialize};

/// What sent the request of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sender {
    /// An `EventBridge` schedule.
    Schedule,
    /// An `EventBridge` rule.
    Rule,
    /// A program that gave the run an id which begins with `pipeline-`. That is its own word: nothing else tells a
    /// pipeline from a person who invokes the function.
    Pipeline,
    /// A person, or a program of which nothing is known.
    Direct,
}

impl Sender {
    /// How the id of a run begins that a pipeline sends.
    pub const PIPELINE_PREFIX: &str = "pipeline-";

    /// What sent the request of this run.
    pub(super) fn of(caller: Caller, request: &Request) -> Self {
        let is_pipeline = request.run_id.as_ref().is_some_and(|id| id.starts_with(Self::PIPELINE_PREFIX));
        match caller {
            Caller::Schedule => Self::Schedule,
            Caller::Rule => Self::Rule,
            Caller::Direct if is_pipeline => Self::Pipeline,
            Caller::Direct => Self::Direct,
        }
    }
}
