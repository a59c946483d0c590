//! What is really so of an alarm and of what it fails over.

use std::{cell::RefMut, collections::BTreeMap};

use firedrill_core::{
    CallOutcome, Timestamp,
    failover::{
        AlarmState, DatabaseMember, DatabaseState, DistributionState, JournalEntry, origins_by_behavior,
        run_of,
    },
    run::RunId,
    trigger::HistoryChange,
};

use super::{CLUSTER, DISTRIBUTION, PERIOD, PERIODS};
use crate::{
    calls::not_executed, event::Event, event_queue::Due, fault_kind::FaultKind, scenario::Kind, world::World,
};

/// Who serves, or should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Primary,
    Standby,
    /// Where somebody else pointed it.
    Elsewhere,
}

impl Place {
    /// From its name.
    pub fn named(name: &str) -> Self {
        let all = [Self::Primary, Self::Standby];
        all.into_iter().find(|place| place.name() == name).unwrap_or(Self::Elsewhere)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// Something that takes effect later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// `SetAlarmState`.
    Set { to: AlarmState, reason: String },
    /// A datapoint of the drill.
    Datapoint,
    /// `UpdateDistribution`, guarded by what was seen.
    FaultPoint { to: Place, version: u64 },
    /// `FailoverDBCluster`.
    FailOver { to: Option<Place> },
    /// CloudWatch compares.
    Compare,
    /// Somebody else points the distribution elsewhere.
    Others,
    /// A change reaches the failover function.
    Deliver { change: usize, attempt: u32 },
}

/// The part of a world that fails over through an alarm.
#[derive(Debug, Default)]
pub(crate) struct Cloud {
    pub alarm: Option<AlarmState>,
    pub changes: Vec<Change>,
    /// What the comparison last came to: a composite alarm changes only when that does.
    compared: Option<AlarmState>,
    pub datapoints: Vec<i64>,
    pub place: Place,
    pub edges: Place,
    pub version: u64,
    edges_at: i64,
    deployed_at: i64,
    pub writer: Place,
    /// The writer when the drill began: the other one is its standby.
    pub writer_before: Place,
    outage_until: i64,
    busy_until: i64,
    pub last_failover: Option<i64>,
    pub holder: Option<RunId>,
    pub newest: Option<Timestamp>,
    /// One for each change.
    pub entries: Vec<JournalEntry>,
    distribution: Option<DistributionState>,
    database: Option<DatabaseState>,
    serving_standby: bool,
}

impl Cloud {
    pub fn entry(&mut self, of: &JournalEntry) -> Option<&mut JournalEntry> {
        self.entries.iter_mut().find(|entry| entry.at == of.at && entry.state == of.state)
    }
}

impl World {
    /// An update is guarded by the version that its sender saw.
    pub fn refuse_lost_race(&self, call: &Pending) -> Result<(), CallOutcome> {
        match call {
            Pending::FaultPoint { .. } if self.draws_fault() => {
                // Somebody else changed something that does not matter here.
                self.cloud.borrow_mut().version += 1;
                self.cover(FaultKind::LostRace);
                Err(not_executed("PreconditionFailed", true))
            }
            Pending::FaultPoint { version, .. } if self.cloud.borrow().version != *version => {
                self.cover(FaultKind::LostRace);
                Err(not_executed("PreconditionFailed", true))
            }
            _ => Ok(()),
        }
    }

    pub fn take_effect(&self, what: Pending) {
        match what {
            Pending::Set { to, reason } => {
                // The drill sets alarms, and nobody else.
                self.log(if to == AlarmState::Alarm { Event::Injected } else { Event::Undone });
                // Actions fire on a change only.
                if self.cloud.borrow().alarm != Some(to) {
                    self.change(to, reason);
                    if !self.scenario.failover.composite {
                        self.later(self.scenario.failover.falls_back_after, Due::Cloud(Pending::Compare));
                    }
                }
            }
            Pending::Datapoint => {
                self.log(Event::Injected);
                let now = self.now.get();
                self.cloud.borrow_mut().datapoints.push(now);
                self.watch(now);
            }
            Pending::Compare => self.compare(),
            Pending::FaultPoint { to, version } => {
                if self.cloud.borrow().version == version {
                    if self.cloud.borrow().place == Place::Elsewhere {
                        self.log(Event::Overwritten);
                    }
                    let mut cloud = self.cloud.borrow_mut();
                    cloud.version += 1;
                    cloud.place = to;
                    let now = self.now.get();
                    cloud.edges_at = now + ms(self.scenario.failover.edges_take);
                    cloud.deployed_at = cloud.edges_at + ms(self.scenario.failover.deployed_after);
                    drop(cloud);
                    self.later(self.scenario.failover.edges_take, Due::Passes);
                    // The failover function does not fail back.
                    if to == Place::Primary {
                        self.log(Event::MovedBack);
                    }
                }
            }
            Pending::FailOver { to } => self.fail_over(to),
            Pending::Others => {
                let mut cloud = self.cloud.borrow_mut();
                if cloud.place == Place::Standby {
                    cloud.version += 1;
                    cloud.place = Place::Elsewhere;
                    cloud.edges = Place::Elsewhere;
                    drop(cloud);
                    self.cover(FaultKind::SomebodyElseChanges);
                }
            }
            Pending::Deliver { .. } => {}
        }
    }

