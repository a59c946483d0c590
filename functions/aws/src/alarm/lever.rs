//! Pulls the lever, and sets it back.

use firedrill_core::{
    CallOutcome, Run, StepSeen, UndoStep,
    failover::reason_of,
    lever::Watched,
    ports::Clock,
    request::{Arn, Mode},
    run::Datapoints,
};

use super::{AlarmDrill, Resource, resource};
use crate::cloudwatch::{CloudWatch, Metric, State};

/// The metric that these datapoints are of.
pub(super) fn metric(points: &Datapoints) -> Metric {
    Metric {
        namespace: points.namespace.clone(),
        name: points.metric.clone(),
        dimensions: points.dimensions.clone(),
        unit: points.unit.clone(),
    }
}

impl<R: Resource> AlarmDrill<R> {
    /// Sends the one injecting call of this number. What the record holds is what is done.
    pub(super) async fn pull(&self, run: &Run) -> CallOutcome {
        let never = |message: &str| CallOutcome::NotExecuted {
            code: "UnreadableRecord".to_owned(),
            message: message.to_owned(),
            again: false,
        };
        let Some(lever) = &run.lever else { return never("the record holds no lever; not sent") };
        let alarm = match Arn::try_from(lever.alarm_arn.clone()) {
            Ok(arn) if arn.alarm_name().is_some() => arn,
            Ok(_) | Err(_) => return never("the record holds no alarm's ARN; not sent"),
        };
        let cloudwatch = self.cloudwatch(&alarm);
        match (run.mode, &lever.datapoints) {
            (Mode::Alarm, _) => {
                let what = format!("forces this alarm for drill {}, to see what it sets off", run.drill);
                let name = alarm.alarm_name().unwrap_or_default();
                cloudwatch.set_state(name, State::Alarm, &reason_of(&run.run_id, &what)).await
            }
            (Mode::Metric, Some(points)) => {
                let Some(value) = points.value.as_f64() else {
                    return never("the record holds no number to publish; not sent");
                };
                let now = self.clock.now();
                cloudwatch.publish(&metric(points), value, points.storage_resolution, now).await
            }
            (Mode::Metric, None) => never("the record holds no datapoints; not sent"),
            (Mode::Stop, _) => never("mode stop pulls no alarm; not sent"),
        }
    }

    /// Sets the alarm back, if it was read again to be up because of this run.
    pub(super) async fn set_back(&self, run: &Run, step: &UndoStep) -> CallOutcome {
        let alarm = match resource::arn_of(step) {
            Ok(arn) => arn,
            Err(outcome) => return outcome,
        };
        let watching = self.watch(run).await;
        if let Some(outcome) = resource::without_a_call(watching.watched.set_back(run)) {
            return outcome;
        }
        let reason = reason_of(&run.run_id, "sets the alarm back, which it had forced");
        let name = alarm.alarm_name().unwrap_or_default();
        self.cloudwatch(&alarm).set_state(name, State::Ok, &reason).await
    }

    /// How a step of the undo stands. While datapoints count, the alarm may fail over again: traffic moved
    /// back before that would be moved away once more.
    pub(super) fn step_seen(
        &self,
        run: &Run,
        step: &UndoStep,
        watched: &Watched,
        facts: Option<&R::Facts>,
    ) -> StepSeen {
        let now = self.clock.now();
        match (step.service.as_str(), step.action.as_str()) {
            ("cloudwatch", "SetAlarmState") => watched.set_back(run),
            ("cloudwatch", _) => Watched::window_over(run, now),
            _ if step.moves_traffic && self.window_is_open(run) => StepSeen::Busy,
            _ => facts.map_or(StepSeen::Unknown, |facts| self.resource.undone(facts, step, now)),
        }
    }

    pub(super) fn window_is_open(&self, run: &Run) -> bool {
        run.mode == Mode::Metric && Watched::window_over(run, self.clock.now()) == StepSeen::Busy
    }

    fn cloudwatch(&self, alarm: &Arn) -> CloudWatch {
        self.there(alarm.region()).cloudwatch
    }
}
