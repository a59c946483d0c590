//! Stage: a simulated world in which nothing happens by itself but AWS. A test acts in it, on virtual time: a suite of a
//! contract calls a port, a test of the engine invokes functions.

mod invocations;
mod record;

use std::{cell::Cell, rc::Rc, time::Duration};

use firedrill_core::{
    Timestamp,
    kind::DrillKind,
    millis,
    run::{OwnerId, RunId},
};

use crate::{
    aws::SimulatedAws,
    clock::SimulatedClock,
    event::Logged,
    event_queue::Due,
    executor::{self, EventSource, Task, Timers},
    failover::SimulatedJournal,
    fleet,
    history::HORIZON,
    planned_fault::{FaultEffect, FaultPoint, OperationFault},
    scenario::Scenario,
    store::SimulatedStore,
    world::{BEGINS, World},
};

/// A simulated world, as one invocation meets it, and everything outside of it.
pub struct Stage {
    pub(crate) world: Rc<World>,
    pub(crate) clock: Rc<SimulatedClock>,
    timers: Rc<Timers>,
}

/// The events of a world in which no function is invoked but by the test.
struct Scenery {
    world: Rc<World>,
    test: Option<Task>,
}

impl EventSource for Scenery {
    fn next(&self) -> i64 {
        if self.test.is_some() { self.world.now.get() } else { self.world.event_queue.borrow().next() }
    }

    fn fire(&mut self) -> Option<Task> {
        if self.test.is_some() {
            return self.test.take();
        }
        let due = self.world.event_queue.borrow_mut().take()?;
        match due {
            Due::Fleet(change) => self.world.change_fleet(change),
            Due::Cloud(pending) => self.world.take_effect(pending),
            Due::Passes | Due::Delivery | Due::Tick | Due::LateTick | Due::StartedTick | Due::Command(..) => {
            }
        }
        self.world.propagate();
        None
    }

    fn killed(&mut self, _: &str) {}
}

impl Stage {
    /// Plays a test in a calm world of this kind, which `change` may change before.
    ///
    /// # Panics
    /// The test does not come to its end, because it awaits what never happens.
    pub fn play<F: Future<Output = ()> + 'static>(
        kind: DrillKind,
        change: impl FnOnce(&mut Scenario),
        test: impl FnOnce(Self) -> F + 'static,
    ) {
        let mut scenario = Scenario::calm(kind);
        change(&mut scenario);
        let world = World::new(scenario);
        let timers = Timers::beginning(world.now.get());
        let clock = Rc::new(SimulatedClock::of_a_machine(&world, &timers));
        let ended = Rc::new(Cell::new(false));
        let stage = Self { world: Rc::clone(&world), clock, timers: Rc::clone(&timers) };
        let end = Rc::clone(&ended);
        let future = Box::pin(async move {
            test(stage).await;
            end.set(true);
        });
        let test = Task { future, timers, dies_at: i64::MAX, name: "test".to_owned() };
        let mut scenery = Scenery { world: Rc::clone(&world), test: Some(test) };
        executor::run(&world.now, BEGINS + HORIZON, &mut scenery);
        assert!(ended.get(), "the test awaits what never happens");
    }

    /// AWS, as this invocation meets it.
    #[must_use]
    pub fn aws(&self) -> SimulatedAws {
        SimulatedAws::new(&self.world, &self.clock, "test")
    }

    /// The record of runs.
    #[must_use]
    pub fn store(&self) -> SimulatedStore {
        let (world, clock) = (Rc::clone(&self.world), Rc::clone(&self.clock));
        SimulatedStore { world, clock, owner: OwnerId("test".to_owned()) }
    }

    /// The journal of the failover functions.
    #[must_use]
    pub fn journal(&self) -> SimulatedJournal {
        SimulatedJournal { world: Rc::clone(&self.world), clock: Rc::clone(&self.clock) }
    }

    /// The moment so many milliseconds after the beginning.
    #[must_use]
    pub const fn moment(ms: i64) -> Timestamp {
        Timestamp::from_millis(BEGINS + ms)
    }

    /// Milliseconds since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.world.elapsed()
    }

    /// Lets this much time pass.
    pub async fn wait(&self, span: Duration) {
        self.clock.wait(millis(span)).await;
    }

    /// Everything that was sent or took effect, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        self.world.log.borrow().clone()
    }
}

/// What goes wrong, because the test says so.
impl Stage {
    /// The next operations of this name end like this, so many of them: an IAM action such as `ec2:StartInstances`, or a
    /// method of the record such as `store:save`. Without a colon, such as `store`, all that begin with the word.
    pub fn fault(&self, operation: &'static str, times: u32, effect: FaultEffect) {
        self.fault_after(0, operation, times, effect);
    }

    /// The same, after this many that end as they should.
    pub fn fault_after(&self, skip: u32, operation: &'static str, times: u32, effect: FaultEffect) {
        let fault = OperationFault { operation, run: None, skip, times, effect };
        self.world.operation_faults.borrow_mut().push(fault);
    }

    /// Everything of this name that a drill does for this run ends like this, or never ends: an IAM action, or
    /// `drill:observe`, its whole look.
    pub fn fault_of(&self, run: &RunId, operation: &'static str, effect: FaultEffect) {
        let (run, times) = (Some(run.clone()), crate::ALWAYS);
        let fault = OperationFault { operation, run, skip: 0, times, effect };
        self.world.operation_faults.borrow_mut().push(fault);
    }

    /// Nothing goes wrong any more. What hangs goes on hanging.
    pub fn mend(&self) {
        self.world.operation_faults.borrow_mut().clear();
    }

    /// Whether each fault has occurred as often as it was to.
    #[must_use]
    pub fn all_faults_occurred(&self) -> bool {
        self.world.operation_faults.borrow().iter().all(|fault| fault.times == 0)
    }

    /// How many operations of this kind there were.
    #[must_use]
    pub fn operations(&self, of: FaultPoint) -> u32 {
        self.world.points.counted.get()[of as usize]
    }
}

/// The instances, by number.
impl Stage {
    /// The id of an instance.
    #[must_use]
    pub fn instance(number: usize) -> String {
        fleet::id(number)
    }

    /// The instance is stopped, as a run that was left behind stopped it.
    pub fn leave_stopped(&self, number: usize) {
        self.world.leave_stopped(number);
    }

    /// Whether the instance runs.
    #[must_use]
    pub fn is_running(&self, number: usize) -> bool {
        self.world.is_running(number)
    }
}
