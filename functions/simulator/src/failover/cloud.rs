//! Cloud: the true state of the alarm and of the distribution or database that it fails over.

use std::collections::BTreeMap;

use firedrill_core::{
    Timestamp,
    failover::{AlarmState, JournalEntry, run_of},
    kind::DrillKind,
    run::RunId,
    trigger::StateUpdate,
};
use firedrill_drills::ports::{ActionRecord, Reply};

use super::{FUNCTION, PERIOD, PERIODS};
use crate::{
    calls::refused, event::Event, event_queue::Due, fault_kind::FaultKind, scenario::Failover, world::World,
};

/// An origin of the distribution, an instance of the cluster, or a zone of the database instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Where the application runs as a rule.
    #[default]
    Primary,
    /// Where it fails over to.
    Standby,
    /// A third one.
    Elsewhere,
}

impl Place {
    /// The place of this name.
    pub(crate) fn named(name: &str) -> Self {
        let all = [Self::Primary, Self::Standby];
        all.into_iter().find(|place| place.name() == name).unwrap_or(Self::Elsewhere)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// The statuses of a database, and of a reader, in which RDS takes a failover.
const TAKES_FAILOVERS: [&str; 3] = ["available", "backing-up", "storage-optimization"];

/// A change that takes effect at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// `SetAlarmState`.
    SetAlarmState { to: AlarmState, reason: String },
    /// `PutMetricData`: a datapoint of the drill.
    Datapoint,
    /// `UpdateDistribution`: the whole configuration, guarded by the version (`ETag`) that its sender read.
    UpdateDistribution { config: DistributionConfig, version: u64 },
    /// `FailoverDBCluster`, or `RebootDBInstance` with failover.
    FailOverDatabase { to: Option<Place> },
    /// CloudWatch evaluates the alarm.
    EvaluateAlarm,
    /// An operator points the distribution at a third origin.
    OthersUpdate,
    /// A change of the alarm is delivered to the failover function.
    DeliverChange { change: usize, attempt: u32 },
}

/// A configuration of the distribution, apart from its origins and what never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistributionConfig {
    /// The origin of the default behaviour.
    pub place: Place,
    /// The origins of the other behaviours, by path pattern; a history has none.
    pub behaviors: BTreeMap<String, Place>,
    /// A field that no failover is about.
    pub comment: String,
}

/// What a test finds otherwise in the distribution or database. The default is that of every history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unusual {
    /// The database's status while it does not fail over.
    pub status: Option<String>,
    /// The status of the cluster's readers.
    pub reader_status: Option<String>,
    /// The cluster has a second reader.
    pub second_reader: bool,
    /// The database is an instance, and not a cluster; whether it is Multi-AZ.
    pub instance: Option<bool>,
}

/// The distribution and the database, as a read shows them.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub config: DistributionConfig,
    pub version: u64,
    pub deployed_at: i64,
    pub writer: Place,
}

/// The alarm, the distribution and the database of a world.
#[derive(Debug, Default)]
pub(crate) struct Cloud {
    pub alarm: Option<AlarmState>,
    pub changes: Vec<StateUpdate>,
    /// The result of the last evaluation: a composite alarm changes only when that does.
    last_evaluation: Option<AlarmState>,
    pub datapoints: Vec<i64>,
    pub config: DistributionConfig,
    pub edges: Place,
    pub version: u64,
    pub unusual: Unusual,
    edges_at: i64,
    pub deployed_at: i64,
    pub writer: Place,
    /// What a read that lags may show: the distribution and the writer until these moments, oldest first.
    before: Vec<(i64, Shown)>,
    /// The writer when the drill began; the other instance is its standby.
    pub writer_before: Place,
    outage_until: i64,
    /// When a failover cut the database's connections: begin and end of each cut.
    cuts: Vec<(i64, i64)>,
    pub busy_until: i64,
    pub last_failover: Option<i64>,
    /// The run whose trigger each alarm is, by the alarm's ARN.
    pub holders: BTreeMap<String, RunId>,
    /// The newest change that is remembered of each alarm, by its ARN.
    pub newest: BTreeMap<String, Timestamp>,
    /// The journal: one entry for each change.
    pub entries: Vec<JournalEntry>,
    serving_standby: bool,
    deployed_standby: bool,
    /// The actions that the alarm started.
    pub actions: Vec<ActionRecord>,
    /// The alarm's mute rules.
    pub mute_rules: Vec<MuteRule>,
}

/// A mute rule of the alarm. While it is active, a change of the alarm starts no action.
#[derive(Clone, Debug)]
pub(crate) struct MuteRule {
    pub name: String,
    pub is_active: bool,
}

