//! The record, in memory. It fails where a test says so.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use firedrill_core::{
    Request, Run, Timestamp,
    evidence::Evidence,
    kill_switch::{Scope, Switch},
    ports::{Begun, ControlState, OperatorCommand, RunCommands, Saved, Store, StoreError},
    run::{Phase, RunId, Stop},
};

use super::Time;

/// A call takes so long.
const TAKES: Duration = Duration::from_millis(5);

/// What goes wrong with a call of this name, if anything does. It may also change the table.
type Trouble = Box<dyn FnMut(&FakeStore, &str) -> Option<StoreError>>;

pub struct FakeStore {
    time: Rc<Time>,
    heads: RefCell<BTreeMap<RunId, Run>>,
    pub requests: RefCell<BTreeMap<RunId, Request>>,
    /// Heads that a later version wrote.
    pub later: RefCell<BTreeSet<RunId>>,
    /// Every head that was ever on record, and when.
    pub history: RefCell<Vec<(u64, Run)>>,
    pub evidence: RefCell<Vec<Evidence>>,
    pub commands: RefCell<BTreeMap<RunId, RunCommands>>,
    pub application_stop: RefCell<BTreeMap<String, (Timestamp, Stop)>>,
    pub switches: RefCell<Vec<Switch>>,
    pub heartbeat: Cell<Option<Timestamp>>,
    trouble: RefCell<Option<Trouble>>,
    answer_is_lost: Cell<bool>,
}

impl FakeStore {
    pub fn new(time: &Rc<Time>) -> Self {
        Self {
            time: Rc::clone(time),
            heads: RefCell::default(),
            requests: RefCell::default(),
            later: RefCell::default(),
            history: RefCell::default(),
            evidence: RefCell::default(),
            commands: RefCell::default(),
            application_stop: RefCell::default(),
            switches: RefCell::default(),
            heartbeat: Cell::new(Some(crate::common::at(0))),
            trouble: RefCell::default(),
            answer_is_lost: Cell::default(),
        }
    }

    /// From now on, before every call.
    pub fn trouble(&self, trouble: impl FnMut(&Self, &str) -> Option<StoreError> + 'static) {
        *self.trouble.borrow_mut() = Some(Box::new(trouble));
    }

    /// The answer of the call under way does not arrive.
    pub fn lose_the_answer(&self) {
        self.answer_is_lost.set(true);
    }

    /// Puts a head there, as an invocation that is gone left it.
    pub fn put(&self, run: &Run, request: Option<Request>) {
        if let Some(request) = request {
            self.requests.borrow_mut().insert(run.run_id.clone(), request);
        }
        self.write(run);
    }

    pub fn heads(&self) -> Vec<Run> {
        self.heads.borrow().values().cloned().collect()
    }

    pub fn head(&self, id: &RunId) -> Run {
        self.heads.borrow()[id].clone()
    }

    /// When the one run was first on record in this phase.
    pub fn first(&self, phase: Phase) -> Option<u64> {
        self.history.borrow().iter().find(|(_, run)| run.phase == phase).map(|(at, _)| *at)
    }

    fn write(&self, run: &Run) {
        self.history.borrow_mut().push((self.time.now(), run.clone()));
        self.heads.borrow_mut().insert(run.run_id.clone(), run.clone());
    }

    async fn call<T>(&self, name: &str, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        self.time.sleep(TAKES).await;
        let trouble = self.trouble.borrow_mut().take();
        if let Some(mut trouble) = trouble {
            let error = trouble(self, name);
            self.trouble.borrow_mut().get_or_insert(trouble);
            if let Some(error) = error {
                return Err(error);
            }
        }
        let done = work();
        if self.answer_is_lost.take() { Err(StoreError::Unknown("simulated".to_owned())) } else { Ok(done) }
    }

    fn readable(&self, run_id: &RunId) -> Result<(), StoreError> {
        if self.later.borrow().contains(run_id) {
            return Err(StoreError::UnknownLayout { run_id: run_id.clone(), layout: 2 });
        }
        Ok(())
    }

