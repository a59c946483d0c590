//! Fakes of the ports, in memory: virtual time, a table, targets that are up or down.

mod store;
mod targets;
mod time;

pub use store::FakeStore;
pub use targets::{FakeDrills, Targets};
pub use time::{Machine, Time};

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    dispatch::DispatchError,
    engine::Engine,
    ports::{NoInjector, StoreError},
    run::{OwnerId, Phase},
    watchdog::{Tick, TickSummary},
};
use serde_json::Value;

use crate::common::{invocation, timing};

/// What an invocation works with.
pub type FakeEngine<'a, I> = Engine<'a, Machine, FakeStore, FakeDrills, I>;

/// One account: its time, its table and its targets.
pub struct World {
    pub time: Rc<Time>,
    pub table: FakeStore,
    pub targets: Rc<Targets>,
}

impl World {
    pub fn new() -> Self {
        let time = Rc::new(Time::default());
        Self { table: FakeStore::new(&time), targets: Rc::new(Targets::new(&time)), time }
    }

    /// Delivers a document to a function of this name, as an invocation of its own.
    pub async fn dispatch(&self, owner: &str, document: &Value) -> Result<Value, DispatchError> {
        let machine = Machine::new(&self.time);
        let drills = self.drills(&machine);
        Box::pin(self.engine(&machine, &drills).dispatch(&invocation(owner), document)).await
    }

    /// One tick of the watchdog that may take `lasts`, on a machine whose time of day is off by `off` milliseconds.
    pub async fn tick(&self, owner: &str, lasts: Duration, off: i64) -> Result<TickSummary, StoreError> {
        let machine = Machine { off, ..Machine::new(&self.time) };
        let drills = self.drills(&machine);
        let this = Tick { owner: OwnerId(owner.to_owned()), ends_at: lasts };
        self.watchdog(&machine, &drills).tick(&this).await
    }

    /// The drills of one invocation.
    pub fn drills(&self, machine: &Machine) -> FakeDrills {
        FakeDrills { targets: Rc::clone(&self.targets), machine: machine.clone(), wrong: None }
    }

    /// What an invocation of the drill function works with.
    pub fn engine<'a>(&'a self, clock: &'a Machine, drills: &'a FakeDrills) -> FakeEngine<'a, Targets> {
        Engine { clock, store: &self.table, drills, injector: Some(&self.targets), timing: timing() }
    }

    /// What a tick of the watchdog works with.
    pub fn watchdog<'a>(&'a self, clock: &'a Machine, drills: &'a FakeDrills) -> FakeEngine<'a, NoInjector> {
        Engine { clock, store: &self.table, drills, injector: None, timing: timing() }
    }

    /// Ticks of the watchdog, one after the other, until no run is open.
    pub async fn tick_until_nothing_is_open(&self) {
        for number in 0..20 {
            self.tick(&format!("tick {number}"), Duration::from_secs(280), 0).await.unwrap();
            if self.table.heads().iter().all(|run| run.phase == Phase::Finished) {
                return;
            }
        }
        panic!("still open after twenty ticks");
    }

    /// Waits until the run is on record in this phase.
    pub async fn until(&self, phase: Phase) {
        while self.table.heads().first().is_none_or(|run| run.phase != phase) {
            assert!(self.time.now() < 600_000, "never {phase}");
            self.time.sleep(Duration::from_millis(50)).await;
        }
    }
}
