//! One history: deliveries come, invocations live and die, and in the end all is calm.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use firedrill_core::{
    Phase, Request, Run,
    deliver::{Invocation, deliver},
    gate::Policy,
    request::{Delivery, parse},
    run::{OwnerId, RunId},
    timing::Timing,
};
use serde_json::{Value, json};

use crate::{
    drill::WorldDrill,
    executor::{Task, run},
    failover::{ALARM, CLUSTER, DISTRIBUTION, FUNCTION_TIMEOUT, FailoverDrill, Pending, function},
    scenario::{Failover, Kind, Scenario, Trouble},
    store::WorldStore,
    truth::{BEGINS, Event, Logged, World, WorldClock},
};

/// How long an invocation lives, in milliseconds.
const LIFETIME: u64 = 150_000;
/// When the last of a history is over, in milliseconds after its beginning.
const HORIZON: u64 = 9_000_000;
/// After this nobody looks any more: what is still open waits for people.
const LAST_LOOK: u64 = 840_000;
/// How often somebody looks for runs that nobody carries on.
const RESUME_EVERY: u64 = 60_000;

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
    /// Whether the alarm is still said to be a run's at the end.
    pub held_alarm: bool,
    /// How often each kind of trouble was met.
    pub met: BTreeMap<Trouble, u64>,
}

/// The numbers of the simulated stack.
#[must_use]
pub fn timing() -> Timing {
    Timing {
        poll_ms: 1_000,
        aws_poll_ms: 2_000,
        call_deadline_ms: 5_000,
        lease_ms: 30_000,
        renew_ms: 4_000,
        margin_ms: 10_000,
        settle_ms: 180_000,
        function_timeout_ms: 180_000,
        heartbeat_fresh_ms: 180_000,
    }
}

fn document(scenario: &Scenario) -> Value {
    let scheduled = if scenario.late { "2026-11-23T04:00:00Z" } else { "2026-11-23T10:00:00Z" };
    let probe = |url: &str| json!({ "http": { "url": format!("http://127.0.0.1:1/{url}") } });
    let failover = &scenario.failover;
    let mut lever = json!({ "alarmArn": ALARM });
    if failover.metric {
        lever["metric"] = json!({ "value": 0 });
    }
    let (mode, target) = match scenario.kind {
        Kind::Instances => {
            let tags = json!({ "tags": { "app": "bookstore" } });
            ("stop", json!({ "region": "eu-west-2", "instances": tags, "blastRadius": { "count": 1 } }))
        }
        Kind::Distribution => {
            lever["distributionArn"] = json!(DISTRIBUTION);
            lever["primaryProbe"] = probe("primary");
            if !failover.nameless {
                lever["identity"] = json!({
                    "url": "http://127.0.0.1:1/status", "json": "/cdn", "primary": "primary", "standby": "standby",
                    "count": 3, "holdForSeconds": 4
                });
            }
            (if failover.metric { "metric" } else { "alarm" }, lever)
        }
        Kind::Database => {
            lever["clusterArn"] = json!(CLUSTER);
            if failover.restore_writer {
                lever["restoreWriter"] = json!(true);
                lever["primaryProbe"] = probe("primary");
            }
            (if failover.metric { "metric" } else { "alarm" }, lever)
        }
    };
    json!({
        "drill": "simulated", "application": "bookstore", "dependency": "simulated", "environment": "test",
        "execute": true, "mode": mode, "target": target,
        "steadyState": {
            "withinSeconds": 60,
            "probes": [{
                "name": "version", "http": { "url": "http://127.0.0.1:1/version/" },
                "count": 3, "holdForSeconds": 4
            }]
        },
        "objective": {
            "rtoSeconds": 30, "giveUpAfterSeconds": 90, "restoreWithinSeconds": 120, "injectWithinSeconds": 60
        },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "o", "severity": "s" },
        "schedule": {
            "scheduledAt": scheduled, "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
        }
    })
}

/// The request of a history.
///
/// # Panics
/// If the core refuses it, which is a mistake of this crate.
#[must_use]
pub fn request(scenario: &Scenario) -> Request {
    match parse(&document(scenario)) {
        Ok(Delivery::Start(request)) => *request,
        other => panic!("the simulated request is refused: {other:?}"),
    }
}

