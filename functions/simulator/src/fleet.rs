//! What is really so of instances: each has a state of its own.

use firedrill_core::{
    CallOutcome, StepObservation, Tristate,
    instance::{Candidate, Healthy, Membership},
    request::OPT_IN_TAG,
};

use crate::{
    calls::not_executed,
    event::Event,
    event_queue::Due,
    failover::ms,
    fault_kind::FaultKind,
    scenario::{Radius, Scenario},
    world::World,
};

/// How an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Stopping,
    Stopped,
    Pending,
    Terminated,
}

/// What happens to instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// `StopInstances` takes effect.
    Stop(Vec<usize>),
    /// `StartInstances` takes effect.
    Start(Vec<usize>),
    /// A transition comes to its end, if it is still the same one.
    Arrive { index: usize, transition: u32 },
    /// The group finds an instance not running.
    Replace { index: usize },
    /// Somebody starts what is stopped.
    ByOthers,
}

#[derive(Debug)]
struct Instance {
    state: State,
    transition: u32,
}

#[derive(Debug)]
pub(crate) struct Fleet {
    instances: Vec<Instance>,
    /// What EC2 tells of them before the drill.
    pub candidates: Vec<Candidate>,
    pub healthy: Healthy,
    /// What the drill stopped.
    targets: Vec<usize>,
    /// Since when a target does not serve.
    missing_since: Option<i64>,
    /// What a look would have shown since when.
    shown: Vec<(i64, Shown)>,
}

/// What a look at the targets shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub in_place: bool,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    Busy,
    Open,
}

impl From<Step> for StepObservation {
    fn from(step: Step) -> Self {
        match step {
            Step::Done => Self::Done,
            Step::Busy => Self::Busy,
            Step::Open => Self::Open,
        }
    }
}

const GROUP: &str = "bookstore";

pub(crate) fn id(index: usize) -> String {
    format!("i-{index:017x}")
}

fn index(id: &str) -> usize {
    usize::from_str_radix(id.trim_start_matches("i-"), 16).unwrap_or(usize::MAX)
}

fn candidate(number: usize, in_group: bool) -> Candidate {
    let (key, value) = OPT_IN_TAG;
    Candidate {
        id: id(number),
        zone: "eu-west-2a".to_owned(),
        state: "running".to_owned(),
        root_device_type: "ebs".to_owned(),
        tags: [(key.to_owned(), value.to_owned())].into(),
        stop_protected: Tristate::No,
        group: in_group.then(|| Membership { group: GROUP.to_owned(), lifecycle: "InService".to_owned() }),
        ..Candidate::default()
    }
}

impl Fleet {
    pub fn of(scenario: &Scenario) -> Self {
        let drawn = &scenario.fleet;
        let all = drawn.fit + drawn.unfit;
        let in_group = drawn.replaced_after.is_some();
        let mut candidates: Vec<Candidate> = (0..all).map(|number| candidate(number, in_group)).collect();
        // Why an instance may not be stopped: a reason for each.
        for (n, candidate) in candidates[drawn.fit..].iter_mut().enumerate() {
            match n {
                0 => candidate.tags.clear(),
                1 => candidate.spot = true,
                _ => candidate.stop_protected = Tristate::Unknown,
            }
        }
        let members = candidates.iter().filter(|_| in_group).map(|candidate| candidate.id.clone());
        let healthy = [(GROUP.to_owned(), members.collect())].into();
        let running = |_| Instance { state: State::Running, transition: 0 };
        Self {
            instances: (0..all).map(running).collect(),
            candidates,
            healthy,
            targets: Vec::new(),
            missing_since: None,
            shown: vec![(i64::MIN, Shown { in_place: false, step: Step::Done })],
        }
    }

    fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.targets.iter().map(|target| self.instances[*target].state)
    }

    fn shows(&self, group_is_whole: bool) -> Shown {
        let down = |state| matches!(state, State::Stopped | State::Terminated);
        let back = |state| matches!(state, State::Running | State::Terminated);
        let step = if self.states().any(|state| state == State::Stopped) {
            Step::Open
        } else if self.states().all(back) && group_is_whole {
            Step::Done
        } else {
            Step::Busy
        };
        Shown { in_place: !self.targets.is_empty() && self.states().all(down), step }
    }
}

impl World {
    /// What a look at the targets shows: the present, sometimes the recent past.
    pub fn shown(&self) -> Option<Shown> {
        let at = self.now.get() - self.staleness();
        self.fleet.borrow().shown.iter().rev().find(|(since, _)| *since <= at).map(|(_, shown)| *shown)
    }

    /// Those of these that are stopped now, and whether one is still stopping.
    pub fn stopped(&self, ids: &[String]) -> (Vec<String>, bool) {
        let fleet = self.fleet.borrow();
        let is = |id: &str, state| fleet.instances.get(index(id)).is_some_and(|it| it.state == state);
        let stopped = ids.iter().filter(|id| is(id, State::Stopped)).cloned().collect();
        (stopped, ids.iter().any(|id| is(id, State::Stopping)))
    }

    pub fn is_down(&self) -> bool {
        let fleet = self.fleet.borrow();
        let up = |state| matches!(state, State::Running | State::Terminated);
        !fleet.states().all(up) || !self.is_group_whole()
    }

    pub fn fleet_serves(&self) -> bool {
        let since = self.fleet.borrow().missing_since;
        self.primary_well()
            && since.is_none_or(|since| {
                let after = self.scenario.takes_over_after;
                self.scenario.seamless || after.is_some_and(|after| self.now.get() >= since + ms(after))
            })
    }

