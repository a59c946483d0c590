//! What is really so, and a log of everything that took effect.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use fastrand::Rng;
use firedrill_core::{Phase, Run, Timestamp, Tristate, gate::GateAnswer};

use crate::{
    event::{Event, Logged},
    event_queue::{Due, EventQueue},
    failover::{Cloud, Pending},
    fault_kind::{Coverage, FaultKind},
    fleet::Fleet,
    planned_fault::FaultCounts,
    scenario::{Kind, Scenario, Span},
    store::StoredTable,
};

/// When every history begins: a Monday morning.
pub(crate) const BEGINS: i64 = 1_795_428_000_000;

/// The world of one history.
pub(crate) struct World {
    pub scenario: Scenario,
    pub now: Rc<Cell<i64>>,
    pub rng: RefCell<Rng>,
    pub event_queue: RefCell<EventQueue>,
    pub table: RefCell<StoredTable>,
    pub fleet: RefCell<Fleet>,
    pub cloud: RefCell<Cloud>,
    pub log: RefCell<Vec<Logged>>,
    pub coverage: RefCell<Coverage>,
    pub faults: FaultCounts,
    /// When an answer began to be slow.
    pub slow_at: RefCell<Vec<i64>>,
    /// Whether users are served.
    pub serving: Cell<bool>,
    /// What the last look before the verdict could show was so at this moment.
    pub last_undecided_look: Cell<Option<i64>>,
    decided: Cell<bool>,
}

impl World {
    pub fn new(scenario: Scenario) -> Rc<Self> {
        let fleet = Fleet::of(&scenario);
        let world = Rc::new(Self {
            now: Rc::new(Cell::new(BEGINS)),
            rng: RefCell::new(Rng::with_seed(scenario.seed)),
            event_queue: RefCell::default(),
            table: RefCell::default(),
            fleet: RefCell::new(fleet),
            cloud: RefCell::default(),
            log: RefCell::default(),
            coverage: RefCell::default(),
            faults: FaultCounts::default(),
            slow_at: RefCell::default(),
            serving: Cell::new(!scenario.ill_at_start),
            last_undecided_look: Cell::new(None),
            decided: Cell::new(false),
            scenario,
        });
        let scenario = &world.scenario;
        if let Some((from, to)) = scenario.primary_ill {
            world.later(from, Due::Passes);
            world.later(to, Due::Passes);
            if scenario.kind != Kind::Instances {
                // Real illness is noticed like any other.
                for at in (from..to + 60_000).step_by(10_000) {
                    world.later(at, Due::Cloud(Pending::Compare));
                }
            }
        }
        if let Some(at) =
            scenario.failover.changed_by_others_at.filter(|_| scenario.kind == Kind::Distribution)
        {
            world.later(at, Due::Cloud(Pending::Others));
        }
        if let Some(at) = scenario.restored_by_others_at.filter(|_| scenario.kind == Kind::Instances) {
            world.later(at, Due::Fleet(crate::fleet::Change::ByOthers));
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

    /// So many milliseconds from now.
    pub fn later(&self, ms: u64, due: Due) {
        let at = self.now.get().saturating_add_unsigned(ms);
        self.event_queue.borrow_mut().add(at, due);
    }

    pub fn cover(&self, trouble: FaultKind) {
        self.coverage.borrow_mut().note(trouble);
    }

    /// Counts a span of trouble once, however often it is met.
    pub fn cover_once(&self, trouble: FaultKind) {
        let mut coverage = self.coverage.borrow_mut();
        if coverage.times(trouble) == 0 {
            coverage.note(trouble);
        }
    }

    /// Whether bad luck strikes.
    pub fn draws_fault(&self) -> bool {
        self.scenario.trouble > 0
            && self.elapsed() < self.scenario.calm_at
            && self.rng.borrow_mut().u32(0..4_000) < self.scenario.trouble
    }

    pub fn log(&self, what: Event) {
        let at = self.time();
        self.log.borrow_mut().push(Logged { at, what });
    }

    /// How long ago what a read shows was so; mostly it is so now.
    pub fn staleness(&self) -> i64 {
        /// A read may show what was so up to this long ago.
        const STALE_MS: i64 = 8_000;
        if self.draws_fault() {
            self.cover(FaultKind::StaleRead);
            self.rng.borrow_mut().i64(0..STALE_MS)
        } else {
            0
        }
    }

    /// What follows from a change, or from the passing of time.
    pub fn follow(&self) {
        if self.scenario.kind != Kind::Instances {
            self.advance_cloud();
        }
        let serving = !self.scenario.ill_at_start
            && if self.scenario.kind == Kind::Instances { self.fleet_serves() } else { self.cloud_serves() };
        if self.serving.replace(serving) != serving {
            self.log(Event::Serving(serving));
        }
    }

    pub fn primary_well(&self) -> bool {
        let ill = self.is_within(self.scenario.primary_ill);
        if ill {
            self.cover_once(FaultKind::PrimaryFails);
        }
        !ill
    }

    /// A gate of the request, as a look at it shows it.
    pub fn gate(&self) -> GateAnswer {
        let closed = self.is_within(self.scenario.gate_closed);
        if closed {
            self.cover_once(FaultKind::GateCloses);
        }
        let open = if self.is_blind() { Tristate::Unknown } else { Tristate::from(!closed) };
        GateAnswer { gate: "simulated".to_owned(), open, why: String::new() }
    }

    /// Notes that an injecting call leaves its sender, whether the record holds it, and what forbids it.
    pub fn note_inject(&self, run: &Run, number: u32, by: &str, beyond: Option<String>) {
        let table = self.table.borrow();
        let intent = table.head(&run.run_id).is_some_and(|head| {
            let mut saved = head.injection.iter().flat_map(|injection| &injection.calls);
            head.phase == Phase::Injecting && !head.undo.is_empty() && saved.any(|call| call.number == number)
        });
        drop(table);
        let first = !self.log.borrow().iter().any(|logged| matches!(logged.what, Event::InjectSent { .. }));
        if first {
            let mut cloud = self.cloud.borrow_mut();
            cloud.writer_before = cloud.writer;
        }
        let against = beyond.or_else(|| self.forbids(run, by));
        self.log(Event::InjectSent { number, by: by.to_owned(), intent, against });
    }

    /// Notes that a step of the undo leaves its sender.
    pub fn note_undo(&self, by: &str) {
        self.log(Event::UndoSent { by: by.to_owned(), primary_well: self.primary_well() });
    }

    /// Somebody takes the run up. What its former holder had made of it without writing it down is lost.
    pub fn note_taken_up(&self, run: &Run) {
        if run.verdict.is_none() {
            self.decided.set(false);
        }
    }

    /// Notes that somebody looks: what was learned rests on no later look than the last one without a verdict.
    pub fn note_look(&self, run: &Run) {
        // What somebody makes of it whose run it is no more does not count.
        let is_theirs = self.table.borrow().head(&run.run_id).is_some_and(|head| head.owner == run.owner);
        match (is_theirs, run.verdict) {
            (false, _) => {}
            (true, Some(_)) => self.decided.set(true),
            (true, None) if self.decided.get() => {}
            (true, None) => self.last_undecided_look.set(Some(self.now.get())),
        }
        if run.is_stoppable() {
            self.check_missed_stop(run);
        }
    }
}