/// The same for every history whose scenario asks for the same, and parsed once.
fn asked(scenario: &Scenario) -> (Rc<Request>, Rc<Value>) {
    type Asked = BTreeMap<(Kind, bool, bool, bool, bool), (Rc<Request>, Rc<Value>)>;
    thread_local!(static KNOWN: RefCell<Asked> = const { RefCell::new(BTreeMap::new()) });
    let Failover { metric, nameless, restore_writer, .. } = scenario.failover;
    let key = (scenario.kind, scenario.late, metric, nameless, restore_writer);
    KNOWN.with_borrow_mut(|known| {
        let made = || (Rc::new(request(scenario)), Rc::new(document(scenario)));
        known.entry(key).or_insert_with(made).clone()
    })
}

struct Players {
    world: Rc<World>,
    request: Rc<Request>,
    document: Rc<Value>,
    number: u32,
}

impl Players {
    /// A new invocation, `at` milliseconds after the beginning.
    fn invoke(&mut self, at: u64, document: Rc<Value>) -> Task<()> {
        self.number += 1;
        let began = BEGINS + i64::try_from(at).unwrap_or(0);
        let wake_at = Rc::new(Cell::new(began));
        let world = Rc::clone(&self.world);
        let mut rng = world.rng.borrow_mut();
        let dies = at < world.scenario.calm_at && rng.u32(0..100) < world.scenario.deaths;
        let life = if dies { rng.u64(1..LIFETIME) } else { LIFETIME + 20_000 };
        drop(rng);
        if dies {
            world.met(Trouble::InvocationDies);
        }
        let invocation = Invocation {
            request_id: "request".to_owned(),
            owner: OwnerId(format!("invocation {}", self.number)),
            ends_at: Duration::from_millis(LIFETIME),
            timing: timing(),
            policy: Policy {
                production_applications: Vec::new(),
                non_production_environments: vec!["test".to_owned()],
            },
        };
        let request = Rc::clone(&self.request);
        let clock = Rc::new(WorldClock::of_a_machine(&world, began, &wake_at));
        let future = Box::pin(async move {
            let store = WorldStore { world: Rc::clone(&world), clock: Rc::clone(&clock), request };
            let aws_poll = Duration::from_millis(timing().aws_poll_ms);
            let (last_look, open_since) = (None, None);
            world.settle();
            if world.scenario.kind == Kind::Instances {
                let make = |_: &Request, _: &RunId| {
                    let (world, clock) = (Rc::clone(&world), Rc::clone(&clock));
                    Ok(WorldDrill { world, clock, aws_poll, last_look, open_since })
                };
                let _ = Box::pin(deliver(&*clock, &store, make, &invocation, &document)).await;
            } else {
                let make = |_: &Request, _: &RunId| {
                    let (world, clock) = (Rc::clone(&world), Rc::clone(&clock));
                    Ok(FailoverDrill { world, clock, aws_poll, last_look, open_since })
                };
                let _ = Box::pin(deliver(&*clock, &store, make, &invocation, &document)).await;
            }
        });
        Task { future, wake_at, dies_at: began + i64::try_from(life).unwrap_or(0) }
    }
}

impl Players {
    /// An invocation of the failover function for a change that is delivered to it.
    fn automate(&mut self, change: usize, attempt: u32) -> Task<()> {
        self.number += 1;
        let world = Rc::clone(&self.world);
        let began = world.now.get();
        let wake_at = Rc::new(Cell::new(began));
        let mut rng = world.rng.borrow_mut();
        let deaths = world.scenario.failover.function_deaths;
        let dies = world.elapsed() < world.scenario.calm_at && rng.u32(0..100) < deaths;
        let life = if dies { rng.u64(1..500) } else { FUNCTION_TIMEOUT };
        drop(rng);
        if dies {
            world.met(Trouble::FunctionDies);
        }
        let clock = Rc::new(WorldClock::of_a_machine(&world, began, &wake_at));
        let by = format!("function {}", self.number);
        let future = Box::pin(function(world, clock, change, attempt, by));
        Task { future, wake_at, dies_at: began + i64::try_from(life).unwrap_or(0) }
    }

