//! What is really so: instances, traffic, and a log of everything that took effect.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    rc::Rc,
    time::Duration,
};

use fastrand::Rng;
use firedrill_core::{Phase, Run, Timestamp, ports::Clock};

use crate::{
    executor::{Sleep, WakeAt},
    failover::{Cloud, Pending},
    scenario::{Kind, Scenario, Trouble},
};

/// When every history begins: a Monday morning.
pub(crate) const BEGINS: i64 = 1_795_428_000_000;

/// Something that took effect, or was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    /// An injecting call left its sender. `intent` says whether the record held it at that moment.
    InjectSent { number: u32, owner: String, intent: bool },
    /// Its effect took place.
    Injected,
    /// Every target is down.
    InPlace,
    /// A step of the undo was asked for while the primary was well, or not.
    UndoSent { primary_well: bool },
    /// The undo's effect took place.
    Undone,
    /// Users began to be served, or ceased to be.
    Serving(bool),
    /// The standby began to serve users, or ceased to.
    Standby(bool),
    /// The failover function's call took effect, for the change of the alarm of this moment; whether that
    /// change says that a run forced it.
    FailedOver { by_run: bool, change: Timestamp },
    /// The drill changed what somebody else had set.
    Overwritten,
    /// It was on record that the run turned back.
    TurnedBack,
    /// The run ended; whether everything it moves was where it was, and the alarm free.
    Finished { back: bool },
    /// People were told.
    Paged,
    /// Somebody asked for the run to be stopped.
    StopAsked,
}

/// An event and its moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Logged {
    pub at: Timestamp,
    pub what: Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Stop,
    Start,
}

/// What a look at the targets shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Up,
    Stopping,
    Down,
    Starting,
}

/// The world of one history.
pub(crate) struct World {
    pub scenario: Scenario,
    pub now: Rc<Cell<i64>>,
    pub rng: RefCell<Rng>,
    pub state: RefCell<State>,
    pub cloud: RefCell<Cloud>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Whether the targets are down: one call stops all of them, so they share one state.
    pub down: bool,
    pub down_since: Option<i64>,
    pub changing: Option<(i64, bool)>,
    pub serving: bool,
    pub late: Vec<(i64, Effect)>,
    pub log: Vec<Logged>,
    pub heads: BTreeMap<String, Run>,
    pub lock: Option<String>,
    pub finishes: u32,
    pub met: BTreeMap<Trouble, u64>,
    /// What a look would have shown since when, for stale reads.
    pub shown: Vec<(i64, Shown)>,
}

impl World {
    pub fn new(scenario: Scenario) -> Rc<Self> {
        let rng = RefCell::new(Rng::with_seed(scenario.seed));
        let shown = vec![(i64::MIN, Shown::Up)];
        let state = State { serving: !scenario.ill_at_start, shown, ..State::default() };
        let ill = scenario.primary_ill.filter(|_| scenario.kind != Kind::Instances);
        let others = scenario.failover.changed_by_others_at.filter(|_| scenario.kind == Kind::Distribution);
        let cloud = RefCell::new(Cloud::default());
        let world =
            Self { now: Rc::new(Cell::new(BEGINS)), rng, state: RefCell::new(state), cloud, scenario };
        if let Some((from, to)) = ill {
            // Real illness is noticed like any other.
            for at in (from..to + 60_000).step_by(10_000) {
                world.later(at, Pending::Compare);
            }
        }
        if let Some(at) = others {
            world.later(at, Pending::Others);
        }
        Rc::new(world)
    }

