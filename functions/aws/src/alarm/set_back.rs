//! Sets the trigger back.

use firedrill_core::{
    CallOutcome, Run, StepObservation, UndoStep,
    failover::reason_of,
    ports::Clock,
    request::{Arn, Mode},
    trigger::AlarmHistory,
};

use super::{AlarmDrill, AlarmDrillTarget, resource};
use crate::cloudwatch::CloudWatch;

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// Sets the alarm back, if it was read again to be up because of this run.
    pub(super) async fn set_back(&self, run: &Run, step: &UndoStep) -> CallOutcome {
        let alarm = match target::arn_of(step) {
            Ok(arn) => arn,
            Err(outcome) => return outcome,
        };
        let alarm_look = self.watch(run).await;
        if let Some(outcome) = target::without_a_call(alarm_look.history.set_back(run)) {
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
        history: &AlarmHistory,
        state: Option<&R::State>,
    ) -> StepObservation {
        let now = self.clock.now();
        match (step.service.as_str(), step.action.as_str()) {
            ("cloudwatch", "SetAlarmState") => history.set_back(run),
            ("cloudwatch", _) => AlarmHistory::window_over(run, now),
            _ if step.moves_traffic && self.window_is_open(run) => StepObservation::Busy,
            _ => state.map_or(StepObservation::Unknown, |state| self.resource.undone(state, step, now)),
        }
    }

    pub(super) fn window_is_open(&self, run: &Run) -> bool {
        run.mode == Mode::Metric && AlarmHistory::window_over(run, self.clock.now()) == StepObservation::Busy
    }

    pub(super) fn cloudwatch(&self, alarm: &Arn) -> CloudWatch {
        self.there(alarm.region()).cloudwatch
    }
}
