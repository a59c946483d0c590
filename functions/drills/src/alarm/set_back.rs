//! Undo of the trigger: sets the alarm back to OK, or waits until its datapoints no longer count.

use firedrill_core::{
    CallOutcome, Run, StepObservation, UndoStep, failover::reason_of, ports::Clock, request::Mode,
    trigger::AlarmHistory,
};

use super::{AlarmDrill, AlarmDrillTarget, Cloud, target};
use crate::ports::outcome;

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// Sets the alarm back to OK, if a fresh read shows that it is in ALARM because of this run.
    pub(super) async fn set_back(&self, run: &Run, step: &UndoStep) -> CallOutcome {
        let alarm = match target::arn_of(step) {
            Ok(arn) => arn,
            Err(unreadable) => return unreadable,
        };
        let alarm_look = self.look_at_alarm(run).await;
        if let Some(outcome) = target::without_a_call(alarm_look.history.set_back(run)) {
            return outcome;
        }
        let reason = reason_of(&run.run_id, "sets the alarm back, which it had forced");
        let name = alarm.alarm_name().unwrap_or_default();
        outcome(self.context.cloud.set_alarm_ok(alarm.region(), name, &reason).await)
    }

    /// What was observed of an undo step. While the alarm counts datapoints of the drill, it may go to ALARM again
    /// and move traffic that was moved back: until then, steps that move traffic are busy.
    pub(super) fn observe_step(
        &self,
        run: &Run,
        step: &UndoStep,
        history: &AlarmHistory,
        state: Option<&R::State>,
    ) -> StepObservation {
        let now = self.context.clock.now();
        match (step.service.as_str(), step.action.as_str()) {
            ("cloudwatch", "SetAlarmState") => history.set_back(run),
            ("cloudwatch", _) => AlarmHistory::window_over(run, now),
            _ if step.moves_traffic && self.window_is_open(run) => StepObservation::Busy,
            _ => state.map_or(StepObservation::Unknown, |state| self.resource.undone(state, step, now)),
        }
    }

    /// Whether the alarm still counts datapoints that this run published (mode `metric`).
    pub(super) fn window_is_open(&self, run: &Run) -> bool {
        run.mode == Mode::Metric
            && AlarmHistory::window_over(run, self.context.clock.now()) == StepObservation::Busy
    }
}
