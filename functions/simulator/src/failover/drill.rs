//! Alarm drill: the ports of the core on the simulated alarm, distribution and database.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    CallOutcome, Observation, Phase, PreparedInjection, ProbeAnswer, ProbeRole, Readiness, Run,
    StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{AlarmState, BehaviorOrigins, behavior_origins, reason_of},
    kind::DrillKind,
    plan::Plan,
    ports::{Clock, Drill, Inject},
    request::{Arn, MetricValue},
    run::{Page, Trigger},
    trigger::{
        AlarmHistory, Comparison, HistoryChange, MetricAlarm, Statistic, alarm_step, distribution_step,
        metric_step, plan_datapoints, whole_step, writer_step,
    },
};

use super::{
    ALARM, CLUSTER, DISTRIBUTION, FUNCTION_TIMEOUT, MAX_EVENT_AGE, PERIOD, PERIODS, Pending, cloud::Place,
};
use crate::{
    aws_polling::AwsPolling,
    calls::{Landing, denied, not_executed, send},
    clock::SimulatedClock,
    event_queue::Due,
    fault_kind::FaultKind,
    operators,
    requests::TIMING,
    world::World,
};

pub(crate) struct SimulatedAlarmDrill {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    /// The invocation that makes the calls.
    by: String,
    polling: AwsPolling,
    moved: Rc<Moved>,
    prepared: Option<Readiness>,
}

/// The origins of a distribution before and after its failover.
struct Moved {
    before: BehaviorOrigins,
    set: BehaviorOrigins,
}

fn arn(text: &str) -> Arn {
    text.to_owned().try_into().unwrap_or_else(|_| unreachable!("a constant"))
}

/// The origins, which are the same in every history.
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
            polling: AwsPolling::default(),
            moved: moved(),
            prepared: None,
        }
    }

    async fn probe(&self, run: &Run) -> Vec<(usize, ProbeAnswer)> {
        let asked = self.clock.now();
        self.clock.latency().await;
        let answered = self.clock.now();
        self.world.note_look(run);
        let serves = self.world.serving.get();
        let by = self.world.cloud.borrow().edges;
        let blind = self.world.is_within(self.world.scenario.blind) || self.world.is_blind();
        let answer = |role: ProbeRole| {
            let seen = match role {
                ProbeRole::SteadyState => serves,
                ProbeRole::Primary => serves && by == Place::Primary,
                ProbeRole::Standby => serves && by == Place::Standby,
            };
            let seen = if blind { Tristate::Unknown } else { seen.into() };
            ProbeAnswer { seen, asked, answered, detail: None }
        };
        run.limits.probes.iter().enumerate().map(|(index, rule)| (index, answer(rule.role))).collect()
    }

    fn prepared_injection(&self) -> PreparedInjection {
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
            plan_datapoints(&rule, &[], &MetricValue { value: 0.into(), per_period: 1 })
                .unwrap_or_else(|why| unreachable!("{why}"))
        });
        let first = match &datapoints {
            Some(points) => metric_step(&alarm, points),
            None => alarm_step(&alarm),
        };
        let (second, database) = match scenario.kind {
            DrillKind::Instance | DrillKind::Cdn => {
                let Moved { before, set } = &*self.moved;
                (distribution_step(&arn(DISTRIBUTION), before, set), None)
            }
            DrillKind::Database => {
                let state = self.world.database().clone();
                let writer = state.writer().unwrap_or_default().to_owned();
                let step = if scenario.failover.restore_writer {
                    writer_step(&arn(CLUSTER), &writer)
                } else {
                    whole_step(&arn(CLUSTER), true)
                };
                (step, Some(state))
            }
        };
        let age = if scenario.failover.metric { MAX_EVENT_AGE } else { Duration::ZERO };
        PreparedInjection {
            trigger: Some(Trigger {
                alarm_arn: ALARM.to_owned(),
                automation: "failover".to_owned(),
                acts_for: FUNCTION_TIMEOUT + TIMING.margin + age,
                datapoints,
                database,
            }),
            undo: vec![first, second],
        }
    }

    fn prepare(&self) -> Readiness {
        let scenario = &self.world.scenario;
        let alarm = self.world.cloud.borrow().alarm.unwrap_or(AlarmState::Ok);
        if scenario.targets_refused || alarm != AlarmState::Ok {
            return Readiness::Refused("simulated".to_owned());
        }
        if self.world.is_blind() {
            return Readiness::Unknown("simulated".to_owned());
        }
        Readiness::Ready(Box::new(self.prepared_injection()))
    }

    /// The alarm and its history, which may lag.
    fn alarm_history(&self) -> AlarmHistory {
        if self.world.is_blind() {
            self.world.note_fault(FaultKind::AwsReadFails);
            return AlarmHistory::default();
        }
        let at = Timestamp::from_millis(self.world.now.get() - self.world.staleness());
        let cloud = self.world.cloud.borrow();
        let changes: Vec<HistoryChange> =
            cloud.changes.iter().filter(|change| change.at <= at).cloned().collect();
        let state = changes.last().map_or(AlarmState::Ok, |change| change.to);
        AlarmHistory { changes: Some(changes), state: Some(state) }
    }

    /// The undo step of the resource, and whether the resource failed over; unknown if it cannot be read.
    fn look_at_resource(&self, run: &Run, step: &UndoStep) -> (StepObservation, Tristate) {
        if self.world.is_blind() {
            self.world.note_fault(FaultKind::AwsReadFails);
            return (StepObservation::Unknown, Tristate::Unknown);
        }
        match self.world.scenario.kind {
            DrillKind::Instance | DrillKind::Cdn => {
                let state = self.world.distribution();
                let Moved { before, set } = &*self.moved;
                let open = AlarmHistory::window_over(run, self.clock.now()) == StepObservation::Busy;
                let undone = match state.undone(before, set) {
                    StepObservation::Open if open => StepObservation::Busy,
                    other => other,
                };
                (undone, state.failed_over(set))
            }
            DrillKind::Database => {
                let state = self.world.database();
                let began = run.injection_began();
                let before = run.trigger.as_ref().and_then(|trigger| trigger.database.as_ref());
                let failed_over = match (before, began) {
                    (Some(before), Some(began)) => state.failed_over(before, true, began),
                    _ => Tristate::Unknown,
                };
                let cool_down = Duration::from_millis(self.world.scenario.failover.cool_down);
                let undone = if step.awaited {
                    state.is_whole(true)
                } else {
                    state.writer_restored(&step.before, cool_down, self.clock.now())
                };
                (undone, failed_over)
            }
        }
    }

    /// Sends one call; the outcome as its sender knows it.
    async fn send(&self, pending: Pending) -> CallOutcome {
        let land = |landing| match landing {
            Landing::Now => {
                self.world.refuse_lost_race(&pending)?;
                self.world.take_effect(pending);
                self.world.propagate();
                Ok(())
            }
            Landing::Later(ms) => {
                self.world.schedule(ms, Due::Cloud(pending));
                Ok(())
            }
        };
        send(&self.world, &self.clock, "Throttling", true, land).await
    }
}