    /// Milliseconds since the beginning.
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.now.get() - BEGINS).unwrap_or(0)
    }

    pub fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    pub fn is_within(&self, span: Option<(u64, u64)>) -> bool {
        span.is_some_and(|(from, to)| (from..to).contains(&self.elapsed()))
    }

    pub fn met(&self, trouble: Trouble) {
        *self.state.borrow_mut().met.entry(trouble).or_default() += 1;
    }

    /// Whether bad luck strikes, `per_thousand` times the scenario's trouble in a thousand thousands.
    pub fn unlucky(&self, weight: u32) -> bool {
        self.elapsed() < self.scenario.calm_at
            && self.scenario.trouble > 0
            && self.rng.borrow_mut().u32(0..1_000) < self.scenario.trouble * weight / 4
    }

    pub fn log(&self, what: Event) {
        let at = self.time();
        self.state.borrow_mut().log.push(Logged { at, what });
    }

    /// Carries out what a call asked for. A stop wins over what is under way, and so does a start, as
    /// EC2's last word does.
    pub fn land(&self, effect: Effect) {
        let now = self.now.get();
        let (takes, down) = match effect {
            Effect::Stop => (self.scenario.stop_takes, true),
            Effect::Start => (self.scenario.start_takes, false),
        };
        let mut state = self.state.borrow_mut();
        if state.down == down && state.changing.is_none() {
            drop(state);
            if effect == Effect::Stop {
                self.log(Event::Injected);
            }
            return;
        }
        state.changing = Some((now + i64::try_from(takes).unwrap_or(0), down));
        state.shown.push((now, if down { Shown::Stopping } else { Shown::Starting }));
        if effect == Effect::Stop {
            state.down_since = Some(now);
        }
        drop(state);
        self.log(match effect {
            Effect::Stop => Event::Injected,
            Effect::Start => Event::Undone,
        });
    }

    /// Notes that an injecting call leaves its sender, and whether the record holds it.
    pub fn log_inject(&self, run: &Run, number: u32) {
        let intent = self.state.borrow().heads.get(&run.run_id.0).is_some_and(|head| {
            let saved = head.injection.iter().flat_map(|injection| &injection.calls);
            head.phase == Phase::Injecting
                && !head.undo.is_empty()
                && saved.into_iter().any(|c| c.number == number)
        });
        let owner = run.owner.as_ref().map(|owner| owner.0.clone()).unwrap_or_default();
        let first = |logged: &Logged| !matches!(logged.what, Event::InjectSent { .. });
        if self.state.borrow().log.iter().all(first) {
            let mut cloud = self.cloud.borrow_mut();
            cloud.writer_before = cloud.writer;
        }
        self.log(Event::InjectSent { number, owner, intent });
    }

    /// Brings the world up to the present. Called before every look and every effect.
    pub fn settle(&self) {
        if self.scenario.kind != Kind::Instances {
            self.settle_cloud();
            self.note_serving();
            return;
        }
        loop {
            let now = self.now.get();
            let due = {
                let mut state = self.state.borrow_mut();
                let index = state.late.iter().position(|(at, _)| *at <= now);
                index.map(|index| state.late.swap_remove(index).1)
            };
            match due {
                Some(effect) => self.land(effect),
                None => break,
            }
        }
        let now = self.now.get();
        let mut came_down = false;
        {
            let mut state = self.state.borrow_mut();
            if let Some((at, down)) = state.changing
                && at <= now
            {
                came_down = down && !state.down;
                state.down = down;
                state.changing = None;
                state.shown.push((at, if down { Shown::Down } else { Shown::Up }));
                if !down {
                    state.down_since = None;
                }
            }
        }
        if came_down {
            self.log(Event::InPlace);
        }
        self.note_serving();
    }

    fn note_serving(&self) {
        let serving = self.is_serving();
        if self.state.borrow().serving != serving {
            self.state.borrow_mut().serving = serving;
            self.log(Event::Serving(serving));
        }
    }

    fn is_serving(&self) -> bool {
        if self.scenario.ill_at_start {
            return false;
        }
        if self.scenario.kind != Kind::Instances {
            return self.cloud_serves();
        }
        let since = self.state.borrow().down_since;
        match since {
            None => true,
            Some(_) if self.scenario.seamless => true,
            Some(since) => self
                .scenario
                .takes_over_after
                .is_some_and(|after| self.now.get() >= since + i64::try_from(after).unwrap_or(i64::MAX)),
        }
    }

    pub fn primary_well(&self) -> bool {
        !self.is_within(self.scenario.primary_ill)
    }
}

/// One invocation's view of time.
pub(crate) struct WorldClock {
    pub world: Rc<World>,
    pub began: i64,
    pub wake_at: WakeAt,
    /// How far this machine's time of day is off, in milliseconds.
    pub off: i64,
    /// And how much it gains in each second, in microseconds.
    pub drift: i64,
}

impl WorldClock {
    /// The clock of the machine on which an invocation begins.
    pub fn of_a_machine(world: &Rc<World>, began: i64, wake_at: &WakeAt) -> Self {
        let differ = world.scenario.clocks_differ;
        let mut rng = world.rng.borrow_mut();
        let (off, drift) =
            if differ == 0 { (0, 0) } else { (rng.i64(-differ..=differ), rng.i64(-200..=200)) };
        drop(rng);
        if off.abs() > 500 {
            world.met(Trouble::ClockIsOff);
        }
        Self { world: Rc::clone(world), began, wake_at: Rc::clone(wake_at), off, drift }
    }

    pub fn wait(&self, ms: u64) -> impl Future<Output = ()> + use<> {
        let until = self.world.now.get() + i64::try_from(ms).unwrap_or(i64::MAX / 2);
        let sleep = Sleep { wake_at: Rc::clone(&self.wake_at), now: Rc::clone(&self.world.now), until };
        let world = Rc::clone(&self.world);
        async move {
            sleep.await;
            world.settle();
        }
    }

    /// A call's way to AWS or back.
    pub fn latency(&self) -> impl Future<Output = ()> + use<> {
        let ms = self.world.rng.borrow_mut().u64(1..60);
        self.wait(ms)
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let gained = (self.world.now.get() - self.began) * self.drift / 1_000_000;
        Timestamp::from_millis(self.world.now.get() + self.off + gained)
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.world.now.get() - self.began).unwrap_or(0))
    }
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        self.wait(u64::try_from(span.as_millis()).unwrap_or(0).max(1))
    }
}
