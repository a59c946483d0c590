//! Fleet: the true state of each simulated instance.

use crate::{
    event::Event,
    event_queue::Due,
    failover::ms,
    fault_kind::FaultKind,
    scenario::{Radius, Scenario},
    world::World,
};

/// The state of an instance, as EC2 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Stopping,
    Stopped,
    Pending,
    Terminated,
}

/// A change of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// `StopInstances` takes effect.
    Stop(Vec<usize>),
    /// `StartInstances` takes effect.
    Start(Vec<usize>),
    /// A transition ends, unless another one has begun since.
    Arrive { index: usize, transition: u32 },
    /// The Auto Scaling group replaces an instance that does not run.
    Replace { index: usize },
    /// An operator starts the stopped targets.
    ByOthers,
}

#[derive(Debug)]
struct Instance {
    state: State,
    transition: u32,
    /// Since when it was in which state.
    history: Vec<(i64, State)>,
    /// Why it may not be stopped; none if it may.
    unfit: Option<Unfit>,
}

impl Instance {
    fn in_state(state: State, since: i64) -> Self {
        Self { state, transition: 0, history: vec![(since, state)], unfit: None }
    }
}

#[derive(Debug)]
pub(crate) struct Fleet {
    instances: Vec<Instance>,
    /// The instances that the drill stops.
    targets: Vec<usize>,
    /// Since when a target has been down.
    missing_since: Option<i64>,
    /// Whether every target is down.
    is_in_place: bool,
}

pub(crate) const GROUP: &str = "bookstore";
pub(crate) const TARGET_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/bookstore/1";

/// Why an instance may not be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    NotOptedIn,
    OtherEnvironment,
    Spot,
    Protected,
    ProtectionUnknown,
}

impl Unfit {
    const ALL: [Self; 5] =
        [Self::NotOptedIn, Self::OtherEnvironment, Self::Spot, Self::Protected, Self::ProtectionUnknown];
}

impl State {
    /// As EC2 writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Pending => "pending",
            Self::Terminated => "terminated",
        }
    }

    /// The lifecycle state that Auto Scaling shows.
    pub const fn lifecycle(self) -> &'static str {
        match self {
            Self::Running | Self::Stopping | Self::Stopped => "InService",
            Self::Pending => "Pending",
            Self::Terminated => "Terminated",
        }
    }

    /// The health of the target that it is registered as.
    pub const fn health(self) -> &'static str {
        match self {
            Self::Running => "healthy",
            Self::Pending => "initial",
            Self::Stopping | Self::Stopped | Self::Terminated => "unused",
        }
    }
}

pub(crate) fn id(index: usize) -> String {
    format!("i-{index:017x}")
}

fn index(id: &str) -> usize {
    usize::from_str_radix(id.trim_start_matches("i-"), 16).unwrap_or(usize::MAX)
}

impl Fleet {
    pub fn of(scenario: &Scenario) -> Self {
        let drawn = &scenario.fleet;
        let unfit = |number: usize| {
            let nth = number.checked_sub(drawn.fit)?;
            Some(Unfit::ALL[(nth + drawn.first_unfit) % Unfit::ALL.len()])
        };
        let instances = (0..drawn.fit + drawn.unfit)
            .map(|number| Instance { unfit: unfit(number), ..Instance::in_state(State::Running, i64::MIN) });
        Self { instances: instances.collect(), targets: Vec::new(), missing_since: None, is_in_place: false }
    }

    /// The instances that EC2 showed at this moment: number, state, and why each may not be stopped.
    pub fn shown(&self, at: i64) -> impl Iterator<Item = (usize, State, Option<Unfit>)> + '_ {
        self.instances.iter().enumerate().filter_map(move |(number, instance)| {
            let state = instance.history.iter().rev().find(|(since, _)| *since <= at)?;
            Some((number, state.1, instance.unfit))
        })
    }

    fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.targets.iter().map(|target| self.instances[*target].state)
    }

    fn is_down(&self) -> bool {
        let down = |state| matches!(state, State::Stopped | State::Terminated);
        !self.targets.is_empty() && self.states().all(down)
    }

    /// Changes the state of an instance, at this moment.
    fn set(&mut self, index: usize, state: State, now: i64) {
        let instance = &mut self.instances[index];
        instance.state = state;
        instance.history.push((now, state));
    }
}

impl World {
    pub fn is_down(&self) -> bool {
        let fleet = self.fleet.borrow();
        let up = |state| matches!(state, State::Running | State::Terminated);
        !fleet.states().all(up) || !self.is_group_whole()
    }

