//! Fake targets and drill: targets that are up or down, and the calls that were sent to them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::pending,
    rc::Rc,
    time::Duration,
};

use firedrill_core::{
    CallOutcome, Observation, PreparedInjection, ProbeAnswer, Readiness, Request, Run, StepObservation,
    Tristate,
    evidence::Evidence,
    gate::GateAnswer,
    instance::undo,
    millis,
    plan::{Permission, Plan, Proof},
    ports::{Clock, Drill, Drills, Ids, InjectingCall, Injector, WrongFunction},
    run::{Page, RunId},
};

use super::{Machine, Time};

/// How long a look or a call takes.
const TAKES: Duration = Duration::from_millis(20);

/// The targets of all runs, one each.
pub struct Targets {
    time: Rc<Time>,
    /// The runs whose target is down, and since when; the moment may be in the future.
    pub down: RefCell<BTreeMap<RunId, u64>>,
    /// How long stopping takes.
    pub stop_takes: Cell<Duration>,
    /// How long starting takes.
    pub start_takes: Cell<Duration>,
    starting: RefCell<Vec<(u64, RunId)>>,
    /// Whether users are served while a target is down; `None` if they never are.
    pub served: Cell<Option<bool>>,
    /// Looks at these runs never end.
    pub blind: RefCell<BTreeSet<RunId>>,
    /// Calls for these runs are never answered.
    pub mute: RefCell<BTreeSet<RunId>>,
    /// A look at these runs panics.
    pub poison: RefCell<BTreeSet<RunId>>,
    /// The injecting calls: when, by which owner, for which run.
    pub injected: RefCell<Vec<(u64, String, RunId)>>,
    /// The undo calls, likewise.
    pub undone: RefCell<Vec<(u64, String, RunId)>>,
    /// The pages: for which run, and their cause.
    pub paged: RefCell<Vec<(RunId, String)>>,
}

impl Targets {
    pub fn new(time: &Rc<Time>) -> Self {
        Self {
            time: Rc::clone(time),
            down: RefCell::default(),
            stop_takes: Cell::default(),
            start_takes: Cell::default(),
            starting: RefCell::default(),
            served: Cell::new(Some(true)),
            blind: RefCell::default(),
            mute: RefCell::default(),
            poison: RefCell::default(),
            injected: RefCell::default(),
            undone: RefCell::default(),
            paged: RefCell::default(),
        }
    }

    fn state(&self, id: &RunId) -> StepObservation {
        let now = self.time.now();
        let mut starting = self.starting.borrow_mut();
        starting.retain(|(at, id)| {
            let is_up = *at <= now;
            if is_up {
                self.down.borrow_mut().remove(id);
            }
            !is_up
        });
        if starting.iter().any(|(_, starts)| starts == id) {
            StepObservation::Busy
        } else if self.down.borrow().contains_key(id) {
            StepObservation::Open
        } else {
            StepObservation::Done
        }
    }

    fn is_in_place(&self, id: &RunId) -> bool {
        self.down.borrow().get(id).is_some_and(|at| *at <= self.time.now())
    }

    fn note(&self, log: &RefCell<Vec<(u64, String, RunId)>>, run: &Run) {
        let owner = run.owner.as_ref().map(|owner| owner.0.clone()).unwrap_or_default();
        log.borrow_mut().push((self.time.now(), owner, run.run_id.clone()));
    }
}

/// The drill of a drill function.
pub struct FakeDrill {
    targets: Rc<Targets>,
    machine: Machine,
}

impl Drill for FakeDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        assert!(!self.targets.poison.borrow().contains(&run.run_id), "this run cannot be looked at");
        if self.targets.blind.borrow().contains(&run.run_id) {
            pending::<()>().await;
        }
        let asked = self.machine.now();
        self.targets.time.sleep(TAKES).await;
        let looked = self.machine.now();
        let state = self.targets.state(&run.run_id);
        let is_in_place = self.targets.is_in_place(&run.run_id);
        let served = self.targets.served.get().is_some_and(|served| served || !is_in_place);
        let steps = || undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws");
        let seen = Observation {
            gates: vec![GateAnswer { gate: "window".to_owned(), open: Tristate::Yes, why: String::new() }],
            prepared: run
                .is_untouched()
                .then(|| Readiness::Ready(Box::new(PreparedInjection { trigger: None, undo: steps() }))),
            answers: vec![(0, ProbeAnswer { seen: served.into(), asked, answered: looked, detail: None })],
            looked: Some(looked),
            in_place: is_in_place.into(),
            undone: vec![state; run.undo.len()],
            primary: Tristate::Yes,
            foreign_alarm: Tristate::No,
            ..Observation::default()
        };
        (seen, Vec::new())
    }

    async fn undo(&mut self, run: &Run, _: usize) -> CallOutcome {
        self.targets.note(&self.targets.undone, run);
        if self.targets.mute.borrow().contains(&run.run_id) {
            pending::<()>().await;
        }
        self.targets.time.sleep(TAKES).await;
        let takes = millis(self.targets.start_takes.get());
        self.targets.starting.borrow_mut().push((self.targets.time.now() + takes, run.run_id.clone()));
        CallOutcome::Done
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        self.targets.paged.borrow_mut().push((run.run_id.clone(), page.cause.clone()));
        Ok(())
    }

    /// A region is that of a run here, so that the fake knows whose call it is.
    fn injecting_call(&mut self, run: &Run, _: u32) -> Option<InjectingCall> {
        self.targets.note(&self.targets.injected, run);
        Some(InjectingCall::StopInstances {
            region: run.run_id.0.clone(),
            ids: Ids::one("i-0123456789abcdef0"),
        })
    }

    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }

    fn dry_runs(&self, _: &Plan) -> Vec<InjectingCall> {
        Vec::new()
    }
}

impl Injector for Targets {
    async fn send(&self, call: &InjectingCall) -> CallOutcome {
        let InjectingCall::StopInstances { region, .. } = call else { unreachable!("{call:?}") };
        self.time.sleep(TAKES).await;
        let takes = millis(self.stop_takes.get());
        self.down.borrow_mut().insert(RunId(region.clone()), self.time.now() + takes);
        CallOutcome::Done
    }

    async fn permission(&self, call: &InjectingCall) -> Permission {
        Permission { action: call.action().to_owned(), proof: Proof::NotChecked, detail: None }
    }
}

/// The fake drills of one invocation.
pub struct FakeDrills {
    pub targets: Rc<Targets>,
    pub machine: Machine,
    /// Why no request belongs to this function; none if each does.
    pub wrong: Option<&'static str>,
}

impl Drills for FakeDrills {
    type Drill = FakeDrill;

    fn drill(&self, _: &Request) -> Result<FakeDrill, WrongFunction> {
        match self.wrong {
            Some(why) => Err(WrongFunction(why.to_owned())),
            None => Ok(FakeDrill { targets: Rc::clone(&self.targets), machine: self.machine.clone() }),
        }
    }
}
