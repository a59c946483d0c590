//! What people say to a run and hear of it: the same for every drill. They decide by what they see in the world.

use firedrill_core::{Run, run::Stop};
use serde_json::{Value, json};

use crate::{agenda::Due, clock::WorldClock, event::Event, trouble::Trouble, truth::World};

/// The run of every history.
pub(crate) const RUN: &str = "test/bookstore/simulated/2026-11-23T10:00:00.000Z";

/// What a kill switch is engaged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Account,
    /// The application.
    Application,
    /// The drill.
    Drill,
    /// Another drill of it: this one is none of its business.
    AnotherDrill,
}

impl Scope {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Application => "application bookstore",
            Self::Drill => "drill test/bookstore/simulated",
            Self::AnotherDrill => "drill test/bookstore/another",
        }
    }

    fn field(self) -> Option<(&'static str, &'static str)> {
        self.name().split_once(' ')
    }
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The run stops.
    Stop,
    /// Every run of the application stops.
    StopApplication,
    /// A kill switch is engaged; for so long, if it ends by itself.
    Engage {
        /// For what.
        scope: Scope,
        /// Milliseconds.
        lasts: Option<u64>,
    },
    /// It is taken away.
    Disengage {
        /// Which.
        scope: Scope,
    },
    /// A run that is held, or could not be rolled back, goes on, or is left to people.
    Release {
        /// Goes on.
        fail_back: bool,
    },
}

impl Order {
    /// The delivery that says so.
    pub(crate) fn document(self, world: &World) -> Value {
        let (by, reason) = ("operator", "simulated");
        let switch = |engage: bool, scope: Scope| {
            let mut order = json!({ "engage": engage, "by": by, "reason": reason });
            if let Some((field, name)) = scope.field() {
                order[field] = json!(name);
            }
            order
        };
        match self {
            Self::Stop => json!({ "stop": { "runId": RUN, "by": by, "reason": reason } }),
            Self::StopApplication => {
                json!({ "stop": { "application": "bookstore", "by": by, "reason": reason } })
            }
            Self::Engage { scope, lasts } => {
                let mut order = switch(true, scope);
                if let Some(lasts) = lasts {
                    order["until"] = json!(world.time().plus_millis(lasts));
                }
                json!({ "killSwitch": order })
            }
            Self::Disengage { scope } => json!({ "killSwitch": switch(false, scope) }),
            Self::Release { fail_back } => {
                json!({ "release": { "runId": RUN, "by": by, "reason": reason, "failBack": fail_back } })
            }
        }
    }
}

/// A stop condition of the request, asked at every look until the verdict.
pub(crate) fn tripped(world: &World, run: &Run) -> Option<Stop> {
    let since = world.scenario.condition_at.filter(|at| world.elapsed() >= *at && run.verdict.is_none())?;
    if world.met.borrow().times(Trouble::ConditionTrips) == 0 {
        world.met(Trouble::ConditionTrips);
        world.log(Event::ConditionTripped);
    }
    Some(Stop { by: "a stop condition".to_owned(), reason: format!("tripped after {since} ms") })
}

/// A message to them. Some answer it.
pub(crate) async fn page(world: &World, clock: &WorldClock) -> Result<(), String> {
    clock.latency().await;
    // However calm all else is.
    let fails = world.scenario.trouble > 0 && world.rng.borrow_mut().u32(0..10) == 0;
    if fails {
        world.met(Trouble::PageFails);
        return Err("simulated".to_owned());
    }
    world.log(Event::Paged);
    if let Some(after) = world.scenario.release_after {
        let fail_back = world.rng.borrow_mut().bool();
        world.later(after, Due::Order(Order::Release { fail_back }, 0));
    }
    Ok(())
}
