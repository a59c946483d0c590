//! Operators: the commands that they send and the pages that they answer, the same for every drill kind.

use firedrill_core::kill_switch;
use serde_json::{Value, json};

use crate::{clock::SimulatedClock, event::Event, event_queue::Due, fault_kind::FaultKind, world::World};

pub(crate) const APPLICATION: &str = "bookstore";
pub(crate) const DRILL: &str = "test/bookstore/simulated";
/// The run of every history.
pub(crate) const RUN: &str = "test/bookstore/simulated/2026-11-23T10:00:00.000Z";

/// The scope of a kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every drill of the account.
    Account,
    /// Every drill of the application.
    Application,
    /// This drill.
    Drill,
    /// Another drill of the application: it must not affect this one.
    AnotherDrill,
}

impl Scope {
    /// As the record has it.
    pub(crate) fn stored(self) -> kill_switch::Scope {
        match self {
            Self::Account => kill_switch::Scope::Account,
            Self::Application => kill_switch::Scope::Application(APPLICATION.to_owned()),
            Self::Drill => kill_switch::Scope::Drill(DRILL.to_owned()),
            Self::AnotherDrill => kill_switch::Scope::Drill("test/bookstore/another".to_owned()),
        }
    }

    /// The command, with what names this scope.
    fn named(self, mut command: Value) -> Value {
        let (field, name) = match self.stored() {
            kill_switch::Scope::Account => ("account", json!(true)),
            kill_switch::Scope::Application(name) => ("application", json!(name)),
            kill_switch::Scope::Drill(key) => ("drill", json!(key)),
        };
        command[field] = name;
        command
    }
}

/// A command that an operator sends at some moment of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedCommand {
    /// Stop the run.
    Stop,
    /// Stop every run of the application.
    StopApplication,
    /// Engage a kill switch.
    Engage {
        /// Its scope.
        scope: Scope,
        /// For how many milliseconds; until it is disengaged, if none.
        lasts: Option<u64>,
    },
    /// Disengage a kill switch.
    Disengage {
        /// Its scope.
        scope: Scope,
    },
    /// Disengage a kill switch without a word about which one, as a script does whose variable is empty.
    DisengageUnnamed,
    /// Release a run that is held or whose rollback failed.
    Release {
        /// True: continue the rollback. False: leave the remaining steps to operators.
        fail_back: bool,
    },
}

impl PlannedCommand {
    /// The document that the operator sends to the drill function.
    pub(crate) fn document(self, world: &World) -> Value {
        let (name, mut command) = match self {
            Self::Stop => ("stop", json!({ "runId": RUN })),
            Self::StopApplication => ("stop", json!({ "application": APPLICATION })),
            Self::Engage { scope, lasts } => {
                let until = lasts.map(|lasts| world.time().plus_millis(lasts));
                ("killSwitch", scope.named(json!({ "engage": true, "until": until })))
            }
            Self::Disengage { scope } => ("killSwitch", scope.named(json!({ "engage": false }))),
            Self::DisengageUnnamed => ("killSwitch", json!({ "engage": false, "application": null })),
            Self::Release { fail_back } => ("release", json!({ "runId": RUN, "failBack": fail_back })),
        };
        let long = world.scenario.long_texts;
        command["by"] = if long { json!("🔥".repeat(500)) } else { json!("operator") };
        command["reason"] = if long { json!("故障演练".repeat(125)) } else { json!("simulated") };
        json!({ name: command })
    }
}

/// How many pages fail in one history, at most.
const MAX_PAGE_FAILURES: u64 = 4;

/// Sends a page to the operators; whether it reached them. In some histories one of them answers with a release.
pub(crate) async fn page(world: &World, clock: &SimulatedClock) -> bool {
    clock.latency().await;
    // Pages may fail throughout the history, but not for ever.
    let failures = world.occurrences.borrow().times(FaultKind::PageFails);
    if world.scenario.fault_rate > 0 && failures < MAX_PAGE_FAILURES && world.rng.borrow_mut().bool() {
        world.note_fault(FaultKind::PageFails);
        return false;
    }
    world.log(Event::Paged);
    if let Some(after) = world.scenario.release_after {
        let fail_back = world.rng.borrow_mut().bool();
        world.schedule(after, Due::Command(PlannedCommand::Release { fail_back }, 0));
    }
    true
}