    fn replace(&self, next: &Run, expected: u64) -> Saved {
        assert!(!self.later.borrow().contains(&next.run_id), "a head of an unknown layout was touched");
        let there = self.heads.borrow().get(&next.run_id).map(|head| head.version);
        if there != Some(expected) {
            return Saved::Conflict;
        }
        self.write(next);
        Saved::Saved
    }
}

impl Store for FakeStore {
    async fn begin(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        self.call("begin", || {
            if let Some(there) = self.heads.borrow().get(&run.run_id) {
                return Begun::Exists(Box::new(there.clone()));
            }
            self.put(run, Some(request.clone()));
            Begun::Begun
        })
        .await
    }
    async fn record(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        self.begin(run, request).await
    }
    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.call("load", || self.heads.borrow().get(id).cloned()).await.and_then(|head| {
            self.readable(id)?;
            Ok(head)
        })
    }
    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        self.call("request", || self.requests.borrow().get(id).cloned()).await
    }
    async fn save(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.call("save", || self.replace(next, expected)).await
    }
    async fn finish(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        assert_eq!(next.phase, Phase::Finished);
        self.call("finish", || self.replace(next, expected)).await
    }
    async fn append(&self, _: &RunId, items: &[(String, Evidence)]) -> Result<(), StoreError> {
        self.call("append", || {
            self.evidence.borrow_mut().extend(items.iter().map(|(_, item)| item.clone()));
        })
        .await
    }
    async fn control_state(&self, run: &Run) -> Result<ControlState, StoreError> {
        self.call("orders", || {
            let switches = self.switches.borrow().clone().into_iter();
            let switches = switches.filter(|switch| match &switch.scope {
                Scope::Account => true,
                Scope::Application(name) => **name == *run.application,
                Scope::Drill(key) => *key == run.drill_key(),
            });
            ControlState {
                commands: self.commands.borrow().get(&run.run_id).cloned(),
                application_stop: self.application_stop.borrow().get(&*run.application).cloned(),
                switches: switches.collect(),
                heartbeat: self.heartbeat.get(),
            }
        })
        .await
    }
    async fn record_command(&self, id: &RunId, command: &OperatorCommand) -> Result<u64, StoreError> {
        self.call("say", || {
            let mut commands = self.commands.borrow_mut();
            let commands = commands.entry(id.clone()).or_default();
            commands.number += 1;
            match command.clone() {
                OperatorCommand::Release(release) => commands.release = Some(release),
                OperatorCommand::Stop(stop) => commands.stop = Some(stop),
            }
            commands.number
        })
        .await
    }
    async fn stop_application(&self, name: &str, stop: &Stop, at: Timestamp) -> Result<(), StoreError> {
        self.call("stop_application", || {
            self.application_stop.borrow_mut().insert(name.to_owned(), (at, stop.clone()));
        })
        .await
    }
    async fn switch(&self, switch: &Switch, engaged: bool) -> Result<Option<Switch>, StoreError> {
        self.call("switch", || {
            let mut switches = self.switches.borrow_mut();
            let there = switches.iter().position(|there| there.scope == switch.scope);
            let there = there.map(|index| switches.remove(index));
            let stays = there.filter(|there| !switch.outlasts(there));
            let holds = engaged.then(|| stays.unwrap_or_else(|| switch.clone()));
            switches.extend(holds.clone());
            holds
        })
        .await
    }
    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.call("open", || {
            let heads = self.heads.borrow();
            heads.values().filter(|run| run.phase != Phase::Finished).map(|run| run.run_id.clone()).collect()
        })
        .await
    }
    async fn write_heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        self.call("beat", || self.heartbeat.set(Some(at))).await
    }
    async fn list(&self, _: &str, _: u32) -> Result<Vec<Run>, StoreError> {
        self.call("list", || self.heads()).await
    }
}
