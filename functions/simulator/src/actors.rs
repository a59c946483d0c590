//! Actors of a history: the drill function, the watchdog, operators and the failover function. Each
//! invocation runs the core's own code and may be killed at any moment.

use std::{cell::Cell, rc::Rc, time::Duration};

use firedrill_core::{
    Request,
    dispatch::{DispatchError, Invocation},
    engine::Engine,
    millis,
    ports::NoInjector,
    request::{Delivery, parse},
    run::OwnerId,
    watchdog,
};

use serde_json::Value;

use crate::{
    aws::ObservedDrills,
    clock::SimulatedClock,
    event::Event,
    event_queue::Due,
    executor::{EventSource, Task, Timers},
    failover::{FUNCTION_TIMEOUT, Pending, function},
    fault_kind::FaultKind,
    operators::PlannedCommand,
    requests::{TIMING, policy},
    store::SimulatedStore,
    world::World,
};

/// The longest an invocation of the drill function lives, in milliseconds.
const LIFETIME: u64 = 900_000;
/// The longest a tick lives, and how long it works.
const TICK_LIFETIME: u64 = 300_000;
const TICK_WORKS_FOR: u64 = 240_000;
/// The watchdog's schedule, in milliseconds.
const TICK_EVERY: u64 = 60_000;
/// No tick is scheduled this long after a run's deadline: what is still open waits for operators.
const LAST_TICK: u64 = 2_056_000;
/// How often an operator repeats a command that was not answered, and the pause before each, in milliseconds.
const MAX_REPEATS: u32 = 12;
const REPEAT_AFTER: u64 = 60_000;

pub(crate) struct Actors {
    world: Rc<World>,
    request: Rc<Request>,
    number: u32,
    ticks_until: Rc<Cell<i64>>,
}

/// How invocations die early.
#[derive(Clone, Copy)]
struct Deaths {
    /// The chance of each, in a hundred.
    percent: u32,
    /// The longest time until it dies, in milliseconds.
    within: u64,
    fault: FaultKind,
}

/// What one invocation owns.
struct InvocationContext {
    clock: Rc<SimulatedClock>,
    timers: Rc<Timers>,
    owner: String,
    dies_at: i64,
}

impl Actors {
    pub fn new(world: &Rc<World>, request: Rc<Request>) -> Self {
        Self { world: Rc::clone(world), request, number: 0, ticks_until: Rc::default() }
    }

    /// A new invocation. It may die early, and is killed when its lifetime, in milliseconds, ends.
    fn new_invocation(&mut self, what: &str, lifetime: u64, deaths: Deaths) -> InvocationContext {
        self.number += 1;
        let world = &self.world;
        let timers = Timers::beginning(world.now.get());
        let mut rng = world.rng.borrow_mut();
        let dies = world.elapsed() < world.scenario.calm_at && rng.u32(0..100) < deaths.percent;
        let life = if dies { rng.u64(1..deaths.within) } else { lifetime };
        drop(rng);
        if dies {
            world.note_fault(deaths.fault);
        }
        let clock = Rc::new(SimulatedClock::of_a_machine(world, &timers));
        let dies_at = world.now.get().saturating_add_unsigned(life);
        InvocationContext { clock, timers, owner: format!("{what} {}", self.number), dies_at }
    }

    fn store(&self, context: &InvocationContext) -> SimulatedStore {
        SimulatedStore {
            world: Rc::clone(&self.world),
            clock: Rc::clone(&context.clock),
            owner: OwnerId(context.owner.clone()),
        }
    }

    /// An invocation of the drill function; `ended` is called with its answer.
    fn invoke(
        &mut self,
        what: &str,
        delivery: Delivery,
        ended: impl FnOnce(&World, &Result<Value, DispatchError>) + 'static,
    ) -> Task {
        let percent = self.world.scenario.deaths;
        let deaths = Deaths { percent, within: 150_000, fault: FaultKind::InvocationDies };
        let context = self.new_invocation(what, LIFETIME, deaths);
        let invocation = Invocation {
            request_id: context.owner.clone(),
            owner: OwnerId(context.owner.clone()),
            ends_at: Duration::from_millis(self.world.scenario.working_time),
            policy: policy(&self.world.scenario),
        };
        let (world, store, clock) = (Rc::clone(&self.world), self.store(&context), context.clock);
        if matches!(&delivery, Delivery::Stop(_)) {
            clock.set_behind(self.world.scenario.stops_by_a_clock_behind);
        }
        let future = async move {
            let drills = ObservedDrills::new(&world, &clock, &invocation.owner.0);
            let engine = Engine {
                clock: &*clock,
                store: &store,
                drills: &drills,
                injector: Some(&drills.aws),
                timing: TIMING,
            };
            let answered = Box::pin(engine.dispatch_delivery(&invocation, delivery)).await;
            ended(&world, &answered);
        };
        Task {
            future: Box::pin(future),
            timers: context.timers,
            dies_at: context.dies_at,
            name: context.owner,
        }
    }

