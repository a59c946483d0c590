//! Sets the lever back.

use firedrill_core::{
    CallOutcome, Run, StepSeen, UndoStep,
    failover::reason_of,
    lever::Watched,
    ports::Clock,
    request::{Arn, Mode},
};

use super::{AlarmDrill, Resource, resource};
use crate::cloudwatch::CloudWatch;

impl<R: Resource> AlarmDrill<R> {
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
        self.cloudwatch(&alarm).set_back(name, &reason).await
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

    pub(super) fn cloudwatch(&self, alarm: &Arn) -> CloudWatch {
        self.there(alarm.region()).cloudwatch
    }
}
