//! World: the true state of everything in one history, and a log of every effect.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use fastrand::Rng;
use firedrill_core::{
    Phase, Run, Timestamp,
    failover::{AlarmChange, AlarmState, run_of},
    kind::DrillKind,
    run::RunId,
};
use firedrill_drills::Settings;

use crate::{
    aws::LookedAt,
    calls::SentCall,
    event::{Event, Logged},
    event_queue::{Due, EventQueue},
    failover::{Cloud, MAX_EVENT_AGE, Pending},
    fault_kind::{FaultKind, FaultOccurrences},
    fleet::Fleet,
    overrides::Overrides,
    planned_fault::{OperationFault, PointCounts},
    requests::settings,
    scenario::{Scenario, Span},
    store::SimulatedTable,
};

/// When every history begins, in milliseconds since the Unix epoch: a Monday morning, 10:00:40 UTC.
pub(crate) const BEGINS: i64 = 1_795_428_040_000;

/// The world of one history.
pub(crate) struct World {
    pub scenario: Scenario,
    /// The settings of the simulated stack.
    pub settings: Rc<Settings>,
    pub now: Rc<Cell<i64>>,
    pub rng: RefCell<Rng>,
    pub event_queue: RefCell<EventQueue>,
    pub table: RefCell<SimulatedTable>,
    pub fleet: RefCell<Fleet>,
    pub cloud: RefCell<Cloud>,
    pub log: RefCell<Vec<Logged>>,
    pub occurrences: RefCell<FaultOccurrences>,
    pub points: PointCounts,
    /// What fails because of its name; nothing in a history.
    pub operation_faults: RefCell<Vec<OperationFault>>,
    /// The mutating calls of the failover function.
    pub calls: RefCell<Vec<SentCall>>,
    /// The text of every page that reached the operators.
    pub pages: RefCell<Vec<String>>,
    /// When each tick of the watchdog began and ended.
    pub ticks: RefCell<Vec<(i64, i64)>>,
    /// When each slow answer began.
    pub slow_at: RefCell<Vec<i64>>,
    /// Whether users are served now.
    pub serving: Cell<bool>,
    /// The moment of the last look at which the run had no verdict: the verdict rests on nothing later.
    pub last_undecided_look: Cell<Option<i64>>,
    decided: Cell<bool>,
}

impl World {
    pub fn new(scenario: Scenario) -> Rc<Self> {
        let fleet = Fleet::of(&scenario);
        let world = Rc::new(Self {
            settings: settings(&scenario).into(),
            now: Rc::new(Cell::new(BEGINS)),
            rng: RefCell::new(Rng::with_seed(scenario.seed)),
            event_queue: RefCell::default(),
            table: RefCell::default(),
            fleet: RefCell::new(fleet),
            cloud: RefCell::default(),
            log: RefCell::default(),
            occurrences: RefCell::default(),
            points: PointCounts::default(),
            operation_faults: RefCell::default(),
            calls: RefCell::default(),
            pages: RefCell::default(),
            ticks: RefCell::default(),
            slow_at: RefCell::default(),
            serving: Cell::new(!scenario.unhealthy_at_start),
            last_undecided_look: Cell::new(None),
            decided: Cell::new(false),
            scenario,
        });
        let scenario = &world.scenario;
        if let Some((from, to)) = scenario.primary_unhealthy {
            world.schedule(from, Due::Passes);
            world.schedule(to, Due::Passes);
            if scenario.kind != DrillKind::Instance {
                // CloudWatch evaluates the alarm during a real incident, too.
                for at in (from..to + 60_000).step_by(10_000) {
                    world.schedule(at, Due::Cloud(Pending::EvaluateAlarm));
                }
            }
        }
        if let Some(at) = scenario.failover.changed_by_others_at.filter(|_| scenario.kind == DrillKind::Cdn) {
            world.schedule(at, Due::Cloud(Pending::OthersUpdate));
        }
        if let Some(at) = scenario.restored_by_others_at.filter(|_| scenario.kind == DrillKind::Instance) {
            world.schedule(at, Due::Fleet(crate::fleet::Change::ByOthers));
        }
        world
    }