    /// An operator sends a command, and sends it again unless it was answered.
    fn record_command(&mut self, order: PlannedCommand, times: u32) -> Option<Task> {
        if times > MAX_REPEATS {
            return None;
        }
        // Refused at once: the operator reads why, and sends nothing again.
        let delivery = parse(&order.document(&self.world)).ok()?;
        let again = Due::Command(order, times + 1);
        self.world.schedule(REPEAT_AFTER, again.clone());
        Some(self.invoke("operator's call", delivery, move |world, answered| {
            let is_release = matches!(order, PlannedCommand::Release { .. });
            // An operator who is told that there is nothing to release tries again, as long as the run is open.
            let waits = matches!(answered, Err(DispatchError::NothingToRelease(_))) && !world.is_over();
            if answered.is_ok() || !waits && is_release {
                world.event_queue.borrow_mut().cancel(&again);
            }
            if let Ok(answer) = answered {
                world.note_answer(order, answer);
            }
        }))
    }

    /// A tick of the watchdog.
    fn tick(&mut self) -> Task {
        let percent = self.world.scenario.deaths;
        let deaths = Deaths { percent, within: TICK_LIFETIME, fault: FaultKind::TickDies };
        let context = self.new_invocation("tick", TICK_LIFETIME, deaths);
        let tick = watchdog::Tick {
            owner: OwnerId(context.owner.clone()),
            ends_at: Duration::from_millis(TICK_WORKS_FOR),
        };
        let now = self.world.now.get();
        if now < self.ticks_until.get() {
            self.world.note_fault(FaultKind::TicksOverlap);
        }
        let until = Rc::clone(&self.ticks_until);
        let (world, store, clock) = (Rc::clone(&self.world), self.store(&context), context.clock);
        until.set(until.get().max(context.dies_at));
        let future = async move {
            let drills = ObservedDrills::new(&world, &clock, &tick.owner.0);
            let engine: Engine<'_, _, _, _, NoInjector> =
                Engine { clock: &*clock, store: &store, drills: &drills, injector: None, timing: TIMING };
            let _ = engine.tick(&tick).await;
            until.set(world.now.get());
            world.ticks.borrow_mut().push((now, world.now.get()));
        };
        Task {
            future: Box::pin(future),
            timers: context.timers,
            dies_at: context.dies_at,
            name: context.owner,
        }
    }

    /// The watchdog's schedule fires: the tick runs now, late, or not at all.
    fn minute(&mut self) -> Option<Task> {
        let world = Rc::clone(&self.world);
        let elapsed = world.elapsed();
        let nothing_is_left = world.is_over() || (elapsed > 400_000 && world.table.borrow().heads.is_empty());
        let last_tick = LAST_TICK + world.scenario.run_within();
        if elapsed < last_tick && !(nothing_is_left && elapsed > 400_000) {
            world.schedule(TICK_EVERY, Due::Tick);
        }
        let watchdog = &world.scenario.watchdog;
        if world.is_within(watchdog.absent) {
            world.note_fault(FaultKind::WatchdogAbsent);
            return None;
        }
        let throttled =
            elapsed < world.scenario.calm_at && world.rng.borrow_mut().u32(0..100) < watchdog.throttled;
        if throttled {
            world.note_fault(FaultKind::TickLate);
            let late = world.rng.borrow_mut().u64(1_000..50_000);
            world.schedule(late, Due::LateTick);
            return None;
        }
        Some(self.tick())
    }

    /// An invocation of the failover function for a change of the alarm.
    fn automate(&mut self, change: usize, attempt: u32) -> Task {
        let percent = self.world.scenario.failover.function_deaths;
        let deaths = Deaths { percent, within: 500, fault: FaultKind::FailoverFunctionDies };
        let context = self.new_invocation("function", millis(FUNCTION_TIMEOUT), deaths);
        let future =
            Box::pin(function(Rc::clone(&self.world), context.clock, change, attempt, context.owner.clone()));
        Task { future, timers: context.timers, dies_at: context.dies_at, name: context.owner }
    }
}

impl EventSource for Actors {
    fn next(&self) -> i64 {
        self.world.event_queue.borrow().next()
    }

    fn fire(&mut self) -> Option<Task> {
        let due = self.world.event_queue.borrow_mut().take()?;
        match due {
            Due::Passes => {}
            Due::Fleet(change) => self.world.change_fleet(change),
            Due::Cloud(Pending::DeliverChange { change, attempt }) => {
                return Some(self.automate(change, attempt));
            }
            Due::Cloud(pending) => self.world.take_effect(pending),
            Due::Delivery => {
                let delivery = Delivery::Start(Box::new((*self.request).clone()));
                return Some(self.invoke("invocation", delivery, |_, _| {}));
            }
            Due::Tick => return self.minute(),
            Due::StartedTick if self.world.is_within(self.world.scenario.watchdog.absent) => {
                self.world.note_fault(FaultKind::WatchdogAbsent);
            }
            Due::LateTick | Due::StartedTick => return Some(self.tick()),
            Due::Command(order, times) => return self.record_command(order, times),
        }
        self.world.propagate();
        None
    }

    fn killed(&mut self, name: &str) {
        self.world.log(Event::Killed { invocation: name.to_owned() });
    }
}
