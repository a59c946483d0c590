//! What the loop needs of the world, in memory: time that jumps, a table, targets that are up or down.

mod store;
mod targets;
mod time;

pub use store::FakeStore;
pub use targets::{Hands, OnlyUndoes, Targets};
pub use time::{Machine, Time};

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    Run,
    dispatch::{DispatchError, dispatch},
    ports::StoreError,
    run::{OwnerId, Phase},
    watchdog::{Tick, TickSummary, tick},
};
use serde_json::Value;

use crate::common::{invocation, timing};

/// One account: its time, its table, its targets.
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
        let make = |_: &_, _: &_| Ok(Hands { targets: Rc::clone(&self.targets), machine: machine.clone() });
        Box::pin(dispatch(&machine, &self.table, make, &invocation(owner), document)).await
    }

    /// One tick of the watchdog, on a machine whose time of day is off by so many milliseconds.
    pub async fn tick(&self, owner: &str, lasts: Duration, off: i64) -> Result<TickSummary, StoreError> {
        let machine = Machine { off, ..Machine::new(&self.time) };
        let make = |_: &Run, _: Option<&_>| {
            Ok(OnlyUndoes(Hands { targets: Rc::clone(&self.targets), machine: machine.clone() }))
        };
        let this = Tick { owner: OwnerId(owner.to_owned()), ends_at: lasts, timing: timing() };
        tick(&machine, &self.table, make, &this).await
    }

    /// Ticks, one after the other, until nothing is open.
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