impl Cloud {
    pub fn entry(&mut self, of: &JournalEntry) -> Option<&mut JournalEntry> {
        let is_of = |entry: &&mut JournalEntry| {
            entry.alarm_arn == of.alarm_arn && entry.at == of.at && entry.state == of.state
        };
        self.entries.iter_mut().find(is_of)
    }

    /// Keeps the distribution and the database as they are now, right before a change.
    fn keep(&mut self, now: i64) {
        let shown = self.now();
        self.before.push((now, shown));
    }

    fn now(&self) -> Shown {
        let Self { version, deployed_at, writer, .. } = *self;
        Shown { config: self.config.clone(), version, deployed_at, writer }
    }

    /// The distribution and the database, as they were at this moment.
    pub fn shown(&self, at: i64) -> Shown {
        let kept = self.before.iter().find(|(until, _)| at < *until);
        kept.map_or_else(|| self.now(), |(_, shown)| shown.clone())
    }
}

impl World {
    /// Refuses an update of the distribution if its version changed since the sender read it, and a failover of the database
    /// that cannot begin.
    pub fn refuse(&self, action: &'static str, call: &Pending) -> Reply<()> {
        match call {
            Pending::UpdateDistribution { .. } if self.draws_fault() => {
                // Another change of the distribution, which does not matter here, came first.
                self.cloud.borrow_mut().version += 1;
                self.note_fault(FaultKind::UpdateRaceLost);
                Err(refused(action, "PreconditionFailed"))
            }
            Pending::UpdateDistribution { version, .. } if self.cloud.borrow().version != *version => {
                self.note_fault(FaultKind::UpdateRaceLost);
                Err(refused(action, "PreconditionFailed"))
            }
            Pending::FailOverDatabase { to } => match self.forbids_failover(*to) {
                Some(code) => Err(refused(action, code)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The database's status while it does not fail over.
    pub fn database_status(&self) -> String {
        if self.is_within(self.scenario.failover.backs_up) {
            self.note_fault_once(FaultKind::DatabaseBacksUp);
            return "backing-up".to_owned();
        }
        self.cloud.borrow().unusual.status.clone().unwrap_or_else(|| "available".to_owned())
    }

    /// The code with which RDS refuses a failover at this moment (API reference, `FailoverDBCluster`).
    pub fn forbids_failover(&self, to: Option<Place>) -> Option<&'static str> {
        let status = self.database_status();
        let cloud = self.cloud.borrow();
        let of_readers = cloud.unusual.reader_status.as_deref().filter(|_| cloud.unusual.instance.is_none());
        let takes_it = |status: &str| TAKES_FAILOVERS.contains(&status);
        if self.now.get() < cloud.busy_until || !takes_it(&status) || !of_readers.is_none_or(takes_it) {
            return Some("InvalidDBClusterStateFault");
        }
        match to {
            Some(Place::Elsewhere) if !cloud.unusual.second_reader => Some("DBInstanceNotFound"),
            Some(to) if to == cloud.writer => Some("InvalidDBInstanceState"),
            Some(_) | None => None,
        }
    }

    pub fn take_effect(&self, what: Pending) {
        match what {
            Pending::SetAlarmState { to, reason } => {
                // Only the drill calls `SetAlarmState`.
                self.log(if to == AlarmState::Alarm { Event::Injected } else { Event::Undone });
                // Actions fire on a change only.
                if self.cloud.borrow().alarm != Some(to) {
                    self.change_alarm(to, reason);
                    if !self.scenario.failover.composite {
                        self.schedule(
                            self.scenario.failover.falls_back_after,
                            Due::Cloud(Pending::EvaluateAlarm),
                        );
                    }
                }
            }
            Pending::Datapoint => {
                self.log(Event::Injected);
                let now = self.now.get();
                self.cloud.borrow_mut().datapoints.push(now);
                self.schedule_evaluations(now);
            }
            Pending::EvaluateAlarm => self.evaluate_alarm(),
            Pending::UpdateDistribution { config, version } => {
                if self.cloud.borrow().version == version {
                    if self.cloud.borrow().config.place == Place::Elsewhere {
                        self.log(Event::Overwritten);
                    }
                    let now = self.now.get();
                    let mut cloud = self.cloud.borrow_mut();
                    cloud.keep(now);
                    cloud.version += 1;
                    let to = config.place;
                    cloud.config = config;
                    cloud.edges_at = now + ms(self.scenario.failover.edges_take);
                    cloud.deployed_at = cloud.edges_at + ms(self.scenario.failover.deployed_after);
                    drop(cloud);
                    let Failover { edges_take, deployed_after, .. } = self.scenario.failover;
                    self.schedule(edges_take, Due::Passes);
                    self.schedule(edges_take + deployed_after, Due::Passes);
                    // The failover function does not fail back.
                    if to == Place::Primary {
                        self.log(Event::MovedBack);
                    }
                }
            }
            Pending::FailOverDatabase { to } => self.fail_over(to),
            Pending::OthersUpdate => {
                let mut cloud = self.cloud.borrow_mut();
                if cloud.config.place == Place::Standby {
                    cloud.keep(self.now.get());
                    cloud.version += 1;
                    cloud.config.place = Place::Elsewhere;
                    cloud.edges = Place::Elsewhere;
                    drop(cloud);
                    self.note_fault(FaultKind::OthersChangeDistribution);
                }
            }
            Pending::DeliverChange { .. } => {}
        }
    }

    /// Somebody else changes a field of the distribution that no failover is about.
    pub fn others_change_comment(&self) {
        let mut cloud = self.cloud.borrow_mut();
        cloud.version += 1;
        "changed by a person".clone_into(&mut cloud.config.comment);
    }

    fn fail_over(&self, to: Option<Place>) {
        let now = self.now.get();
        let scenario = &self.scenario.failover;
        if self.forbids_failover(to).is_some() {
            return;
        }
        let mut cloud = self.cloud.borrow_mut();
        if cloud.last_failover.is_some_and(|last| now - last < ms(scenario.drops_within)) {
            drop(cloud);
            self.note_fault(FaultKind::FailoverDropped);
            return;
        }
        cloud.keep(now);
        let other = if cloud.writer == Place::Primary { Place::Standby } else { Place::Primary };
        cloud.writer = to.unwrap_or(other);
        cloud.last_failover = Some(now);
        cloud.outage_until = now + ms(scenario.outage);
        cloud.busy_until = cloud.outage_until + 2_000;
        let until = cloud.outage_until;
        cloud.cuts.push((now, until));
        drop(cloud);
        if scenario.alarm_sees_cuts {
            (now..=until)
                .step_by(usize::try_from(PERIOD).unwrap_or(1))
                .for_each(|at| self.schedule_evaluations(at));
        }
        self.schedule(scenario.outage, Due::Passes);
        // The failover function names no target.
        if to.is_some() {
            self.log(Event::MovedBack);
        }
    }

    /// Schedules an evaluation at the end of each period that a datapoint of this moment counts in.
    pub fn schedule_evaluations(&self, from: i64) {
        let period = ms(PERIOD);
        let first = (from / period + 1) * period;
        for n in 0..=ms(PERIODS) + 1 {
            let at = first + n * period;
            let mut event_queue = self.event_queue.borrow_mut();
            let evaluate = Due::Cloud(Pending::EvaluateAlarm);
            if !event_queue.has(at, &evaluate) {
                event_queue.add(at, evaluate);
            }
        }
    }

    /// Whether the alarm's metric breaches in this span: by a datapoint of the drill, by a cut, or in a real incident.
    fn breaches(&self, from: i64, to: i64) -> bool {
        let cloud = self.cloud.borrow();
        let by_datapoint = cloud.datapoints.iter().any(|at| (from..to).contains(at));
        let begins = crate::world::BEGINS;
        let incident = self
            .scenario
            .primary_unhealthy
            .is_some_and(|(a, b)| from < begins + ms(b) && begins + ms(a) < to);
        by_datapoint || incident || self.is_cut(from, to)
    }

    /// Whether the alarm sees in this span that a failover cut connections.
    fn is_cut(&self, from: i64, to: i64) -> bool {
        let cloud = self.cloud.borrow();
        let mut cuts = cloud.cuts.iter().filter(|_| self.scenario.failover.alarm_sees_cuts);
        cuts.any(|(begin, end)| from < *end && *begin < to)
    }

    fn evaluate_alarm(&self) {
        let period = ms(PERIOD);
        let end = self.now.get() / period * period;
        let all = (0..ms(PERIODS)).all(|n| self.breaches(end - (n + 1) * period, end - n * period));
        let shows = if all { AlarmState::Alarm } else { AlarmState::Ok };
        let (before, alarm) = {
            let mut cloud = self.cloud.borrow_mut();
            (cloud.last_evaluation.replace(shows).unwrap_or(AlarmState::Ok), cloud.alarm)
        };
        let changes = if self.scenario.failover.composite { before != shows } else { true };
        if changes && alarm != Some(shows) {
            if shows == AlarmState::Alarm && !self.is_primary_healthy() {
                self.note_fault(FaultKind::RealAlarm);
            }
            if shows == AlarmState::Alarm && self.is_cut(end - period, end) {
                self.note_fault(FaultKind::AlarmSeesCut);
            }
            self.change_alarm(shows, "Threshold Crossed".to_owned());
        }
    }

    /// Changes the alarm and schedules the delivery of its actions.
    fn change_alarm(&self, to: AlarmState, reason: String) {
        let by_datapoints =
            self.scenario.failover.metric && self.cloud.borrow().datapoints.len() as u64 >= PERIODS;
        let ours = run_of(&reason).is_some() || by_datapoints;
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
                self.note_fault(FaultKind::AlarmFallsBackWithinASecond);
                cloud = self.cloud.borrow_mut();
            }
            cloud.changes.push(StateUpdate { at, from: None, to, reason, summary: String::new() });
            cloud.changes.len() - 1
        };
        if to == AlarmState::Alarm {
            self.log(if ours { Event::InPlace } else { Event::RealAlarm });
        }
        if self.cloud.borrow().mute_rules.iter().any(|rule| rule.is_active) {
            return;
        }
        let summary = format!("Successfully executed action {FUNCTION}");
        let started = ActionRecord { at: self.time(), change: Some(self.time()), summary };
        self.cloud.borrow_mut().actions.push(started);
        let scenario = &self.scenario.failover;
        let deliver = Due::Cloud(Pending::DeliverChange { change: index, attempt: 0 });
        let delay = || self.rng.borrow_mut().u64(50..scenario.delivery_takes);
        self.schedule(delay(), deliver.clone());
        if scenario.delivered_twice {
            self.note_fault(FaultKind::DuplicateAlarmChange);
            self.schedule(delay(), deliver.clone());
        }
        if let Some(after) = scenario.delivered_again_after {
            if after > 3_600_000 {
                self.note_fault(FaultKind::AlarmChangeHoursLate);
            }
            self.schedule(after, deliver);
        }
    }

    /// Applies what follows from the passing of time.
    pub fn advance_cloud(&self) {
        let now = self.now.get();
        {
            let mut cloud = self.cloud.borrow_mut();
            if now >= cloud.edges_at && cloud.edges != cloud.config.place {
                cloud.edges = cloud.config.place;
            }
        }
        let standby = self.standby_serves();
        let changed = {
            let mut cloud = self.cloud.borrow_mut();
            std::mem::replace(&mut cloud.serving_standby, standby) != standby
        };
        if changed {
            self.log(Event::Standby(standby));
        }
        let deployed = {
            let mut cloud = self.cloud.borrow_mut();
            let deployed = cloud.config.place == Place::Standby && now >= cloud.deployed_at;
            !std::mem::replace(&mut cloud.deployed_standby, deployed) && deployed
        };
        if deployed {
            self.log(Event::Deployed);
        }
    }

    /// Whether users of the distribution or database are served.
    pub fn cloud_serves(&self) -> bool {
        if self.scenario.unhealthy_at_start {
            return false;
        }
        let cloud = self.cloud.borrow();
        let of_a_database = self.scenario.kind == DrillKind::Database;
        if of_a_database && self.now.get() < cloud.outage_until {
            return false;
        }
        let by = if of_a_database { cloud.writer } else { cloud.edges };
        match by {
            Place::Primary => self.is_primary_healthy(),
            Place::Standby => !self.scenario.failover.standby_broken,
            Place::Elsewhere => true,
        }
    }

    /// Whether the standby serves them.
    fn standby_serves(&self) -> bool {
        let moved = if self.scenario.kind == DrillKind::Database {
            self.cloud.borrow().writer != self.cloud.borrow().writer_before
        } else {
            self.cloud.borrow().edges == Place::Standby
        };
        moved && self.cloud_serves()
    }

    /// Whether everything that the drill moves is where it was before.
    pub fn is_back(&self) -> bool {
        let cloud = self.cloud.borrow();
        let writer = !self.scenario.failover.restore_writer || cloud.writer == cloud.writer_before;
        cloud.config.place == Place::Primary && cloud.edges == Place::Primary && writer
    }

    /// Whether the alarm is in ALARM because a run set it.
    pub fn is_forced(&self) -> bool {
        let cloud = self.cloud.borrow();
        let last = cloud.changes.last();
        cloud.alarm == Some(AlarmState::Alarm) && last.is_some_and(|last| run_of(&last.reason).is_some())
    }
}

pub(crate) fn ms(span: u64) -> i64 {
    i64::try_from(span).unwrap_or(i64::MAX / 4)
}