    fn fail_over(&self, to: Option<Place>) {
        let now = self.now.get();
        let scenario = &self.scenario.failover;
        let mut cloud = self.cloud.borrow_mut();
        if now < cloud.busy_until {
            return;
        }
        if cloud.last_failover.is_some_and(|last| now - last < ms(scenario.drops_within)) {
            drop(cloud);
            self.cover(FaultKind::FailoverDropped);
            return;
        }
        let other = if cloud.writer == Place::Primary { Place::Standby } else { Place::Primary };
        cloud.writer = to.unwrap_or(other);
        cloud.last_failover = Some(now);
        cloud.outage_until = now + ms(scenario.outage);
        cloud.busy_until = cloud.outage_until + 2_000;
        drop(cloud);
        self.later(scenario.outage, Due::Passes);
        // The failover function names no target.
        if to.is_some() {
            self.log(Event::MovedBack);
        }
    }

    /// Compares again at the ends of the periods in which something of this moment is looked at.
    pub fn watch(&self, from: i64) {
        let period = ms(PERIOD);
        let first = (from / period + 1) * period;
        for n in 0..=ms(PERIODS) + 1 {
            let at = first + n * period;
            let mut event_queue = self.event_queue.borrow_mut();
            let compare = Due::Cloud(Pending::Compare);
            if !event_queue.has(at, &compare) {
                event_queue.add(at, compare);
            }
        }
    }

    /// Real illness, as the alarm's metric shows it.
    fn breaches(&self, from: i64, to: i64) -> bool {
        let cloud = self.cloud.borrow();
        let told = cloud.datapoints.iter().any(|at| (from..to).contains(at));
        let begins = crate::world::BEGINS;
        let ill =
            self.scenario.primary_ill.is_some_and(|(a, b)| from < begins + ms(b) && begins + ms(a) < to);
        told || ill
    }

    fn compare(&self) {
        let period = ms(PERIOD);
        let end = self.now.get() / period * period;
        let all = (0..ms(PERIODS)).all(|n| self.breaches(end - (n + 1) * period, end - n * period));
        let shows = if all { AlarmState::Alarm } else { AlarmState::Ok };
        let (before, alarm) = {
            let mut cloud = self.cloud.borrow_mut();
            (cloud.compared.replace(shows).unwrap_or(AlarmState::Ok), cloud.alarm)
        };
        let changes = if self.scenario.failover.composite { before != shows } else { true };
        if changes && alarm != Some(shows) {
            if shows == AlarmState::Alarm && self.is_ill() {
                self.cover(FaultKind::RealAlarm);
            }
            self.change(shows, "Threshold Crossed".to_owned());
        }
    }

    fn is_ill(&self) -> bool {
        !self.primary_well()
    }

    /// The alarm changes; its actions are delivered.
    fn change(&self, to: AlarmState, reason: String) {
        let told = self.scenario.failover.metric && self.cloud.borrow().datapoints.len() as u64 >= PERIODS;
        let ours = run_of(&reason).is_some() || told;
        let index = {
            let mut cloud = self.cloud.borrow_mut();
            cloud.alarm = Some(to);
            let at = self.time();
            if to == AlarmState::Ok
                && cloud
                    .changes
                    .last()
                    .is_some_and(|last| last.to == AlarmState::Alarm && at.millis_since(last.at) < 1_000)
            {
                drop(cloud);
                self.cover(FaultKind::AlarmFallsBackWithinASecond);
                cloud = self.cloud.borrow_mut();
            }
            cloud.changes.push(Change { at, to, reason });
            cloud.changes.len() - 1
        };
        if to == AlarmState::Alarm {
            self.log(if ours { Event::InPlace } else { Event::RealAlarm });
        }
        let scenario = &self.scenario.failover;
        let deliver = Due::Cloud(Pending::Deliver { change: index, attempt: 0 });
        let takes = || self.rng.borrow_mut().u64(50..scenario.delivery_takes);
        self.later(takes(), deliver.clone());
        if scenario.delivered_twice {
            self.cover(FaultKind::DuplicateChange);
            self.later(takes(), deliver.clone());
        }
        if let Some(after) = scenario.delivered_again_after {
            if after > 3_600_000 {
                self.cover(FaultKind::ChangeHoursLate);
            }
            self.later(after, deliver);
        }
    }

