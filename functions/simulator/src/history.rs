//! History: one scenario played to its end, and what the oracle needs to judge it.

use std::rc::Rc;

use firedrill_core::{Outcome, Run, Timestamp, evidence::Evidence, run::RunId};

use crate::{
    actors::Actors,
    event::{Event, Logged},
    event_queue::Due,
    executor,
    fault_kind::{FaultKind, FaultOccurrences},
    planned_fault::FaultPoint,
    requests::request,
    scenario::Scenario,
    world::{BEGINS, World},
};

/// When a history ends, in milliseconds after its beginning.
pub(crate) const HORIZON: i64 = 9_000_000;

/// What remains of a history that was played.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct History {
    /// Its circumstances.
    pub scenario: Scenario,
    /// Everything that was sent or took effect, oldest first.
    pub log: Vec<Logged>,
    /// The one run's head, if there is one.
    pub run: Option<Run>,
    /// The invocation that began it.
    pub began_by: Option<String>,
    /// When each slow answer began.
    pub slow: Vec<Timestamp>,
    /// The last renewal of the lease before the store became unavailable.
    pub renewed: Option<Timestamp>,
    /// How many heads there are.
    pub heads: usize,
    /// The evidence on record, oldest first.
    pub evidence: Vec<Evidence>,
    /// When each tick of the watchdog began and ended, but for those that died.
    pub ticks: Vec<(Timestamp, Timestamp)>,
    /// The results on record: the run and the outcome of each.
    pub results: Vec<(RunId, Outcome)>,
    /// How often a run was finished in the store.
    pub finishes: u32,
    /// Whether the application's lock is held at the end.
    pub locked: bool,
    /// Whether the targets are down at the end.
    pub down: bool,
    /// Whether users are served at the end, from the place that served them before.
    pub healthy: bool,
    /// Whether the alarm is in ALARM at the end because a run set it.
    pub forced: bool,
    /// Whether the alarm is still registered as a run's at the end.
    pub held_alarm: bool,
    /// The moment of the last look before the verdict; none if there was no look.
    pub decided: Option<Timestamp>,
    /// The pages that reached the operators, oldest first.
    pub pages: Vec<String>,
    /// How often each kind of fault occurred.
    pub occurrences: FaultOccurrences,
    /// How many operations of each of [`FaultPoint::ALL`] there were.
    pub counted: [u32; FaultPoint::ALL.len()],
    /// When the planned fault occurred first; none if it did not.
    pub failing_since: Option<Timestamp>,
}

/// Plays one history to its end.
#[must_use]
pub fn play(scenario: Scenario) -> History {
    let (world, mut actors) = set_up(scenario);
    executor::run(&world.now, BEGINS + HORIZON, &mut actors);
    collect(&world)
}

/// The world of a history at its beginning, and its actors.
pub(crate) fn set_up(scenario: Scenario) -> (Rc<World>, Actors) {
    let world = World::new(scenario);
    let scenario = &world.scenario;
    if scenario.delivered_late {
        world.note_fault(FaultKind::LateDelivery);
    }
    if let Some(age) = scenario.watchdog.last_heartbeat {
        let written = BEGINS.saturating_sub_unsigned(age);
        world.table.borrow_mut().write_heartbeat(written, Timestamp::from_millis(written));
    }
    world.schedule(0, Due::Delivery);
    for _ in 1..scenario.deliveries {
        world.note_fault(FaultKind::DuplicateDelivery);
        let far = world.rng.borrow_mut().bool();
        let after = world.rng.borrow_mut().u64(0..if far { 300_000 } else { 500 });
        world.schedule(after, Due::Delivery);
    }
    world.schedule(scenario.watchdog.first_tick, Due::Tick);
    for (at, command) in &scenario.commands {
        world.schedule(*at, Due::Command(*command, 0));
    }
    let actors = Actors::new(&world, request(scenario));
    (world, actors)
}

/// Collects what remains of a history at its end.
pub(crate) fn collect(world: &World) -> History {
    world.propagate();
    let log = world.log.take();
    let (down, healthy) = (world.is_down(), world.serving.get() && world.is_back());
    let held_alarm = !world.cloud.borrow().holders.is_empty();
    let mut table = world.table.borrow_mut();
    History {
        scenario: world.scenario.clone(),
        log,
        began_by: table.began_by.take(),
        slow: world.slow_at.take().into_iter().map(Timestamp::from_millis).collect(),
        renewed: table.renewed_at.map(Timestamp::from_millis),
        heads: table.heads.len(),
        evidence: std::mem::take(&mut table.evidence).into_values().collect(),
        ticks: world.ticks.take().into_iter().map(moments).collect(),
        results: table.results.drain(..).map(|result| (RunId(result.run_id), result.outcome)).collect(),
        finishes: table.finishes,
        locked: !table.locks.is_empty(),
        run: table.heads.pop(),
        down,
        healthy,
        forced: world.is_forced(),
        held_alarm,
        decided: world.last_undecided_look.get().map(Timestamp::from_millis),
        pages: world.pages.take(),
        occurrences: world.occurrences.take(),
        counted: world.points.counted.get(),
        failing_since: world.points.since.get().map(Timestamp::from_millis),
    }
}

fn moments((began, ended): (i64, i64)) -> (Timestamp, Timestamp) {
    (Timestamp::from_millis(began), Timestamp::from_millis(ended))
}

impl History {
    /// Whether an injecting call was sent.
    #[must_use]
    pub fn injected(&self) -> bool {
        self.log.iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }))
    }
}
