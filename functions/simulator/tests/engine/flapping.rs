//! A flapping application: six hours on 250 instances with 20 probes, of which the record loses nothing.

use std::{
    cell::Cell,
    collections::BTreeMap,
    future::{Future, ready},
    rc::Rc,
    time::Duration,
};

use firedrill_core::{
    CallOutcome, Observation, Phase, PreparedInjection, ProbeAnswer, Readiness, Request, Run,
    StepObservation, Timestamp, Tristate,
    dispatch::{Invocation, new_run},
    engine::Engine,
    evidence::{Evidence, MAX_ITEMS},
    gate::{GateAnswer, Policy},
    instance,
    kind::DrillKind,
    plan::{Permission, Plan},
    ports::{Begun, Clock, Drill, Drills, Ids, InjectingCall, Injector, Store, WrongFunction},
    request::{Delivery, parse},
    run::{OwnerId, Page},
    run_loop::{LoopExit, Session},
    timing::Timing,
};
use firedrill_simulator::{Stage, contracts::Outside as _};
use serde_json::{Value, json};

const REGION: &str = "eu-west-2";

const TARGETS: usize = 80;
const PROBES: usize = 20;
const SIX_HOURS: Duration = Duration::from_hours(6);

/// A virtual clock: a sleep advances it and returns at once.
struct Jumping {
    began: Timestamp,
    elapsed: Rc<Cell<Duration>>,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.began + self.elapsed.get()
    }
    fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        self.elapsed.set(self.elapsed.get() + span);
        ready(())
    }
}

/// A world in which every probe's answer changes every few seconds for six hours, and every target's state as well.
struct Flapping {
    began: Timestamp,
    elapsed: Rc<Cell<Duration>>,
    stopped_at: Rc<Cell<Option<Duration>>>,
    started: bool,
    ids: Vec<String>,
}

impl Drill for Flapping {
    async fn start_watchdog(&mut self) -> Result<(), String> {
        Ok(())
    }
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let elapsed = self.elapsed.get();
        let now = self.began + elapsed;
        let flapping = self.stopped_at.get().is_some() && elapsed < SIX_HOURS;
        let second = elapsed.as_secs();
        let answers = (0..PROBES).map(|probe| {
            let down = flapping && (second / (3 + probe as u64)).is_multiple_of(2);
            (
                probe,
                ProbeAnswer {
                    seen: Tristate::from(!down),
                    asked: now,
                    answered: now,
                    detail: Some(format!("{down}")),
                },
            )
        });
        let state = if self.stopped_at.get().is_some() && !self.started { "stopped" } else { "running" };
        let changed = second.is_multiple_of(600).then(|| Evidence::Targets {
            at: now,
            states: self.ids.iter().map(|id| (id.clone(), state.to_owned())).collect::<BTreeMap<_, _>>(),
        });
        let seen = Observation {
            gates: vec![GateAnswer { gate: "g".into(), open: Tristate::Yes, why: String::new() }],
            prepared: Some(Readiness::Ready(Box::new(PreparedInjection {
                trigger: None,
                undo: instance::undo(&self.ids, REGION, "", "aws"),
            }))),
            answers: answers.collect(),
            looked: Some(now),
            in_place: Tristate::from(self.stopped_at.get().is_some()),
            undone: vec![
                if self.started { StepObservation::Done } else { StepObservation::Open };
                run.undo.len()
            ],
            ..Observation::default()
        };
        (seen, changed.into_iter().collect())
    }
    async fn undo(&mut self, _: &Run, _: usize) -> CallOutcome {
        self.started = true;
        CallOutcome::Done
    }
    async fn page(&mut self, _: &Run, _: &Page) -> Result<(), String> {
        Ok(())
    }
    fn injecting_call(&mut self, run: &Run, _: u32) -> Option<InjectingCall> {
        let ids = Ids::new(run.undo.first()?.resources.clone())?;
        Some(InjectingCall::StopInstances { region: REGION.to_owned(), ids })
    }
    async fn plan(&mut self, _: &Run) -> Plan {
        unreachable!("no run is planned")
    }
    fn dry_runs(&self, _: &Plan) -> Vec<InjectingCall> {
        unreachable!("no run is planned")
    }
}