    /// Milliseconds since the beginning.
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.now.get() - BEGINS).unwrap_or(0)
    }

    pub fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    pub fn is_within(&self, span: Option<Span>) -> bool {
        span.is_some_and(|(from, to)| (from..to).contains(&self.elapsed()))
    }

    /// Whether a call is held up because the network that cuts the run's owner off from the table delays it, too: what lands
    /// late then is on no record.
    pub fn is_cut_off_with_its_calls(&self) -> bool {
        self.is_within(self.scenario.owner_cut_off) && self.rng.borrow_mut().u32(0..10) < 3
    }

    /// What a test changes in AWS's answers.
    pub fn overrides(&self) -> Overrides {
        self.scenario.overrides.unwrap_or_default()
    }

    /// Schedules an event this many milliseconds from now.
    pub fn schedule(&self, ms: u64, due: Due) {
        let at = self.now.get().saturating_add_unsigned(ms);
        self.event_queue.borrow_mut().add(at, due);
    }

    pub fn note_fault(&self, fault: FaultKind) {
        self.occurrences.borrow_mut().note(fault);
    }

    /// Counts a fault that lasts for a span once, however often it is noticed.
    pub fn note_fault_once(&self, fault: FaultKind) {
        let mut occurrences = self.occurrences.borrow_mut();
        if occurrences.times(fault) == 0 {
            occurrences.note(fault);
        }
    }

    /// Draws whether a random fault occurs here.
    pub fn draws_fault(&self) -> bool {
        self.scenario.fault_rate > 0
            && self.elapsed() < self.scenario.calm_at
            && self.rng.borrow_mut().u32(0..4_000) < self.scenario.fault_rate
    }

    pub fn log(&self, what: Event) {
        let at = self.time();
        self.log.borrow_mut().push(Logged { at, what });
    }

    /// How old, in milliseconds, the state is that a read shows; mostly 0.
    pub fn staleness(&self) -> i64 {
        /// The oldest state that a read may show.
        const STALE_MS: i64 = 8_000;
        let lags = self.scenario.reads_lag && self.rng.borrow_mut().u32(0..6) == 0;
        if lags || self.draws_fault() {
            self.note_fault(FaultKind::StaleRead);
            self.rng.borrow_mut().i64(0..STALE_MS)
        } else {
            0
        }
    }

    /// Applies what follows from a change or from the passing of time, and logs whether users are served.
    pub fn propagate(&self) {
        if self.scenario.kind != DrillKind::Instance {
            self.advance_cloud();
        }
        let serving = !self.scenario.unhealthy_at_start
            && if self.scenario.kind == DrillKind::Instance {
                self.fleet_serves()
            } else {
                self.cloud_serves()
            };
        if self.serving.replace(serving) != serving {
            self.log(Event::Serving(serving));
        }
    }

    pub fn is_primary_healthy(&self) -> bool {
        let unhealthy = self.is_within(self.scenario.primary_unhealthy);
        if unhealthy {
            self.note_fault_once(FaultKind::PrimaryFails);
        }
        !unhealthy
    }

    /// Logs that an injecting call is sent, whether its intent is saved, and what forbids it.
    pub fn note_inject(&self, run: &RunId, number: u32, by: &str, beyond: Option<String>) {
        let table = self.table.borrow();
        let intent = table.head(run).is_some_and(|head| {
            let mut saved = head.injection.iter().flat_map(|injection| &injection.calls);
            head.phase == Phase::Injecting && !head.undo.is_empty() && saved.any(|call| call.number == number)
        });
        drop(table);
        let first = !self.log.borrow().iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }));
        if first {
            let mut cloud = self.cloud.borrow_mut();
            cloud.writer_before = cloud.writer;
        }
        let forbidden_by = beyond.or_else(|| self.forbids(run, by));
        self.log(Event::InjectSent { number, by: by.to_owned(), intent, forbidden_by });
    }

    /// Logs that the failover function's call takes effect.
    pub fn log_failover(&self, change: &AlarmChange) {
        self.log(Event::FailedOver { by_run: run_of(&change.reason).is_some(), change: change.at });
    }

    /// Logs that the failover function gave up a real failover of the database that nothing forbade, if it did.
    pub fn note_given_up(&self, change: &AlarmChange) {
        let is_real = change.state == AlarmState::Alarm && run_of(&change.reason).is_none();
        let clocks_apart = Duration::from_millis(self.scenario.clocks_apart());
        let cloud = self.cloud.borrow();
        let is_newest = cloud.changes.last().is_some_and(|last| last.at == change.at);
        // No clock takes it for too old.
        let is_recent = self.time() - change.at + clocks_apart < MAX_EVENT_AGE;
        let given_up = cloud.entries.iter().any(|entry| {
            entry.at == change.at
                && entry.state == change.state
                && entry.done.is_some()
                && entry.called_at.is_none()
        });
        let has_moved = cloud.last_failover.is_some();
        drop(cloud);
        let of_database = self.scenario.kind == DrillKind::Database
            && self.scenario.failover.wrong_function.is_none()
            && self.scenario.overrides.is_none();
        if given_up
            && is_real
            && is_newest
            && is_recent
            && !has_moved
            && of_database
            && self.forbids_failover(None).is_none()
        {
            self.log(Event::GivenUp { change: change.at });
        }
    }

    /// Notes that the failover function sends a call; its number.
    pub fn note_call(&self, by: &str, action: &'static str) -> usize {
        let mut calls = self.calls.borrow_mut();
        calls.push(SentCall { by: by.to_owned(), action, code: None });
        calls.len() - 1
    }

    /// Notes how AWS refused a call, if it answered.
    pub fn note_refusal(&self, number: usize, code: &str) {
        self.calls.borrow_mut()[number].code = Some(code.to_owned()).filter(|code| !code.is_empty());
    }

    /// Notes that the gate of the request is closed, and that a look may show it.
    pub fn note_gate(&self) {
        if self.is_within(self.scenario.gate_closed) {
            self.note_fault_once(FaultKind::GateCloses);
        }
    }

    /// Logs that a step of the undo of this run is sent.
    pub fn note_undo(&self, run: Option<RunId>, by: &str) {
        self.log(Event::UndoSent { run, by: by.to_owned(), primary_healthy: self.is_primary_healthy() });
    }

    /// The lease was taken. What its former holder decided without saving it is lost.
    pub fn note_lease_taken(&self, run: &Run) {
        if run.verdict.is_none() {
            self.decided.set(false);
        }
    }

    /// Notes a look: the verdict rests on no later look than the last one without a verdict.
    pub fn note_look(&self, run: &LookedAt) {
        // What a former holder of the lease decides does not count.
        let is_theirs = self.table.borrow().head(&run.run_id).is_some_and(|head| head.owner == run.owner);
        self.note_gate();
        match (is_theirs, run.verdict) {
            (false, _) => {}
            (true, Some(_)) => self.decided.set(true),
            (true, None) if self.decided.get() => {}
            (true, None) => self.last_undecided_look.set(Some(self.now.get())),
        }
        if run.is_stoppable {
            self.note_missed_stop(run);
        }
    }
}
