//! Who acts in a history: the drill's function, the watchdog, people, and the function that fails over. Each
//! invocation runs the core's own code, and may be killed at any moment.

use std::{cell::Cell, rc::Rc, time::Duration};

use firedrill_core::{
    Request,
    dispatch::{DispatchError, Invocation, dispatch_delivery},
    gate::Policy,
    ports::Inject,
    request::Delivery,
    run::OwnerId,
    watch,
};
use serde_json::Value;

use crate::{
    clock::SimulatedClock,
    event::Event,
    event_queue::Due,
    executor::{Happenings, Task, Timers},
    failover::{FUNCTION_TIMEOUT, Pending, SimulatedAlarmDrill, function},
    fault_kind::FaultKind,
    instance_drill::SimulatedInstanceDrill,
    operators::OperatorOrder,
    requests::TIMING,
    scenario::Kind,
    store::SimulatedStore,
    world::World,
};

/// The longest an invocation of the drill function lives, in milliseconds.
const LIFETIME: u64 = 900_000;
/// The longest a tick lives, and how long it works.
const TICK_LIFETIME: u64 = 300_000;
const TICK_WORKS_FOR: u64 = 240_000;
/// How often the watchdog comes.
const TICK_EVERY: u64 = 60_000;
/// After this it does not come any more: what is still open waits for people.
const LAST_TICK: u64 = 2_600_000;
/// So often a person repeats an order that was not answered, with such pauses.
const MAX_REPEATS: u32 = 12;
const REPEAT_AFTER: u64 = 60_000;

pub(crate) struct Actors {
    world: Rc<World>,
    request: Rc<Request>,
    number: u32,
    ticks_until: Rc<Cell<i64>>,
}

/// One invocation's own things.
struct Cast {
    clock: Rc<SimulatedClock>,
    timers: Rc<Timers>,
    owner: String,
    dies_at: i64,
}

impl Actors {
    pub fn new(world: &Rc<World>, request: Rc<Request>) -> Self {
        Self { world: Rc::clone(world), request, number: 0, ticks_until: Rc::default() }
    }

    /// A new invocation. It may be killed within `dies_within`, and is when its lifetime is over.
    fn cast(&mut self, what: &str, deaths: u32, dies_within: u64, lifetime: u64, trouble: FaultKind) -> Cast {
        self.number += 1;
        let world = &self.world;
        let timers = Timers::beginning(world.now.get());
        let mut rng = world.rng.borrow_mut();
        let dies = world.elapsed() < world.scenario.calm_at && rng.u32(0..100) < deaths;
        let life = if dies { rng.u64(1..dies_within) } else { lifetime };
        drop(rng);
        if dies {
            world.cover(trouble);
        }
        let clock = Rc::new(SimulatedClock::of_a_machine(world, &timers));
        let dies_at = world.now.get().saturating_add_unsigned(life);
        Cast { clock, timers, owner: format!("{what} {}", self.number), dies_at }
    }

    fn store(&self, cast: &Cast) -> SimulatedStore {
        SimulatedStore {
            world: Rc::clone(&self.world),
            clock: Rc::clone(&cast.clock),
            request: Rc::clone(&self.request),
            owner: OwnerId(cast.owner.clone()),
        }
    }

    /// An invocation of the drill function; `ended` hears what it answered.
    fn invoke(
        &mut self,
        what: &str,
        delivery: Delivery,
        ended: impl FnOnce(&World, Option<&DispatchError>) + 'static,
    ) -> Task {
        let deaths = self.world.scenario.deaths;
        let cast = self.cast(what, deaths, 150_000, LIFETIME, FaultKind::InvocationDies);
        let invocation = Invocation {
            request_id: cast.owner.clone(),
            owner: OwnerId(cast.owner.clone()),
            ends_at: Duration::from_millis(self.world.scenario.works_for),
            timing: TIMING,
            policy: Policy {
                production_applications: Vec::new(),
                non_production_environments: vec!["test".to_owned()],
            },
        };
        let (world, store, clock) = (Rc::clone(&self.world), self.store(&cast), cast.clock);
        let request = Rc::clone(&self.request);
        let future = async move {
            let answered = match world.scenario.kind {
                Kind::Instances => {
                    let drill = SimulatedInstanceDrill::new(&world, &clock, &request, &invocation.owner.0);
                    delivered(&clock, &store, drill, &invocation, delivery).await
                }
                Kind::Distribution | Kind::Database => {
                    let drill = SimulatedAlarmDrill::new(&world, &clock, &invocation.owner.0);
                    delivered(&clock, &store, drill, &invocation, delivery).await
                }
            };
            ended(&world, answered.err().as_ref());
        };
        Task { future: Box::pin(future), timers: cast.timers, dies_at: cast.dies_at, name: cast.owner }
    }

