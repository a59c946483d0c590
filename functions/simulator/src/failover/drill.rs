//! The drill that works through an alarm, against the world: its few calls, and all that can become of them.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    CallOutcome, HandledChange, Observation, Phase, PreparedInjection, ProbeRole, Readiness, Run,
    StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{AlarmState, BehaviorOrigins, origins_by_behavior, reason_of},
    plan::Plan,
    ports::{Clock, Drill, Inject},
    request::{Arn, MetricValue},
    run::{Page, Trigger},
    trigger::{
        AlarmHistory, Change, Comparison, MetricAlarm, Statistic, alarm_step, distribution_step, metric_step,
        plan, whole_step, writer_step,
    },
};

use super::{
    ALARM, CLUSTER, DISTRIBUTION, FUNCTION_TIMEOUT, MAX_EVENT_AGE, PERIOD, PERIODS, Pending, cloud::Place,
};
use crate::{
    calls::{Landing, denied, not_executed, send},
    clock::SimulatedClock,
    event_queue::Due,
    fault_kind::FaultKind,
    people,
    requests::TIMING,
    scenario::Kind,
    world::World,
};

pub(crate) struct SimulatedAlarmDrill {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    /// Whose calls they are.
    by: String,
    last_look: Option<Duration>,
    last_phase: Option<Phase>,
    moved: Rc<Moved>,
    prepared: Option<Readiness>,
}

/// Where a distribution points before its failover, and after it.
struct Moved {
    before: BehaviorOrigins,
    set: BehaviorOrigins,
}

fn arn(text: &str) -> Arn {
    text.to_owned().try_into().unwrap_or_else(|_| unreachable!("a constant"))
}

/// The same in every history.
fn moved() -> Rc<Moved> {
    thread_local!(static MOVED: Rc<Moved> =
        Rc::new(Moved { before: behavior_origins(&[], "primary"), set: behavior_origins(&[], "standby") }));
    MOVED.with(Rc::clone)
}

impl SimulatedAlarmDrill {
    pub fn new(world: &Rc<World>, clock: &Rc<SimulatedClock>, by: &str) -> Self {
        Self {
            world: Rc::clone(world),
            clock: Rc::clone(clock),
            by: by.to_owned(),
            last_look: None,
            last_phase: None,
            moved: moved(),
            prepared: None,
        }
    }

    async fn probe(&self, run: &Run) -> Vec<(usize, HandledChange)> {
        let asked = self.clock.now();
        self.clock.latency().await;
        let answered = self.clock.now();
        self.world.note_look(run);
        let serves = self.world.serving.get();
        let by = self.world.cloud.borrow().edges;
        let blind = self.world.is_within(self.world.scenario.blind) || self.world.is_blind();
        let answer = |role: ProbeRole| {
            let seen = match part {
                ProbeRole::SteadyState => serves,
                ProbeRole::Primary => serves && by == Place::Primary,
                ProbeRole::Standby => serves && by == Place::Standby,
            };
            let seen = if blind { Tristate::Unknown } else { seen.into() };
            HandledChange { seen, asked, answered, detail: None }
        };
        run.limits.probes.iter().enumerate().map(|(index, rule)| (index, answer(rule.role))).collect()
    }

