//! Long run: six hours on 250 instances with 20 probes that flap, of which the record loses nothing.

use std::{
    cell::Cell,
    collections::BTreeMap,
    future::{Future, ready},
    rc::Rc,
    time::Duration,
};

use firedrill_aws::{client::Connection, dynamodb::RunTable};
use firedrill_core::{
    CallOutcome, Observation, Phase, PreparedInjection, ProbeAnswer, Readiness, Request, Run,
    StepObservation, Timestamp, Tristate,
    dispatch::{Invocation, new_run},
    engine::Engine,
    evidence::{Evidence, MAX_ITEMS},
    gate::{GateAnswer, Policy},
    plan::{Permission, Plan},
    ports::{Begun, Clock, Drill, Drills, Ids, InjectingCall, Injector, Store, WrongFunction},
    request::{Delivery, parse},
    run::{OwnerId, Page},
    run_loop::{LoopExit, Session},
    timing::Timing,
};
use serde_json::json;

use crate::fixture::{REGION, request, with};

const TARGETS: usize = 250;
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
                undo: firedrill_core::instance::undo(&self.ids, REGION, "", "aws"),
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
        Some(InjectingCall::StopInstances { region: "eu-west-2".to_owned(), ids })
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

#[test]
fn nothing_of_a_long_run_with_many_targets_is_lost() {
    with(async |fixture| {
        let mut document = request("long", fixture.aws.endpoint());
        let probe = |n| json!({ "name": format!("probe {n}"), "check": { "tcp": { "host": "127.0.0.1", "port": 1 } }, "count": 3 });
        document["steadyState"]["probes"] = json!((0..PROBES).map(probe).collect::<Vec<_>>());
        document["objective"] = json!({
            "rtoSeconds": 20_000, "giveUpAfterSeconds": 30_000, "restoreWithinSeconds": 600
        });
        let Ok(Delivery::Start(request)) = parse(&document) else {
            panic!("refused: {:?}", parse(&document))
        };
        let timing = Timing {
            // The fixture's watchdog runs in real time.
            heartbeat_fresh: Duration::from_hours(400 * 24),
            ..Timing::DEFAULT
        };
        let owner = OwnerId("long/1".to_owned());
        let invocation = Invocation {
            request_id: "long".to_owned(),
            owner: owner.clone(),
            ends_at: SIX_HOURS * 2,
            policy: Policy::default(),
        };
        let began: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let connection = Connection::over(&fixture.sdk, Duration::from_secs(10));
        // DynamoDB expires items by the real clock, and this run lies in the past.
        let kept = Duration::from_hours(100 * 365 * 24);
        let table = RunTable::new(&connection, &fixture.table, kept, Duration::from_secs(10));
        let run = new_run(&request, &invocation, &timing, began);
        assert_eq!(table.begin(&run, &request).await.unwrap(), Begun::Begun);
        let elapsed = Rc::new(Cell::new(Duration::ZERO));
        let clock = Jumping { began, elapsed: Rc::clone(&elapsed) };
        let ids = (0..TARGETS).map(|n| format!("i-{n:017x}")).collect();
        let mut drill = Flapping { began, elapsed, stopped_at: Rc::default(), started: false, ids };
        let stopped = StoppedAt(Rc::clone(&drill.stopped_at), Rc::clone(&drill.elapsed));
        let engine =
            Engine { clock: &clock, store: &table, drills: &NoDrills, injector: Some(&stopped), timing };
        let mut session = Session::new(owner, SIX_HOURS * 2);
        let LoopExit::Finished(finished) = Box::pin(engine.run_loop(&mut drill, &mut session, run)).await
        else {
            panic!("not finished")
        };
        let stored = table.load(&finished.run_id).await.unwrap().unwrap();
        assert_eq!(stored, *finished);
        assert_eq!((stored.phase, stored.undo[0].resources.len()), (Phase::Finished, TARGETS));
        let head = serde_json::to_string(&stored).unwrap().len();
        assert!(head < 16 * 1_024, "the head has {head} bytes");
        let counts = stored.evidence;
        assert!(counts.written <= MAX_ITEMS && counts.cut > 0, "{counts:?}: what did not fit is counted");
        // The evidence of the verdict is kept in spite of the flapping.
        let there = evidence_count(&fixture.sdk, &fixture.table, &finished.run_id.0).await;
        assert_eq!(there, counts.written, "every item that was counted as written is there");
    });
}

async fn evidence_count(sdk: &aws_config::SdkConfig, table: &str, run_id: &str) -> u64 {
    use aws_sdk_dynamodb::types::{AttributeValue, Select};
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let mut pages = client
        .query()
        .table_name(table)
        .select(Select::Count)
        .key_condition_expression("pk = :p AND begins_with(sk, :e)")
        .expression_attribute_values(":p", AttributeValue::S(format!("run#{run_id}")))
        .expression_attribute_values(":e", AttributeValue::S("evidence#".into()))
        .into_paginator()
        .send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += u64::try_from(page.unwrap().count()).unwrap();
    }
    count
}
