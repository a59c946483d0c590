//! Contracts: what each port promises, as one suite for each, whatever stands behind the port.
//!
//! A suite is run twice: on the simulator (`tests/contracts.rs` of this crate), and on the adapter with local AWS
//! (`tests/local_aws/contracts.rs` of the workspace). What the simulator claims, the wire does, too. A suite is told what the set-up
//! made (its subject), and gets by [`Outside`] what no port can do. It panics where a promise is broken.

mod alarms;
mod autoscaling;
mod databases;
mod distributions;
mod functions;
mod health_checks;
mod instances;
mod journal;
mod keys;
mod load_balancers;
mod pages;
mod prober;
mod rules;
mod store;
mod store_control;
mod subjects;
mod topics;

use std::{collections::BTreeMap, future::Future};

pub use alarms::{AlarmsSubject, alarms, evaluated_states, forced_states, mute_rules, parents, statistics};
pub use autoscaling::{GroupsSubject, autoscaling};
pub use databases::{ClusterSubject, databases, failovers, reboots};
pub use distributions::{DistributionSubject, distributions};
use firedrill_core::{CallOutcome, Timestamp, ports::Ids, result::DrillResult, run::RunId};
use firedrill_drills::{Proof, ports::Reply};
pub use functions::{FunctionSubject, functions, invoker};
pub use health_checks::{HealthChecksSubject, health_checks};
pub use instances::{InstancesSubject, instances};
pub use journal::journal;
pub use keys::{KeysSubject, keys};
pub use load_balancers::{TargetsSubject, load_balancers};
pub use prober::{ProberSubject, prober};
pub use rules::{RulesSubject, rules};
pub use store::{StoreSubject, store};
pub use store_control::{commands, switches};
pub use topics::{TopicsSubject, topics};

/// How often a suite looks for what it awaits before it says that it never comes.
const MOST_LOOKS: u32 = 5_000;

/// What a suite needs that no port offers: the passing of time, other people, and a look at the record.
pub trait Outside {
    /// Lets a moment pass, after which a read that is eventually consistent may show more.
    fn pass(&self) -> impl Future<Output = ()>;
    /// The time, by the clock of those who are asked.
    fn now(&self) -> Timestamp;
    /// Lets a cluster be busy, as while its status is `failing-over`, or available again.
    fn occupy(&self, cluster: &str, busy: bool) -> impl Future<Output = ()>;
    /// Mutes the actions of this alarm by a rule of this name: from now on, or later.
    fn mute(&self, alarm: &str, rule: &str, now: bool) -> impl Future<Output = ()>;
    /// The texts of the messages that were published to this topic.
    fn messages(&self, topic: &str) -> impl Future<Output = Vec<String>>;
    /// How many items of evidence the record holds about a run.
    fn evidence(&self, run: &RunId) -> impl Future<Output = usize>;
    /// The summary of a drill (`environment/application/drill`); none if no run of it ever ended.
    fn summary(&self, drill_key: &str) -> impl Future<Output = Option<Summary>>;
    /// The results of a drill, in the order of their keys.
    fn results(&self, drill_key: &str) -> impl Future<Output = Vec<DrillResult>>;
}

/// What the record holds about all runs of one drill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The identity of the run that ended last.
    pub last_run: String,
    /// Its outcome.
    pub last_outcome: String,
    /// How many runs ended with each outcome.
    pub counts: BTreeMap<String, u64>,
}

/// Looks again and again until `look` gives a value.
///
/// # Panics
/// It never does; `what` says what was awaited.
async fn until<T>(outside: &impl Outside, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..MOST_LOOKS {
        if let Some(found) = look().await {
            return found;
        }
        outside.pass().await;
    }
    panic!("it never comes: {what}")
}

/// The code of a call that AWS refused, after which nothing is changed.
#[track_caller]
fn refusal<T>(reply: Reply<T>) -> String {
    let Err(failure) = reply else { panic!("it was not refused") };
    assert!(matches!(failure.proof(), Proof::Refused | Proof::Again), "{failure}");
    assert!(!failure.code().is_empty(), "{failure}");
    failure.code().to_owned()
}

/// The names as a list of at least one.
fn ids(names: &[String]) -> Ids {
    Ids::new(names).unwrap_or_else(|| panic!("the subject names none"))
}

fn assert_done(outcome: &CallOutcome) {
    assert_eq!(outcome, &CallOutcome::Done);
}