/// The one drill is built by the test.
struct NoDrills;

impl Drills for NoDrills {
    type Drill = Flapping;

    fn drill(&self, _: &Request) -> Result<Flapping, WrongFunction> {
        unreachable!("it was built")
    }
}

/// When the instances were stopped, and the time.
struct StoppedAt(Rc<Cell<Option<Duration>>>, Rc<Cell<Duration>>);

impl Injector for StoppedAt {
    async fn send(&self, _: &InjectingCall) -> CallOutcome {
        self.0.set(Some(self.1.get()));
        CallOutcome::Done
    }
    async fn permission(&self, call: &InjectingCall) -> Permission {
        unreachable!("no run is planned: {}", call.action())
    }
}

fn document() -> Value {
    let probe = |n| {
        let check = json!({ "tcp": { "host": "127.0.0.1", "port": 1 } });
        json!({ "name": format!("probe {n}"), "check": check, "count": 3 })
    };
    json!({
        "drill": "stop-all", "application": "flapping", "dependency": "compute", "environment": "test",
        "execute": true, "mode": "stop", "runId": "1",
        "target": { "instances": {
            "region": REGION, "select": { "tags": { "app": "flapping" } }, "blastRadius": { "count": TARGETS }
        } },
        "steadyState": { "withinSeconds": 90, "probes": (0..PROBES).map(probe).collect::<Vec<_>>() },
        "objective": { "rtoSeconds": 20_000, "giveUpAfterSeconds": 30_000, "restoreWithinSeconds": 600 },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "team", "severity": "sev2" }
    })
}

#[test]
fn nothing_of_a_long_run_with_many_targets_is_lost() {
    Stage::play(
        DrillKind::Instance,
        |_| {},
        async |at: Stage| {
            let document = document();
            let Ok(Delivery::Start(request)) = parse(&document) else {
                panic!("refused: {:?}", parse(&document))
            };
            // Its watchdog stands still, while the run's own clock jumps.
            let timing = Timing { heartbeat_fresh: Duration::MAX, ..Timing::DEFAULT };
            at.set_heartbeat(Some(Stage::moment(0)));
            let owner = OwnerId("long/1".to_owned());
            let invocation = Invocation {
                request_id: "long".to_owned(),
                owner: owner.clone(),
                ends_at: SIX_HOURS * 2,
                policy: Policy::default(),
            };
            let began = Stage::moment(0);
            let store = at.store();
            let run = new_run(&request, &invocation, &timing, began);
            assert_eq!(store.begin(&run, &request).await.unwrap(), Begun::Begun);
            let elapsed = Rc::new(Cell::new(Duration::ZERO));
            let clock = Jumping { began, elapsed: Rc::clone(&elapsed) };
            let ids = (0..TARGETS).map(|n| format!("i-{n:017x}")).collect();
            let mut drill = Flapping { began, elapsed, stopped_at: Rc::default(), started: false, ids };
            let stopped = StoppedAt(Rc::clone(&drill.stopped_at), Rc::clone(&drill.elapsed));
            let engine =
                Engine { clock: &clock, store: &store, drills: &NoDrills, injector: Some(&stopped), timing };
            let mut session = Session::new(owner, SIX_HOURS * 2);
            let LoopExit::Finished(finished) = Box::pin(engine.run_loop(&mut drill, &mut session, run)).await
            else {
                panic!("not finished")
            };
            let stored = store.load(&finished.run_id).await.unwrap().unwrap();
            assert_eq!(stored, *finished);
            assert_eq!((stored.phase, stored.undo[0].resources.len()), (Phase::Finished, TARGETS));
            let head = serde_json::to_string(&stored).unwrap().len();
            assert!(head < 16 * 1_024, "the head has {head} bytes");
            let counts = stored.evidence;
            assert!(counts.written <= MAX_ITEMS && counts.cut > 0, "{counts:?}: what did not fit is counted");
            // The evidence of the verdict is kept in spite of the flapping.
            let there = at.evidence(&finished.run_id).await;
            assert_eq!(there as u64, counts.written, "every item that was counted as written is there");
        },
    );
}