    fn ready(&self) -> PreparedInjection {
        let scenario = &self.world.scenario;
        let alarm = arn(ALARM);
        let datapoints = scenario.failover.metric.then(|| {
            let rule = MetricAlarm {
                namespace: "Bookstore".to_owned(),
                metric: "connectivity".to_owned(),
                dimensions: std::collections::BTreeMap::new(),
                unit: None,
                statistic: Some(Statistic::Minimum),
                period_seconds: u32::try_from(PERIOD / 1_000).unwrap_or(10),
                evaluation_periods: u32::try_from(PERIODS).unwrap_or(2),
                datapoints_to_alarm: u32::try_from(PERIODS).unwrap_or(2),
                threshold: 1.0,
                comparison: Some(Comparison::LessThanThreshold),
                is_metric_math: false,
                is_anomaly_detection: false,
            };
            plan(&rule, &[], &MetricValue { value: 0.into(), per_period: 1 })
                .unwrap_or_else(|why| unreachable!("{why}"))
        });
        let first = match &datapoints {
            Some(points) => metric_step(&alarm, points),
            None => alarm_step(&alarm),
        };
        let (second, database) = match scenario.kind {
            Kind::Instances | Kind::Distribution => {
                let Moved { before, set } = &*self.moved;
                (distribution_step(&arn(DISTRIBUTION), before, set), None)
            }
            Kind::Database => {
                let facts = self.world.database().clone();
                let writer = facts.writer().unwrap_or_default().to_owned();
                let step = if scenario.failover.restore_writer {
                    writer_step(&arn(CLUSTER), &writer)
                } else {
                    whole_step(&arn(CLUSTER), true)
                };
                (step, Some(facts))
            }
        };
        let age = if scenario.failover.metric { MAX_EVENT_AGE } else { 0 };
        PreparedInjection {
            trigger: Some(Trigger {
                alarm_arn: ALARM.to_owned(),
                automation: "failover".to_owned(),
                automation_ms: FUNCTION_TIMEOUT + TIMING.margin_ms + age,
                datapoints,
                database,
            }),
            undo: vec![first, second],
        }
    }

    fn prepare(&self) -> Readiness {
        let scenario = &self.world.scenario;
        let alarm = self.world.cloud.borrow().alarm.unwrap_or(AlarmState::Ok);
        if scenario.refused || alarm != AlarmState::Ok {
            return Readiness::Refused("simulated".to_owned());
        }
        if self.world.is_blind() {
            return Readiness::Unknown("simulated".to_owned());
        }
        Readiness::Ready(Box::new(self.ready()))
    }

    /// The alarm and its history, which may lag.
    fn watched(&self) -> AlarmHistory {
        if self.world.is_blind() {
            self.world.cover(FaultKind::ReadFails);
            return AlarmHistory::default();
        }
        let at = Timestamp::from_millis(self.world.now.get() - self.world.staleness());
        let cloud = self.world.cloud.borrow();
        let changes: Vec<Change> = cloud.changes.iter().filter(|change| change.at <= at).cloned().collect();
        let state = changes.last().map_or(AlarmState::Ok, |change| change.to);
        AlarmHistory { changes: Some(changes), state: Some(state) }
    }

    /// The resource's step and whether it failed over; unknown if it could not be read.
    fn looked(&self, run: &Run, step: &UndoStep) -> (StepObservation, Tristate) {
        if self.world.is_blind() {
            self.world.cover(FaultKind::ReadFails);
            return (StepObservation::Unknown, Tristate::Unknown);
        }
        match self.world.scenario.kind {
            Kind::Instances | Kind::Distribution => {
                let facts = self.world.distribution();
                let Moved { before, set } = &*self.moved;
                let open = AlarmHistory::window_over(run, self.clock.now()) == StepObservation::Busy;
                let undone = match facts.undone(before, set) {
                    StepObservation::Open if open => StepObservation::Busy,
                    other => other,
                };
                (undone, facts.failed_over(set))
            }
            Kind::Database => {
                let facts = self.world.database();
                let began = run.injection_began();
                let before = run.trigger.as_ref().and_then(|trigger| trigger.database.as_ref());
                let failed_over = match (before, began) {
                    (Some(before), Some(began)) => facts.failed_over(before, true, began),
                    _ => Tristate::Unknown,
                };
                let cool_down = self.world.scenario.failover.cool_down;
                let undone = if step.awaited {
                    facts.is_whole(true)
                } else {
                    facts.writer_restored(&step.before, cool_down, self.clock.now())
                };
                (undone, failed_over)
            }
        }
    }

