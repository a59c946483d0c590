//! One history: events are delivered, invocations live and die, and in the end all is calm.

use std::rc::Rc;

use firedrill_core::{Run, Timestamp};

use crate::{
    actors::Actors,
    event::{Event, Logged},
    event_queue::Due,
    executor,
    fault_kind::{Coverage, FaultKind},
    planned_fault::FaultPoint,
    requests::request,
    scenario::Scenario,
    world::{BEGINS, World},
};

/// When the last of a history is over, in milliseconds after its beginning.
pub(crate) const HORIZON: i64 = 9_000_000;

/// What is left of a history.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct History {
    /// Its circumstances.
    pub scenario: Scenario,
    /// Everything that took effect.
    pub log: Vec<Logged>,
    /// The one run's head, if there is one.
    pub run: Option<Run>,
    /// Who began it.
    pub began_by: Option<String>,
    /// When answers began to be slow.
    pub slow: Vec<Timestamp>,
    /// When the lease was last renewed before the store went away.
    pub renewed: Option<Timestamp>,
    /// How many heads there are.
    pub heads: usize,
    /// How often a run was finished in the store.
    pub finishes: u32,
    /// Whether the application's lock is held at the end.
    pub locked: bool,
    /// Whether the targets are down at the end.
    pub down: bool,
    /// Whether users are served at the end, from where they were before.
    pub well: bool,
    /// Whether the alarm is in ALARM at the end because a run set it.
    pub forced: bool,
    /// Whether the alarm is still said to be a run's at the end.
    pub held_alarm: bool,
    /// The last moment that a look before the verdict could show; none if nobody looked.
    pub decided: Option<Timestamp>,
    /// How often each kind of trouble was met.
    pub coverage: Coverage,
    /// How often each of [`FaultPoint::ALL`] was passed.
    pub counted: [u32; FaultPoint::ALL.len()],
    /// Since when something went wrong on purpose; none if nothing did.
    pub failing_since: Option<Timestamp>,
}

/// Plays one history to its end.
#[must_use]
pub fn play(scenario: Scenario) -> History {
    let (world, mut actors) = stage(scenario);
    executor::run(&world.now, BEGINS + HORIZON, &mut actors);
    ended(&world)
}

/// The world of a history at its beginning, and who acts in it.
pub(crate) fn stage(scenario: Scenario) -> (Rc<World>, Actors) {
    let world = World::new(scenario);
    let scenario = &world.scenario;
    if scenario.late {
        world.cover(FaultKind::LateDelivery);
    }
    if let Some(age) = scenario.watchdog.last_beat {
        let written = BEGINS.saturating_sub_unsigned(age);
        world.table.borrow_mut().write_heartbeat(written, Timestamp::from_millis(written));
    }
    world.later(0, Due::Delivery);
    for _ in 1..scenario.deliveries {
        world.cover(FaultKind::DuplicateDelivery);
        let far = world.rng.borrow_mut().bool();
        let after = world.rng.borrow_mut().u64(0..if far { 300_000 } else { 500 });
        world.later(after, Due::Delivery);
    }
    world.later(scenario.watchdog.first_tick, Due::Tick);
    for (at, order) in &scenario.control_state {
        world.later(*at, Due::OperatorOrder(*order, 0));
    }
    let actors = Actors::new(&world, request(scenario));
    (world, actors)
}

/// What is left of it.
pub(crate) fn ended(world: &World) -> History {
    world.follow();
    let log = world.log.take();
    let (down, well) = (world.is_down(), world.serving.get() && world.is_back());
    let held_alarm = world.cloud.borrow().holder.is_some();
    let mut table = world.table.borrow_mut();
    History {
        scenario: world.scenario.clone(),
        log,
        began_by: table.began_by.take(),
        slow: world.slow_at.take().into_iter().map(Timestamp::from_millis).collect(),
        renewed: table.renewed_at.map(Timestamp::from_millis),
        heads: table.heads.len(),
        finishes: table.finishes,
        locked: table.lock.is_some(),
        run: table.heads.pop(),
        down,
        well,
        forced: world.is_forced(),
        held_alarm,
        decided: world.last_undecided_look.get().map(Timestamp::from_millis),
        coverage: world.coverage.take(),
        counted: world.faults.counted.get(),
        failing_since: world.faults.since.get().map(Timestamp::from_millis),
    }
}

impl History {
    /// Whether an injecting call was sent.
    #[must_use]
    pub fn injected(&self) -> bool {
        self.log.iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }))
    }
}
