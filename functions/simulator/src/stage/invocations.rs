//! Invocations: a test delivers documents to the drill function, and lets the watchdog tick. Each invocation has a machine of
//! its own.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    dispatch::{DispatchError, Invocation},
    engine::Engine,
    kind::DrillKind,
    ports::{NoInjector, StoreError},
    request::WrittenDocument,
    run::OwnerId,
    watchdog::{OpenRuns, Tick, TickSummary},
};
use serde_json::Value;

use super::Stage;
use crate::{
    aws::{ObservedDrills, SimulatedAws},
    clock::SimulatedClock,
    requests::{TIMING, document, policy},
    store::SimulatedStore,
};

/// What one invocation works with.
struct Machine {
    clock: Rc<SimulatedClock>,
    store: SimulatedStore,
    drills: ObservedDrills,
}

impl Machine {
    /// Of an invocation of this name, with a wall clock that is off by so many milliseconds.
    fn new(stage: &Stage, owner: &str, off: i64) -> Self {
        let clock = Rc::new(SimulatedClock::of_a_machine(&stage.world, &stage.timers).off_by(off));
        let (world, by) = (Rc::clone(&stage.world), OwnerId(owner.to_owned()));
        Self {
            store: SimulatedStore { world, clock: Rc::clone(&clock), owner: by },
            drills: ObservedDrills::new(&stage.world, &clock, owner),
            clock,
        }
    }

    fn drill_function(&self) -> Engine<'_, SimulatedClock, SimulatedStore, ObservedDrills, SimulatedAws> {
        let Self { clock, store, drills } = self;
        Engine { clock: &**clock, store, drills, injector: Some(&drills.aws), timing: TIMING }
    }

    fn watchdog(&self) -> Engine<'_, SimulatedClock, SimulatedStore, ObservedDrills, NoInjector> {
        let Self { clock, store, drills } = self;
        Engine { clock: &**clock, store, drills, injector: None, timing: TIMING }
    }
}

impl Stage {
    /// The document that starts a run of the stage's drill.
    #[must_use]
    pub fn document(&self) -> Value {
        document(&self.world.scenario)
    }

    /// Delivers a document to the stage's drill function, to an invocation of this name.
    ///
    /// # Errors
    /// The function's.
    pub async fn dispatch(&self, owner: &str, document: &Value) -> Result<Value, DispatchError> {
        self.dispatch_to(self.world.scenario.kind, owner, document).await
    }

    /// Delivers a document to the drill function of this kind.
    ///
    /// # Errors
    /// The function's.
    pub async fn dispatch_to(
        &self,
        kind: DrillKind,
        owner: &str,
        document: &Value,
    ) -> Result<Value, DispatchError> {
        let mut machine = Machine::new(self, owner, 0);
        machine.drills = machine.drills.of(kind);
        Box::pin(machine.drill_function().dispatch(&self.invocation(owner), document)).await
    }

    /// Delivers a document to the stage's drill function as it was written, a field that stands twice with it.
    ///
    /// # Errors
    /// The function's.
    pub async fn dispatch_written(
        &self,
        owner: &str,
        document: &WrittenDocument,
    ) -> Result<Value, DispatchError> {
        let machine = Machine::new(self, owner, 0);
        Box::pin(machine.drill_function().dispatch_written(&self.invocation(owner), document)).await
    }

    fn invocation(&self, owner: &str) -> Invocation {
        Invocation {
            request_id: owner.to_owned(),
            owner: OwnerId(owner.to_owned()),
            ends_at: Duration::from_millis(self.world.scenario.working_time),
            policy: policy(&self.world.scenario),
        }
    }

    /// One tick of the watchdog, of this name, which hands every run over after so long.
    ///
    /// # Errors
    /// The watchdog's.
    pub async fn tick(&self, owner: &str, ends_at: Duration) -> Result<TickSummary, StoreError> {
        self.tick_off_by(0, owner, ends_at).await
    }

    /// The same, on a machine whose wall clock is off by so many milliseconds.
    ///
    /// # Errors
    /// The watchdog's.
    pub async fn tick_off_by(
        &self,
        off: i64,
        owner: &str,
        ends_at: Duration,
    ) -> Result<TickSummary, StoreError> {
        let tick = Tick { owner: OwnerId(owner.to_owned()), ends_at };
        Machine::new(self, owner, off).watchdog().tick(&tick).await
    }

    /// The first half of a tick of the watchdog.
    ///
    /// # Errors
    /// The watchdog's.
    pub async fn begin_tick(&self) -> Result<OpenRuns, StoreError> {
        Machine::new(self, "watchdog", 0).watchdog().begin_tick().await
    }
}