    pub fn fleet_serves(&self) -> bool {
        let since = self.fleet.borrow().missing_since;
        self.is_primary_healthy()
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

    /// Whether all of these exist.
    pub fn has_instances(&self, ids: &[String]) -> bool {
        let count = self.fleet.borrow().instances.len();
        ids.iter().all(|id| index(id) < count)
    }

    /// The instances that `StartInstances` may start, or the code with which EC2 refuses it.
    pub fn may_start(&self, ids: &[String]) -> Result<Vec<usize>, &'static str> {
        if !self.has_instances(ids) {
            return Err("InvalidInstanceID.NotFound");
        }
        let indices: Vec<usize> = ids.iter().map(|id| index(id)).collect();
        let fleet = self.fleet.borrow();
        let unfit =
            |target: &usize| matches!(fleet.instances[*target].state, State::Stopping | State::Terminated);
        if indices.iter().any(unfit) {
            return Err("IncorrectInstanceState");
        }
        let lacking = self.overrides().no_capacity_for;
        let lacking = lacking.filter(|(index, span)| indices.contains(index) && self.is_within(Some(*span)));
        if self.is_within(self.scenario.fleet.no_capacity) || lacking.is_some() {
            self.note_fault(FaultKind::NoCapacity);
            return Err("InsufficientInstanceCapacity");
        }
        Ok(indices)
    }

    /// Why a run may not stop these instances; none if it may.
    pub fn beyond_blast_radius(&self, ids: &[String]) -> Option<String> {
        let drawn = &self.scenario.fleet;
        let allowed = match drawn.radius {
            Radius::Count(count) => count as usize,
            Radius::Percent(percent) => drawn.fit * percent as usize / 100,
        };
        if ids.is_empty() || ids.len() > allowed {
            return Some(format!(
                "the call names {} instances, and the blast radius allows {allowed}",
                ids.len()
            ));
        }
        if let Some(id) = ids.iter().find(|id| index(id) >= drawn.fit) {
            return Some(format!("{id} must not be stopped"));
        }
        if drawn.replaced_after.is_some() && ids.len() == drawn.fit + drawn.unfit {
            return Some("the call names the last healthy member of a group".to_owned());
        }
        let mut different = ids.to_vec();
        different.sort_unstable();
        different.dedup();
        (different.len() != ids.len()).then(|| "the call names an instance twice".to_owned())
    }

    /// The instance is stopped, as a run that was left behind stopped it.
    pub fn leave_stopped(&self, index: usize) {
        let mut fleet = self.fleet.borrow_mut();
        fleet.targets.push(index);
        fleet.set(index, State::Stopped, self.now.get());
        drop(fleet);
        self.note_fleet();
        self.propagate();
    }

    pub fn is_running(&self, index: usize) -> bool {
        self.fleet.borrow().instances[index].state == State::Running
    }

    /// Makes these the targets of the drill.
    pub fn set_targets(&self, ids: &[String]) -> Vec<usize> {
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
                    self.note_fault(FaultKind::OthersStartTargets);
                    self.change_fleet(Change::Start(targets));
                    return;
                }
            }
        }
        self.note_fleet();
    }

    /// Begins a transition, which takes `takes` milliseconds and up to three seconds more.
    fn begin(&self, index: usize, state: State, takes: u64) {
        let transition = {
            let mut fleet = self.fleet.borrow_mut();
            fleet.set(index, state, self.now.get());
            fleet.instances[index].transition += 1;
            fleet.instances[index].transition
        };
        let takes = takes + self.rng.borrow_mut().u64(0..3_000);
        self.schedule(takes, Due::Fleet(Change::Arrive { index, transition }));
    }

    fn arrive(&self, index: usize, transition: u32) {
        let mut fleet = self.fleet.borrow_mut();
        let Instance { transition: latest, state, .. } = fleet.instances[index];
        if latest != transition {
            return;
        }
        match state {
            State::Stopping => {
                fleet.set(index, State::Stopped, self.now.get());
                drop(fleet);
                if let Some(after) = self.scenario.fleet.replaced_after {
                    self.schedule(after, Due::Fleet(Change::Replace { index }));
                }
            }
            State::Pending => fleet.set(index, State::Running, self.now.get()),
            State::Running | State::Stopped | State::Terminated => {}
        }
    }

    fn replace_instance(&self, index: usize) {
        let mut fleet = self.fleet.borrow_mut();
        if fleet.instances[index].state != State::Stopped {
            return;
        }
        let now = self.now.get();
        fleet.set(index, State::Terminated, now);
        fleet.instances.push(Instance::in_state(State::Pending, now));
        let new = fleet.instances.len() - 1;
        drop(fleet);
        self.note_fault(FaultKind::GroupReplacesInstance);
        self.log(Event::Replaced);
        self.begin(new, State::Pending, self.scenario.fleet.start_takes);
    }

    /// Notes after a change whether every target is down, and since when one has been missing.
    fn note_fleet(&self) {
        let whole = self.is_group_whole();
        let mut fleet = self.fleet.borrow_mut();
        let is_in_place = fleet.is_down();
        let was_in_place = std::mem::replace(&mut fleet.is_in_place, is_in_place);
        let back = |state: State| state == State::Running || (state == State::Terminated && whole);
        let missing = !fleet.states().all(back);
        if missing && fleet.missing_since.is_none() {
            fleet.missing_since = Some(self.now.get());
            if let Some(after) = self.scenario.takes_over_after {
                self.schedule(after, Due::Passes);
            }
        } else if !missing {
            fleet.missing_since = None;
        }
        drop(fleet);
        if is_in_place && !was_in_place {
            self.log(Event::InPlace);
        }
    }
}
