//! Drills through an alarm, the trigger: the drill forces its state, or publishes breaching datapoints of its metric,
//! and the automation behind the alarm fails a distribution or a database over.
//!
//! This module holds what both have in common; `AlarmDrillTarget` holds what differs. The core decides whether the
//! alarm may be used, what its history means and what is undone; this module reads and sends.

mod database;
mod distribution;
mod effects;
mod history;
mod journal;
mod look;
mod metric;
mod plan;
mod prepare;
mod set_back;
mod target;
mod wiring;

use std::{cell::Cell, rc::Rc};

use firedrill_core::{
    CallOutcome, Observation, Readiness, Run,
    failover::{JournalEntry, reason_of},
    plan::Plan,
    ports::{Clock, InjectingCall},
    request::{AlarmTrigger, Arn, Mode, Target},
};
use futures_util::{FutureExt as _, future::LocalBoxFuture};

use self::{database::Database, distribution::Distribution, target::AlarmDrillTarget};
use crate::{
    Procedure, WithFindings, WrongDrill,
    ports::{AlarmRecord, Alarms, Databases, Distributions, Functions, HealthChecks, Prober, Rules, Topics},
    procedure::Context,
};

/// What a drill through an alarm asks of AWS, besides the service that fails over.
pub trait Cloud: Alarms + Topics + Functions + Rules + HealthChecks + AlarmRecord + Prober {}
impl<C: Alarms + Topics + Functions + Rules + HealthChecks + AlarmRecord + Prober> Cloud for C {}

/// The procedure of one drill through an alarm, for one invocation.
#[derive(Debug)]
struct AlarmDrill<C, K, R> {
    context: Rc<Context<C, K>>,
    /// What fails over.
    resource: R,
    target: AlarmTrigger,
    /// Whether the failover function has concluded what it did about the run's change.
    has_concluded: Cell<bool>,
}

/// The procedure that fails the request's distribution over.
///
/// # Errors
/// The request's target is no distribution.
pub fn distribution<C: Cloud + Distributions + 'static, K: Clock + 'static>(
    context: Rc<Context<C, K>>,
) -> Result<Box<dyn Procedure>, WrongDrill> {
    let Target::Distribution(target) = &context.request.target else {
        return Err(context.wrong_target("`target.distribution`"));
    };
    let trigger = target.trigger.clone();
    let resource = Distribution { context: Rc::clone(&context), arn: target.arn.clone() };
    Ok(Box::new(AlarmDrill::new(context, resource, trigger)))
}

/// The procedure that fails the request's database over.
///
/// # Errors
/// The request's target is no database, or its ARN is not that of one.
pub fn database<C: Cloud + Databases + 'static, K: Clock + 'static>(
    context: Rc<Context<C, K>>,
) -> Result<Box<dyn Procedure>, WrongDrill> {
    let Target::Database(target) = &context.request.target else {
        return Err(context.wrong_target("`target.database`"));
    };
    let trigger = target.trigger.clone();
    let resource = Database::new(Rc::clone(&context), target.arn.arn(), target.restore_writer)?;
    Ok(Box::new(AlarmDrill::new(context, resource, trigger)))
}

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    fn new(context: Rc<Context<C, K>>, resource: R, target: AlarmTrigger) -> Self {
        Self { context, resource, target, has_concluded: Cell::new(false) }
    }

    fn alarm_name(&self) -> &str {
        self.target.alarm_arn.alarm_name().unwrap_or_default()
    }

    fn alarm_region(&self) -> &str {
        self.target.alarm_arn.region()
    }

    /// Notes whether an entry of the journal is concluded.
    fn note_concluded(&self, entries: &[JournalEntry]) {
        self.has_concluded.set(self.has_concluded.get() || entries.iter().any(|entry| entry.done.is_some()));
    }

    async fn undo_step(&self, run: &Run, step: usize) -> CallOutcome {
        let Some(step) = run.undo.get(step) else {
            let message = "the run's head holds no such undo step; not sent";
            return CallOutcome::not_sent("NoSuchStep", message, true);
        };
        if step.awaited {
            let message = "this step needs no call: it completes by itself";
            return CallOutcome::not_sent("Awaited", message, true);
        }
        if step.service == "cloudwatch" {
            return self.set_back(run, step).await;
        }
        if step.moves_traffic && self.window_is_open(run) {
            let message = "the alarm still counts datapoints of the drill; not sent";
            return CallOutcome::not_sent("WindowOpen", message, true);
        }
        self.resource.undo(run, step, self.context.clock.now()).await
    }

    /// One injecting call, as the run's head describes the trigger; none if it describes none.
    fn set_off(&self, run: &Run) -> Option<InjectingCall> {
        let trigger = run.trigger.as_deref()?;
        let alarm = Arn::try_from(trigger.alarm_arn.clone()).ok()?;
        let region = alarm.region().to_owned();
        match (run.mode, &trigger.datapoints) {
            (Mode::Alarm, _) => {
                let what = format!("forces this alarm for drill {}, to see what it sets off", run.drill);
                let name = alarm.alarm_name()?.to_owned();
                Some(InjectingCall::SetAlarmState { region, name, reason: reason_of(&run.run_id, &what) })
            }
            (Mode::Metric, Some(points)) => Some(InjectingCall::PutMetricData {
                region,
                points: Box::new(points.clone()),
                at: self.context.clock.now(),
            }),
            (Mode::Metric, None) | (Mode::Stop, _) => None,
        }
    }
}

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> Procedure for AlarmDrill<C, K, R> {
    fn prepare<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, WithFindings<Readiness>> {
        self.preparation(run).boxed_local()
    }

    fn look<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, WithFindings<Observation>> {
        self.look_at_aws(run).boxed_local()
    }

    fn undo<'a>(&'a self, run: &'a Run, step: usize) -> LocalBoxFuture<'a, CallOutcome> {
        self.undo_step(run, step).boxed_local()
    }

    fn injecting_call(&self, run: &Run, _number: u32) -> Option<InjectingCall> {
        self.set_off(run)
    }

    fn plan<'a>(&'a self, run: &'a Run) -> LocalBoxFuture<'a, Plan> {
        self.plan_run(run).boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firedrill_core::{
        Request, Run, Timestamp,
        dispatch::{Invocation, new_run},
        gate::Policy,
        run::OwnerId,
        timing::Timing,
    };
    use serde_json::json;

    /// A run of a drill of a distribution.
    pub(super) fn run(mode: &str) -> Run {
        let probe = json!({"name": "up", "check": { "http": {"url": "http://a.example/"} }});
        let request: Request = serde_json::from_value(json!({
            "drill": "cdn", "application": "bookstore", "dependency": "cdn", "environment": "staging",
            "execute": true, "mode": mode, "runId": "one",
            "target": {"distribution": {
                "arn": "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE",
                "trigger": {"alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn"},
                "primaryProbe": {"http": {"url": "http://primary.example/"}}
            }},
            "steadyState": {"probes": [probe]},
            "objective": {"rtoSeconds": 60}, "cadence": {"everyDays": 28},
            "playbook": {"link": "https://example.com/", "version": "1", "owner": "team", "severity": "sev2"}
        }))
        .unwrap();
        let invocation = Invocation {
            request_id: "request".to_owned(),
            owner: OwnerId("owner".to_owned()),
            ends_at: Duration::ZERO,
            policy: Policy::default(),
        };
        new_run(&request, &invocation, &Timing::DEFAULT, Timestamp::from_millis(0))
    }
}
