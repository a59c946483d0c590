//! Clock: one invocation's view of virtual time, with the skew and drift of its machine.

use std::{cell::Cell, future::Future, rc::Rc, time::Duration};

use firedrill_core::{Timestamp, millis, ports::Clock};

use crate::{
    executor::{Sleep, Timers},
    fault_kind::FaultKind,
    world::World,
};

/// The longest one-way latency. There and back, the answer still arrives within the call's deadline.
const SLOW: u64 = 4_500;
/// The deadline of the simulated request's probes: the default, in milliseconds.
const PROBE_DEADLINE: u64 = 2_000;

#[derive(Clone)]
pub(crate) struct SimulatedClock {
    now: Rc<Cell<i64>>,
    world: Rc<World>,
    began: i64,
    timers: Rc<Timers>,
    /// The skew of this machine's wall clock, in milliseconds.
    off: Cell<i64>,
    /// Its drift, in microseconds per second.
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
            world.note_fault(FaultKind::ClockSkewed);
        }
        let (now, began) = (Rc::clone(&world.now), world.now.get());
        Self { now, world: Rc::clone(world), began, timers: Rc::clone(timers), off: Cell::new(off), drift }
    }

    /// This machine's wall clock is behind by so many milliseconds more.
    pub fn set_behind(&self, ms: u64) {
        if ms > 0 {
            self.world.note_fault(FaultKind::ClockSkewed);
        }
        self.off.set(self.off.get().saturating_sub_unsigned(ms));
    }

    /// The same clock, with a wall clock that is off by this much more.
    pub fn off_by(self, ms: i64) -> Self {
        Self { off: Cell::new(self.off.get() + ms), ..self }
    }

    pub fn wait(&self, ms: u64) -> impl Future<Output = ()> + use<> {
        let until = self.now.get() + i64::try_from(ms).unwrap_or(i64::MAX / 2);
        Sleep { timers: Rc::clone(&self.timers), now: Rc::clone(&self.now), until, is_set: false }
    }

    /// One way of a call, to AWS or back: normally short, at a fault up to `SLOW`.
    pub fn latency(&self) -> impl Future<Output = ()> + use<> {
        self.latency_below(SLOW)
    }

    /// An answer of the application, which is slow at a fault, and still in time: one that comes later is a no.
    pub fn answer_in_time(&self) -> impl Future<Output = ()> + use<> {
        self.latency_below(PROBE_DEADLINE)
    }

    fn latency_below(&self, slowest: u64) -> impl Future<Output = ()> + use<> {
        let slow = self.world.draws_fault();
        if slow {
            self.world.note_fault(FaultKind::SlowAnswer);
            self.world.slow_at.borrow_mut().push(self.world.now.get());
        }
        let ms = self.world.rng.borrow_mut().u64(if slow { 500..slowest } else { 1..60 });
        self.wait(ms)
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let gained = (self.now.get() - self.began) * self.drift / 1_000_000;
        Timestamp::from_millis(self.now.get() + self.off.get() + gained)
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now.get() - self.began).unwrap_or(0))
    }
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        self.wait(millis(span).max(1))
    }
}