    /// A person says something, and says it again if there is no answer that it was heard.
    fn record_command(&mut self, order: OperatorOrder, times: u32) -> Option<Task> {
        if times > MAX_REPEATS {
            return None;
        }
        let again = Due::OperatorOrder(order, times + 1);
        self.world.later(REPEAT_AFTER, again.clone());
        Some(self.invoke("person's call", order.delivery(&self.world), move |world, error| {
            // Whoever is told that there is nothing to release looks again later, as long as it is open.
            let waits = matches!(error, Some(DispatchError::NothingToRelease(_))) && !world.is_over();
            if error.is_none() || !waits && matches!(order, OperatorOrder::Release { .. }) {
                world.event_queue.borrow_mut().cancel(&again);
            }
        }))
    }

    /// A tick of the watchdog.
    fn tick(&mut self) -> Task {
        let deaths = self.world.scenario.deaths;
        let cast = self.cast("tick", deaths, TICK_LIFETIME, TICK_LIFETIME, FaultKind::TickDies);
        let tick = watchdog::Tick {
            owner: OwnerId(cast.owner.clone()),
            ends_at: Duration::from_millis(TICK_WORKS_FOR),
            timing: TIMING,
        };
        let now = self.world.now.get();
        if now < self.ticks_until.get() {
            self.world.cover(FaultKind::TicksOverlap);
        }
        let until = Rc::clone(&self.ticks_until);
        let (world, store, clock) = (Rc::clone(&self.world), self.store(&cast), cast.clock);
        until.set(until.get().max(cast.dies_at));
        let request = Rc::clone(&self.request);
        let future = async move {
            let _ = match world.scenario.kind {
                Kind::Instances => {
                    let drill = || SimulatedInstanceDrill::new(&world, &clock, &request, &tick.owner.0);
                    let make = |_: &_, _: Option<&Request>| Ok(drill());
                    watchdog::tick(&*clock, &store, make, &tick).await
                }
                Kind::Distribution | Kind::Database => {
                    let drill = || SimulatedAlarmDrill::new(&world, &clock, &tick.owner.0);
                    let make = |_: &_, _: Option<&Request>| Ok(drill());
                    watchdog::tick(&*clock, &store, make, &tick).await
                }
            };
            until.set(world.now.get());
        };
        Task { future: Box::pin(future), timers: cast.timers, dies_at: cast.dies_at, name: cast.owner }
    }

    /// A minute is over: the watchdog comes, or comes late, or does not.
    fn minute(&mut self) -> Option<Task> {
        let world = Rc::clone(&self.world);
        let elapsed = world.elapsed();
        let nothing_is_left = world.is_over() || (elapsed > 400_000 && world.table.borrow().heads.is_empty());
        if elapsed < LAST_TICK && !(nothing_is_left && elapsed > 400_000) {
            world.later(TICK_EVERY, Due::Tick);
        }
        let watchdog = &world.scenario.watchdog;
        if world.is_within(watchdog.away) {
            world.cover(FaultKind::WatchdogAway);
            return None;
        }
        let throttled =
            elapsed < world.scenario.calm_at && world.rng.borrow_mut().u32(0..100) < watchdog.throttled;
        if throttled {
            world.cover(FaultKind::TickLate);
            let late = world.rng.borrow_mut().u64(1_000..50_000);
            world.later(late, Due::LateTick);
            return None;
        }
        Some(self.tick())
    }

    /// An invocation of the failover function for a change that is delivered to it.
    fn automate(&mut self, change: usize, attempt: u32) -> Task {
        let deaths = self.world.scenario.failover.function_deaths;
        let cast = self.cast("function", deaths, 500, FUNCTION_TIMEOUT, FaultKind::FunctionDies);
        let future =
            Box::pin(function(Rc::clone(&self.world), cast.clock, change, attempt, cast.owner.clone()));
        Task { future, timers: cast.timers, dies_at: cast.dies_at, name: cast.owner }
    }
}

async fn delivered(
    clock: &Rc<SimulatedClock>,
    store: &SimulatedStore,
    drill: impl Inject,
    invocation: &Invocation,
    delivery: Delivery,
) -> Result<Value, DispatchError> {
    dispatch_delivery(&**clock, store, |_, _| Ok(drill), invocation, delivery).await
}

impl Happenings for Actors {
    fn next(&self) -> i64 {
        self.world.event_queue.borrow().next()
    }

    fn happen(&mut self) -> Option<Task> {
        let due = self.world.event_queue.borrow_mut().take()?;
        match due {
            Due::Passes => {}
            Due::Fleet(change) => self.world.change_fleet(change),
            Due::Cloud(Pending::Deliver { change, attempt }) => return Some(self.automate(change, attempt)),
            Due::Cloud(pending) => self.world.take_effect(pending),
            Due::Delivery => {
                let delivery = Delivery::Start(Box::new((*self.request).clone()));
                return Some(self.invoke("invocation", delivery, |_, _| {}));
            }
            Due::Tick => return self.minute(),
            Due::LateTick => return Some(self.tick()),
            Due::OperatorOrder(order, times) => return self.record_command(order, times),
        }
        self.world.follow();
        None
    }

    fn killed(&mut self, who: &str) {
        self.world.log(Event::Died { who: who.to_owned() });
    }
}
