//! Sender: what sent the request of a run, as far as that can be told.

use serde::{Deserialize, Serialize};

use crate::{Run, run::Caller};

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
    pub(super) fn of(run: &Run) -> Self {
        // Without an id of the caller's, a run has that of the invocation, which does not begin like this.
        let name = run.run_id.0.rsplit('/').next();
        let is_pipeline = name.is_some_and(|name| name.starts_with(Self::PIPELINE_PREFIX));
        match run.caller {
            Caller::Schedule => Self::Schedule,
            Caller::Rule => Self::Rule,
            Caller::Direct if is_pipeline => Self::Pipeline,
            Caller::Direct => Self::Direct,
        }
    }
}
