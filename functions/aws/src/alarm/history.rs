//! State and history of the trigger's alarm. Only the history shows a forced state, which may last a second.

use firedrill_core::{
    ClockName, Phase, Run, Timestamp,
    evidence::Evidence,
    failover::{self, run_of},
    run::RunId,
    trigger::{self, AlarmHistory},
};

use super::{AlarmDrill, AlarmDrillTarget};
use crate::{
    cloudwatch::{ActionRecord, State, StateUpdate},
    error::Failure,
};

/// One look at the alarm.
#[derive(Default)]
pub(super) struct AlarmLook {
    pub history: AlarmHistory,
    /// The same changes, with CloudWatch's reasons and summaries.
    listed: Vec<StateUpdate>,
    /// The actions that the alarm started, or tried to start.
    actions: Vec<ActionRecord>,
}

impl AlarmLook {
    /// CloudWatch's summary of the last action, if it failed.
    pub(super) fn failed_action(&self) -> Option<String> {
        let last = self.actions.last().filter(|action| action.summary.starts_with("Failed"))?;
        Some(format!("the alarm's action: {}", last.summary))
    }
}

/// The state as core's type.
pub(super) fn state(of: State) -> failover::AlarmState {
    match of {
        State::Ok => failover::AlarmState::Ok,
        State::Alarm => failover::AlarmState::Alarm,
        State::InsufficientData => failover::AlarmState::InsufficientData,
    }
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// The injection's time less the clock margin: CloudWatch's clock may differ from ours.
    pub(super) fn since(&self, began: Timestamp) -> Timestamp {
        began - self.shared.settings.timing.margin
    }

    /// Reads the alarm's state, changes and actions since the injection.
    pub(super) async fn look_at_alarm(&self, run: &Run) -> AlarmLook {
        let Some(began) = run.injection_began() else { return AlarmLook::default() };
        let (names, since) = ([self.alarm_name().to_owned()], self.since(began));
        let cloudwatch = &self.clients.cloudwatch;
        // Actions first: the change that started an action is then among the changes that are read after it.
        let history = async {
            let actions = self.actions(run, cloudwatch.actions(&names[0], since)).await;
            (actions, self.bounded("the alarm's history", cloudwatch.changes(&names[0], since)).await)
        };
        let (described, (actions, changes)) =
            tokio::join!(self.bounded("the alarm", cloudwatch.describe(&names)), history);
        let now = described.and_then(|mut all| all.remove(self.target.alarm_arn.as_str())?.state);
        let read = |listed: &Vec<StateUpdate>| listed.iter().map(change).collect();
        AlarmLook {
            history: AlarmHistory { changes: changes.as_ref().map(read), state: now.map(state) },
            listed: changes.unwrap_or_default(),
            actions,
        }
    }

    /// The alarm's actions. Read until the failover function's journal has a concluded entry, which tells more.
    async fn actions(
        &self,
        run: &Run,
        read: impl Future<Output = Result<Vec<ActionRecord>, Failure>>,
    ) -> Vec<ActionRecord> {
        let concluded = self.recorded.journal.values().any(Option::is_some);
        if concluded || !matches!(run.phase, Phase::Injecting | Phase::Recovering) {
            return Vec::new();
        }
        self.bounded("the alarm's actions", read).await.unwrap_or_default()
    }

    /// The changes and actions of this run's time that are not recorded yet.
    pub(super) fn note_changes(&mut self, run: &Run, alarm_look: &AlarmLook) -> Vec<Evidence> {
        let Some(began) = run.injection_began() else { return Vec::new() };
        let item = |at, summary| Evidence::Alarm {
            at,
            clock: ClockName::CloudWatch,
            alarm: self.target.alarm_arn.to_string(),
            summary,
        };
        let of_this_run = alarm_look.listed.iter().filter(|change| belongs(change, &run.run_id, began));
        let mut new = Vec::new();
        for change in of_this_run {
            if self.recorded.changes.insert((change.at, change.to.as_str())) {
                new.push(item(change.at, summary(change)));
            }
        }
        // Actions while the alarm was in ALARM because of the run; those of its return to OK are no part of the
        // failover.
        let raised = alarm_look.listed.iter().find(|change| change.at >= began && change.to == State::Alarm);
        let back = raised.and_then(|raised| alarm_look.listed.iter().find(|change| change.at > raised.at));
        let of_this_rise =
            |action: &&ActionRecord| action.at >= began && back.is_none_or(|back| action.at < back.at);
        for action in alarm_look.actions.iter().filter(of_this_rise) {
            if self.recorded.actions.insert((action.at, action.summary.clone())) {
                new.push(item(action.at, action.summary.clone()));
            }
        }
        if let Some(last) = alarm_look.listed.last() {
            self.recorded.last_change = Some(format!("{} at {}", summary(last), last.at));
        }
        new
    }
}

fn change(of: &StateUpdate) -> trigger::HistoryChange {
    trigger::HistoryChange { at: of.at, to: state(of.to), reason: of.reason.clone() }
}

/// Whether this change is of the run's time: it names the run, whatever the clocks say, or came after the injection.
fn belongs(change: &StateUpdate, run: &RunId, began: Timestamp) -> bool {
    change.at >= began || run_of(&change.reason).as_ref() == Some(run)
}

fn summary(change: &StateUpdate) -> String {
    match (change.summary.as_str(), change.reason.as_str()) {
        ("", reason) => format!("to {}: {reason}", change.to.as_str()),
        (summary, "") => summary.to_owned(),
        (summary, reason) => format!("{summary}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use firedrill_core::failover::reason_of;

    use super::*;

    fn made(at: i64, reason: &str) -> StateUpdate {
        StateUpdate {
            at: Timestamp::from_millis(at),
            from: Some(State::Ok),
            to: State::Alarm,
            reason: reason.to_owned(),
            summary: "Alarm updated from OK to ALARM".to_owned(),
        }
    }

    #[test]
    fn the_runs_own_change_is_of_its_time_though_the_clocks_differ() {
        let (run, began) = (RunId("staging/bookstore/cdn/one".to_owned()), Timestamp::from_millis(1_000));
        assert!(belongs(&made(990, &reason_of(&run, "forces it")), &run, began));
        assert!(!belongs(&made(990, "Threshold Crossed"), &run, began));
        assert!(belongs(&made(1_000, "Threshold Crossed"), &run, began));
    }

    #[test]
    fn the_record_has_the_reason() {
        let text = summary(&made(0, "Firedrill run [a] forces it"));
        assert_eq!(text, "Alarm updated from OK to ALARM: Firedrill run [a] forces it");
        assert_eq!(summary(&made(0, "")), "Alarm updated from OK to ALARM");
    }
}