    /// Sends one call; says what its sender learns.
    async fn send(&self, pending: Pending) -> CallOutcome {
        let land = |landing| match landing {
            Landing::Now => {
                self.world.refuse_lost_race(&pending)?;
                self.world.take_effect(pending);
                self.world.follow();
                Ok(())
            }
            Landing::Later(ms) => {
                self.world.later(ms, Due::Cloud(pending));
                Ok(())
            }
        };
        send(&self.world, &self.clock, "Throttling", true, land).await
    }
}

impl Drill for SimulatedAlarmDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let answers = self.probe(run).await;
        let stop = operators::tripped(&self.world, run);
        let mut seen = Observation { answers, stop, ..Observation::default() };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            seen.gates.push(self.world.gate());
        }
        let elapsed = self.clock.elapsed();
        let pause = Duration::from_millis(TIMING.aws_poll_ms);
        let began = self.last_phase.replace(run.phase) != Some(run.phase);
        let due = began || self.last_look.is_none_or(|last| elapsed.saturating_sub(last) >= pause);
        if due {
            self.last_look = Some(elapsed);
        }
        if run.is_untouched() {
            // The alarm may go off, or the writer move, while the steady state is waited for.
            if due {
                self.prepared = Some(self.prepare());
            }
            seen.prepared.clone_from(&self.prepared);
        }
        if run.phase != Phase::Checking && due {
            let asked = self.clock.now();
            self.clock.latency().await;
            let now = self.clock.now();
            let watched = self.watched();
            (seen.in_place, seen.in_place_at) = watched.in_place(run);
            seen.foreign_alarm = watched.foreign_alarm(run, now);
            if let [trigger, resource] = &run.undo[..] {
                let set_back =
                    if trigger.awaited { AlarmHistory::window_over(run, now) } else { watched.set_back(run) };
                let (undone, failed_over) = self.looked(run, resource);
                seen.undone = vec![set_back, undone];
                seen.failed_over = failed_over;
            }
            // For a yes, when the answer came; for a no, when it was asked for.
            let not = seen.failed_over == Tristate::No || seen.in_place == Tristate::No;
            seen.looked = Some(if not { asked } else { now });
            let well = self.world.primary_well();
            seen.primary = if self.world.is_blind() { Tristate::Unknown } else { well.into() };
        }
        (seen, Vec::new())
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.last_look = None;
        if self.world.is_within(self.world.scenario.undo_refused) {
            return denied(&self.world, &self.clock, FaultKind::RestoreRefused, "AccessDenied").await;
        }
        let Some(step) = run.undo.get(step) else { return not_executed("NoSuchStep", false) };
        self.clock.latency().await;
        // Looked at again right before the call, as the adapters do.
        let pending = if step.service == "cloudwatch" {
            if self.watched().set_back(run) != StepObservation::Open {
                return not_executed("NotOurs", true);
            }
            Pending::Set { to: AlarmState::Ok, reason: reason_of(&run.run_id, "sets the alarm back") }
        } else {
            let version = self.world.cloud.borrow().version;
            if self.looked(run, step).0 != StepObservation::Open {
                return not_executed("NotNow", true);
            }
            self.world.note_undo(&self.by);
            match self.world.scenario.kind {
                Kind::Instances | Kind::Distribution => Pending::FaultPoint { to: Place::Primary, version },
                Kind::Database => Pending::FailOver { to: Some(Place::named(&step.before)) },
            }
        };
        self.send(pending).await
    }

    async fn page(&mut self, _: &Run, page: &Page) -> Result<(), String> {
        operators::page(&self.world, &self.clock, page).await
    }
}

impl Inject for SimulatedAlarmDrill {
    async fn inject(&mut self, run: &Run, number: u32) -> CallOutcome {
        self.last_look = None;
        self.world.note_inject(run, number, &self.by, None);
        if self.world.scenario.denied {
            return denied(&self.world, &self.clock, FaultKind::CallDenied, "AccessDenied").await;
        }
        let reason = reason_of(&run.run_id, "forces the alarm");
        let pending = if self.world.scenario.failover.metric {
            Pending::Datapoint
        } else {
            Pending::Set { to: AlarmState::Alarm, reason }
        };
        self.send(pending).await
    }

    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}