    fn is_group_whole(&self) -> bool {
        let drawn = &self.scenario.fleet;
        let running = |instance: &&Instance| instance.state == State::Running;
        drawn.replaced_after.is_none()
            || self.fleet.borrow().instances.iter().filter(running).count() >= drawn.fit + drawn.unfit
    }

    /// A call to stop or to start; what EC2 answers where it refuses.
    pub fn may_start(&self, ids: &[String]) -> Result<Vec<usize>, CallOutcome> {
        let indices: Vec<usize> = ids.iter().map(|id| index(id)).collect();
        let fleet = self.fleet.borrow();
        let unfit =
            |target: &usize| matches!(fleet.instances[*target].state, State::Stopping | State::Terminated);
        if indices.iter().any(unfit) {
            return Err(not_executed("IncorrectInstanceState", true));
        }
        if self.is_within(self.scenario.fleet.no_capacity) {
            self.cover(FaultKind::NoCapacity);
            return Err(not_executed("InsufficientInstanceCapacity", true));
        }
        Ok(indices)
    }

    /// What a run is about to stop is what it may stop: why not, if it is not.
    pub fn beyond_the_blast_radius(&self, ids: &[String]) -> Option<String> {
        let drawn = &self.scenario.fleet;
        let allowed = match drawn.radius {
            Radius::Count(count) => count as usize,
            Radius::Percent(percent) => drawn.fit * percent as usize / 100,
        };
        if ids.is_empty() || ids.len() > allowed {
            return Some(format!("{} instances are not {allowed}", ids.len()));
        }
        if let Some(id) = ids.iter().find(|id| index(id) >= drawn.fit) {
            return Some(format!("{id} must not be stopped"));
        }
        let mut different = ids.to_vec();
        different.sort_unstable();
        different.dedup();
        (different.len() != ids.len()).then(|| "one is named twice".to_owned())
    }

    /// From now on these are what the drill is about.
    pub fn aim_at(&self, ids: &[String]) -> Vec<usize> {
        let targets: Vec<usize> = ids.iter().map(|id| index(id)).collect();
        self.fleet.borrow_mut().targets.clone_from(&targets);
        targets
    }

    pub fn change_fleet(&self, change: Change) {
        match change {
            Change::Stop(targets) => {
                self.log(Event::Injected);
                for index in targets {
                    if self.fleet.borrow().instances[index].state == State::Running {
                        self.begin(index, State::Stopping, self.scenario.fleet.stop_takes);
                    }
                }
            }
            Change::Start(targets) => {
                self.log(Event::Undone);
                for index in targets {
                    if self.fleet.borrow().instances[index].state == State::Stopped {
                        self.begin(index, State::Pending, self.scenario.fleet.start_takes);
                    }
                }
            }
            Change::Arrive { index, transition } => self.arrive(index, transition),
            Change::Replace { index } => self.replace_instance(index),
            Change::ByOthers => {
                let targets = self.fleet.borrow().targets.clone();
                let stopped = |index: &usize| self.fleet.borrow().instances[*index].state == State::Stopped;
                if targets.iter().any(stopped) {
                    self.cover(FaultKind::SomebodyElseRestores);
                    self.change_fleet(Change::Start(targets));
                    return;
                }
            }
        }
        self.note_fleet();
    }

    /// Each takes a time of its own.
    fn begin(&self, index: usize, state: State, takes: u64) {
        let transition = {
            let instance = &mut self.fleet.borrow_mut().instances[index];
            instance.state = state;
            instance.transition += 1;
            instance.transition
        };
        let takes = takes + self.rng.borrow_mut().u64(0..3_000);
        self.later(takes, Due::Fleet(Change::Arrive { index, transition }));
    }

    fn arrive(&self, index: usize, transition: u32) {
        let mut fleet = self.fleet.borrow_mut();
        let instance = &mut fleet.instances[index];
        if instance.transition != transition {
            return;
        }
        match instance.state {
            State::Stopping => {
                instance.state = State::Stopped;
                drop(fleet);
                if let Some(after) = self.scenario.fleet.replaced_after {
                    self.later(after, Due::Fleet(Change::Replace { index }));
                }
            }
            State::Pending => instance.state = State::Running,
            State::Running | State::Stopped | State::Terminated => {}
        }
    }

    fn replace_instance(&self, index: usize) {
        let mut fleet = self.fleet.borrow_mut();
        if fleet.instances[index].state != State::Stopped {
            return;
        }
        fleet.instances[index].state = State::Terminated;
        fleet.instances.push(Instance { state: State::Pending, transition: 0 });
        let new = fleet.instances.len() - 1;
        drop(fleet);
        self.cover(FaultKind::GroupReplaces);
        self.log(Event::Replaced);
        self.begin(new, State::Pending, self.scenario.fleet.start_takes);
    }

    /// What follows from a change of an instance.
    fn note_fleet(&self) {
        let whole = self.is_group_whole();
        let mut fleet = self.fleet.borrow_mut();
        let shown = fleet.shows(whole);
        let before = fleet.shown.last().map(|(_, shown)| *shown);
        if before != Some(shown) {
            fleet.shown.push((self.now.get(), shown));
        }
        let back = |state: State| state == State::Running || (state == State::Terminated && whole);
        let missing = !fleet.states().all(back);
        if missing && fleet.missing_since.is_none() {
            fleet.missing_since = Some(self.now.get());
            if let Some(after) = self.scenario.takes_over_after {
                self.later(after, Due::Passes);
            }
        } else if !missing {
            fleet.missing_since = None;
        }
        drop(fleet);
        if shown.in_place && before.is_some_and(|before| !before.in_place) {
            self.log(Event::InPlace);
        }
    }
}
