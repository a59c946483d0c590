//! What people say to a run and hear of it: the same for every drill. They decide by what they see in the world.

use firedrill_core::{
    Run,
    request::{Delivery, Release, StopOrder, StopWhat, SwitchOrder},
    run::{Page, Stop},
    switch::{self, Switch},
};

use crate::{clock::SimulatedClock, event::Event, event_queue::Due, fault_kind::FaultKind, world::World};

pub(crate) const APPLICATION: &str = "bookstore";
pub(crate) const DRILL: &str = "test/bookstore/simulated";
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
    fn in_the_table(self) -> kill_switch::Scope {
        match self {
            Self::Account => kill_switch::Scope::Account,
            Self::Application => kill_switch::Scope::Application(APPLICATION.to_owned()),
            Self::Drill => kill_switch::Scope::Drill(DRILL.to_owned()),
            Self::AnotherDrill => kill_switch::Scope::Drill("test/bookstore/another".to_owned()),
        }
    }
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorOrder {
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

impl OperatorOrder {
    /// The delivery that says so.
    pub(crate) fn delivery(self, world: &World) -> Delivery {
        let (by, reason) = ("operator".to_owned(), "simulated".to_owned());
        match self {
            Self::Stop => stop(StopWhat::Run(RUN.to_owned()), by, reason),
            Self::StopApplication => stop(StopWhat::Application(APPLICATION.to_owned()), by, reason),
            Self::Engage { scope, lasts } => {
                let until = lasts.map(|lasts| world.time().plus_millis(lasts));
                let switch = Switch { scope: scope.in_the_table(), by, reason, until };
                Delivery::KillSwitch(SwitchOrder { engage: true, switch })
            }
            Self::Disengage { scope } => {
                let switch = Switch { scope: scope.in_the_table(), by, reason, until: None };
                Delivery::KillSwitch(SwitchOrder { engage: false, switch })
            }
            Self::Release { fail_back } => {
                Delivery::Release(Release { run_id: RUN.to_owned(), by, reason, fail_back, given_at: None })
            }
        }
    }
}

fn stop(what: StopWhat, by: String, reason: String) -> Delivery {
    Delivery::Stop(StopOrder { what, stop: Stop { by, reason } })
}

/// A stop condition of the request, asked at every look until the verdict.
pub(crate) fn tripped(world: &World, run: &Run) -> Option<Stop> {
    let since = world.scenario.condition_at.filter(|at| world.elapsed() >= *at && run.verdict.is_none())?;
    if world.coverage.borrow().times(FaultKind::ConditionTrips) == 0 {
        world.cover(FaultKind::ConditionTrips);
        world.log(Event::ConditionTripped);
    }
    Some(Stop { by: "a stop condition".to_owned(), reason: format!("tripped after {since} ms") })
}

/// A message to them. Some answer it.
pub(crate) async fn page(world: &World, clock: &SimulatedClock, page: &Page) -> Result<(), String> {
    clock.latency().await;
    // However calm all else is; but not for ever.
    if world.scenario.trouble > 0 && page.attempts < 4 && world.rng.borrow_mut().bool() {
        world.cover(FaultKind::PageFails);
        return Err("simulated".to_owned());
    }
    world.log(Event::Paged);
    if let Some(after) = world.scenario.release_after {
        let fail_back = world.rng.borrow_mut().bool();
        world.later(after, Due::OperatorOrder(OperatorOrder::Release { fail_back }, 0));
    }
    Ok(())
}
