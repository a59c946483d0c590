//! One invocation's view of time.

use std::{cell::Cell, future::Future, rc::Rc, time::Duration};

use firedrill_core::{Timestamp, ports::Clock};

use crate::{
    executor::{Sleep, Timers},
    fault_kind::FaultKind,
    world::World,
};

/// The slowest way of a call whose answer still comes within its deadline: it goes there and back.
const SLOW: u64 = 4_500;

pub(crate) struct SimulatedClock {
    now: Rc<Cell<i64>>,
    world: Rc<World>,
    began: i64,
    timers: Rc<Timers>,
    /// How far this machine's time of day is off, in milliseconds.
    off: i64,
    /// And how much it gains in each second, in microseconds.
    drift: i64,
}

impl SimulatedClock {
    /// The clock of the machine on which an invocation begins.
    pub fn of_a_machine(world: &Rc<World>, timers: &Rc<Timers>) -> Self {
        let differ = world.scenario.clocks_differ;
        let mut rng = world.rng.borrow_mut();
        let (off, drift) =
            if differ == 0 { (0, 0) } else { (rng.i64(-differ..=differ), rng.i64(-200..=200)) };
        drop(rng);
        if off.abs() > 500 {
            world.cover(FaultKind::ClockIsOff);
        }
        let (now, began) = (Rc::clone(&world.now), world.now.get());
        Self { now, world: Rc::clone(world), began, timers: Rc::clone(timers), off, drift }
    }

    pub fn wait(&self, ms: u64) -> impl Future<Output = ()> + use<> {
        let until = self.now.get() + i64::try_from(ms).unwrap_or(i64::MAX / 2);
        Sleep { timers: Rc::clone(&self.timers), now: Rc::clone(&self.now), until, is_set: false }
    }

    /// A call's way to AWS or back. It may take long, and come all the same.
    pub fn latency(&self) -> impl Future<Output = ()> + use<> {
        let slow = self.world.draws_fault();
        if slow {
            self.world.cover(FaultKind::SlowAnswer);
            self.world.slow_at.borrow_mut().push(self.world.now.get());
        }
        let ms = self.world.rng.borrow_mut().u64(if slow { 500..SLOW } else { 1..60 });
        self.wait(ms)
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let gained = (self.now.get() - self.began) * self.drift / 1_000_000;
        Timestamp::from_millis(self.now.get() + self.off + gained)
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now.get() - self.began).unwrap_or(0))
    }
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        self.wait(u64::try_from(span.as_millis()).unwrap_or(0).max(1))
    }
}