impl Drill for SimulatedAlarmDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let answers = self.probe(run).await;
        let stop = operators::tripped_stop_condition(&self.world, run);
        let mut seen = Observation { answers, stop, ..Observation::default() };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            seen.gates.push(self.world.gate());
        }
        let due = self.polling.is_due(&self.clock, run.phase);
        if run.is_untouched() {
            // The alarm may change, or the writer move, while the run waits for the steady state.
            if due {
                self.prepared = Some(self.prepare());
            }
            seen.prepared.clone_from(&self.prepared);
        }
        if run.phase != Phase::Checking && due {
            let asked = self.clock.now();
            self.clock.latency().await;
            let now = self.clock.now();
            let alarm = self.alarm_history();
            (seen.in_place, seen.in_place_at) = alarm.in_place(run);
            seen.foreign_alarm = alarm.foreign_alarm(run, now);
            if let [trigger, resource] = &run.undo[..] {
                let set_back =
                    if trigger.awaited { AlarmHistory::window_over(run, now) } else { alarm.set_back(run) };
                let (undone, failed_over) = self.look_at_resource(run, resource);
                seen.undone = vec![set_back, undone];
                seen.failed_over = failed_over;
            }
            // A yes counts from the moment of the answer, a no from the moment of the question.
            let is_no = seen.failed_over == Tristate::No || seen.in_place == Tristate::No;
            seen.looked = Some(if is_no { asked } else { now });
            let healthy = self.world.is_primary_healthy();
            seen.primary = if self.world.is_blind() { Tristate::Unknown } else { healthy.into() };
        }
        (seen, Vec::new())
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.polling.call_sent();
        if self.world.is_within(self.world.scenario.undo_refused) {
            return denied(&self.world, &self.clock, FaultKind::UndoRefused, "AccessDenied").await;
        }
        let Some(step) = run.undo.get(step) else { return not_executed("NoSuchStep", false) };
        self.clock.latency().await;
        // The adapters look again right before the call.
        let pending = if step.service == "cloudwatch" {
            if self.alarm_history().set_back(run) != StepObservation::Open {
                return not_executed("NotOurs", true);
            }
            Pending::SetAlarmState {
                to: AlarmState::Ok,
                reason: reason_of(&run.run_id, "sets the alarm back"),
            }
        } else {
            let version = self.world.cloud.borrow().version;
            if self.look_at_resource(run, step).0 != StepObservation::Open {
                return not_executed("NotNow", true);
            }
            self.world.note_undo(&self.by);
            match self.world.scenario.kind {
                DrillKind::Instance | DrillKind::Cdn => {
                    Pending::UpdateDistribution { to: Place::Primary, version }
                }
                DrillKind::Database => Pending::FailOverCluster { to: Some(Place::named(&step.before)) },
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
        self.polling.call_sent();
        self.world.note_inject(run, number, &self.by, None);
        if self.world.scenario.injection_denied {
            return denied(&self.world, &self.clock, FaultKind::CallDenied, "AccessDenied").await;
        }
        let reason = reason_of(&run.run_id, "forces the alarm");
        let pending = if self.world.scenario.failover.metric {
            Pending::Datapoint
        } else {
            Pending::SetAlarmState { to: AlarmState::Alarm, reason }
        };
        self.send(pending).await
    }

    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}