    /// Lets happen what happens by itself until then; a delivery of a change begins an invocation.
    fn happen(&mut self, before: i64) -> Option<Task<()>> {
        while let Some(at) = self.world.next_pending().filter(|at| *at <= before) {
            self.world.now.set(self.world.now.get().max(at));
            let due = {
                let mut cloud = self.world.cloud.borrow_mut();
                let index = cloud.pending.iter().position(|(due, _)| *due == at)?;
                cloud.pending.swap_remove(index).1
            };
            match due {
                Pending::Deliver { change, attempt } => return Some(self.automate(change, attempt)),
                other => self.world.take_effect(other),
            }
            self.world.settle();
        }
        None
    }
}

/// Plays one history to its end.
#[must_use]
pub fn play(scenario: Scenario) -> History {
    let world = World::new(scenario);
    let (late, deliveries) = (world.scenario.late, world.scenario.deliveries);
    if late {
        world.met(Trouble::LateDelivery);
    }
    let asked = asked(&world.scenario);
    let mut players = Players { world: Rc::clone(&world), request: asked.0, document: asked.1, number: 0 };
    let mut arrivals: Vec<u64> = vec![0];
    for _ in 1..deliveries {
        world.met(Trouble::DuplicateDelivery);
        let far = world.rng.borrow_mut().bool();
        arrivals.push(world.rng.borrow_mut().u64(0..if far { 300_000 } else { 500 }));
    }
    arrivals.sort_unstable_by(|a, b| b.cmp(a));
    let mut next_resume = RESUME_EVERY;
    let mut others = world.scenario.restored_by_others_at;
    let horizon = BEGINS + i64::try_from(HORIZON).unwrap_or(0);
    let mut tasks = Vec::new();
    let arrive = |before: i64| {
        let before = u64::try_from(before - BEGINS).unwrap_or(0);
        let first = arrivals.last().copied().unwrap_or(u64::MAX).min(next_resume).min(before);
        if let Some(task) = players.happen(BEGINS + i64::try_from(first).unwrap_or(0)) {
            return Some(task);
        }
        if let Some(at) = arrivals.last().copied().filter(|at| *at <= before) {
            arrivals.pop();
            let document = Rc::clone(&players.document);
            return Some(players.invoke(at, document));
        }
        if let Some(at) = others.filter(|at| *at <= before && world.state.borrow().down) {
            others = None;
            world.now.set(world.now.get().max(BEGINS + i64::try_from(at).unwrap_or(0)));
            world.met(Trouble::SomebodyElseRestores);
            world.land(crate::truth::Effect::Start);
        }
        while next_resume <= before && next_resume <= LAST_LOOK {
            let at = next_resume;
            let open = world.state.borrow().heads.values().find(|run| run.phase != Phase::Finished).cloned();
            let Some(open) = open else {
                // Nothing is open and nothing is running: whatever comes is in the list of arrivals.
                if before >= LAST_LOOK {
                    return None;
                }
                next_resume += RESUME_EVERY;
                continue;
            };
            next_resume += RESUME_EVERY;
            return Some(players.invoke(at, Rc::new(json!({ "resume": open.run_id.0 }))));
        }
        None
    };
    run(&world.now, &mut tasks, horizon, arrive, |_| {});
    drop(tasks);
    world.now.set(horizon);
    world.settle();
    let mut state = world.state.borrow_mut();
    History {
        scenario: world.scenario.clone(),
        log: std::mem::take(&mut state.log),
        heads: state.heads.len(),
        run: state.heads.values().next().cloned(),
        finishes: state.finishes,
        locked: state.lock.is_some(),
        down: state.down || state.changing.is_some(),
        well: state.serving && world.is_back(),
        held_alarm: world.cloud.borrow().holder.is_some(),
        met: std::mem::take(&mut state.met),
    }
}

impl History {
    /// Whether an injecting call was sent.
    #[must_use]
    pub fn injected(&self) -> bool {
        self.log.iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }))
    }
}
