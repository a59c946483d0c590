//! One history: deliveries come, invocations live and die, and in the end all is calm.

use std::{cell::Cell, collections::BTreeMap, rc::Rc, time::Duration};

use firedrill_core::{
    Phase, Request, Run,
    deliver::{DeliverError, Invocation, deliver},
    gate::Policy,
    request::{Delivery, parse},
    run::OwnerId,
    timing::Timing,
};
use serde_json::{Value, json};

use crate::{
    drill::WorldDrill,
    executor::{Task, run},
    scenario::{Scenario, Trouble},
    store::WorldStore,
    truth::{BEGINS, Event, Logged, World, WorldClock},
};

/// How long an invocation lives, in milliseconds.
const LIFETIME: u64 = 150_000;
/// When the last of a history is over, in milliseconds after its beginning.
const HORIZON: u64 = 3_600_000;
/// How often somebody looks for runs that nobody carries on.
const RESUME_EVERY: u64 = 60_000;

/// What is left of a history.
#[derive(Debug)]
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
    }
}

fn document(late: bool) -> Value {
    let scheduled = if late { "2026-11-23T04:00:00Z" } else { "2026-11-23T10:00:00Z" };
    json!({
        "drill": "simulated", "application": "bookstore", "dependency": "compute", "environment": "test",
        "execute": true, "mode": "stop",
        "target": {
            "region": "eu-west-2",
            "instances": { "tags": { "app": "bookstore" } },
            "blastRadius": { "count": 1 }
        },
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

/// The request of every history.
///
/// # Panics
/// If the core refuses it, which is a mistake of this crate.
#[must_use]
pub fn request(late: bool) -> Request {
    match parse(&document(late)) {
        Ok(Delivery::Start(request)) => *request,
        other => panic!("the simulated request is refused: {other:?}"),
    }
}

struct Players {
    world: Rc<World>,
    request: Rc<Request>,
    document: Rc<Value>,
    number: u32,
}

type Answered = Result<Value, DeliverError>;

impl Players {
    /// A new invocation, `at` milliseconds after the beginning.
    fn invoke(&mut self, at: u64, document: Rc<Value>) -> Task<Answered> {
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
        let clock = Rc::new(WorldClock { world: Rc::clone(&world), began, wake_at: Rc::clone(&wake_at) });
        let future = Box::pin(async move {
            let store = WorldStore { world: Rc::clone(&world), clock: Rc::clone(&clock), request };
            let make = |_: &Request, _: &firedrill_core::run::RunId| WorldDrill {
                world: Rc::clone(&world),
                clock: Rc::clone(&clock),
                aws_poll: Duration::from_millis(timing().aws_poll_ms),
                last_look: None,
                open_since: None,
            };
            world.settle();
            deliver(&*clock, &store, make, &invocation, &document).await
        });
        Task { future, wake_at, dies_at: began + i64::try_from(life).unwrap_or(0) }
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
    let mut players = Players {
        world: Rc::clone(&world),
        request: Rc::new(request(late)),
        document: Rc::new(document(late)),
        number: 0,
    };
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
        while next_resume <= before {
            let at = next_resume;
            let open = world.state.borrow().heads.values().find(|run| run.phase != Phase::Finished).cloned();
            let Some(open) = open else {
                // Nothing is open and nothing is running: whatever comes is in the list of arrivals.
                if before >= HORIZON {
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