    /// What follows from the passing of time.
    pub fn advance_cloud(&self) {
        let now = self.now.get();
        {
            let mut cloud = self.cloud.borrow_mut();
            if now >= cloud.edges_at && cloud.edges != cloud.place {
                cloud.edges = cloud.place;
            }
        }
        let standby = self.stands_in();
        let changed = {
            let mut cloud = self.cloud.borrow_mut();
            std::mem::replace(&mut cloud.serving_standby, standby) != standby
        };
        if changed {
            self.log(Event::Standby(standby));
        }
    }

    /// Whether users of what fails over are served.
    pub fn cloud_serves(&self) -> bool {
        if self.scenario.ill_at_start {
            return false;
        }
        let cloud = self.cloud.borrow();
        let by = match self.scenario.kind {
            Kind::Instances | Kind::Distribution => cloud.edges,
            Kind::Database if self.now.get() < cloud.outage_until => return false,
            Kind::Database => cloud.writer,
        };
        match by {
            Place::Primary => self.primary_well(),
            Place::Standby => !self.scenario.failover.standby_broken,
            Place::Elsewhere => true,
        }
    }

    /// Whether they are served by the standby.
    fn stands_in(&self) -> bool {
        let moved = match self.scenario.kind {
            Kind::Instances | Kind::Distribution => self.cloud.borrow().edges == Place::Standby,
            Kind::Database => self.cloud.borrow().writer != self.cloud.borrow().writer_before,
        };
        moved && self.cloud_serves()
    }

    /// As CloudFront describes it now.
    pub fn distribution(&self) -> RefMut<'_, DistributionState> {
        RefMut::map(self.cloud.borrow_mut(), |cloud| {
            let (deployed, place) = (self.now.get() >= cloud.deployed_at, cloud.place.name());
            let facts = cloud.distribution.get_or_insert_with(|| DistributionState {
                arn: DISTRIBUTION.to_owned(),
                enabled: true,
                origins: ["primary", "standby", "elsewhere"].map(str::to_owned).to_vec(),
                tags: Some(tags()),
                ..DistributionState::default()
            });
            facts.deployed = deployed;
            if facts.origins_by_behavior.values().all(|now| now != place) {
                facts.origins_by_behavior = behavior_origins(&[], place);
            }
            facts
        })
    }

    /// As RDS describes it now.
    pub fn database(&self) -> RefMut<'_, DatabaseState> {
        RefMut::map(self.cloud.borrow_mut(), |cloud| {
            let busy = self.now.get() < cloud.busy_until;
            let member = |place: Place| DatabaseMember {
                id: place.name().to_owned(),
                writer: false,
                status: "available".to_owned(),
            };
            let facts = cloud.database.get_or_insert_with(|| DatabaseState {
                arn: CLUSTER.to_owned(),
                members: vec![member(Place::Primary), member(Place::Standby)],
                tags: Some(tags()),
                ..DatabaseState::default()
            });
            let writer = cloud.writer.name();
            facts.members.iter_mut().for_each(|member| member.writer = member.id == writer);
            facts.last_failover = cloud.last_failover.map(Timestamp::from_millis);
            facts.status.clear();
            facts.status.push_str(if busy { "failing-over" } else { "available" });
            facts
        })
    }

    /// Whether everything that the drill moves is where it was.
    pub fn is_back(&self) -> bool {
        let cloud = self.cloud.borrow();
        let writer = !self.scenario.failover.restore_writer || cloud.writer == cloud.writer_before;
        cloud.place == Place::Primary && cloud.edges == Place::Primary && writer
    }

    /// Whether the alarm is in ALARM because a run set it.
    pub fn is_forced(&self) -> bool {
        let cloud = self.cloud.borrow();
        let last = cloud.changes.last();
        cloud.alarm == Some(AlarmState::Alarm) && last.is_some_and(|last| run_of(&last.reason).is_some())
    }
}

fn tags() -> BTreeMap<String, String> {
    let (key, value) = firedrill_core::request::OPT_IN_TAG;
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

pub(crate) fn ms(span: u64) -> i64 {
    i64::try_from(span).unwrap_or(i64::MAX / 4)
}
