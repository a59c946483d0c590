//! Watches the trigger's alarm: its state now, and its history, which keeps what lasted a second.

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
    /// The same changes, with what CloudWatch says about them.
    listed: Vec<StateUpdate>,
    /// What the alarm started, or tried to.
    actions: Vec<ActionRecord>,
}

impl AlarmLook {
    /// What CloudWatch says about an action that it could not carry out, if the last one was such.
    pub(super) fn failed_action(&self) -> Option<String> {
        let last = self.actions.last().filter(|acted| acted.summary.starts_with("Failed"))?;
        Some(format!("the alarm's action: {}", last.summary))
    }
}

/// As core has it.
pub(super) fn state(of: State) -> failover::AlarmState {
    match of {
        State::Ok => failover::AlarmState::Ok,
        State::Alarm => failover::AlarmState::Alarm,
        State::InsufficientData => failover::AlarmState::InsufficientData,
    }
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// Since a little before the injection: CloudWatch's clock need not be ours.
    pub(super) fn since(&self, began: Timestamp) -> Timestamp {
        let margin = i64::try_from(self.shared.config.timing.margin_ms).unwrap_or(i64::MAX);
        Timestamp::from_millis(began.as_millis().saturating_sub(margin))
    }

    pub(super) async fn watch(&self, run: &Run) -> AlarmLook {
        let Some(began) = run.injection_began() else { return AlarmLook::default() };
        let (names, since) = ([self.alarm_name().to_owned()], self.since(began));
        let cloudwatch = &self.clients.cloudwatch;
        // Actions before changes: whatever set an action off is then in the history that was read.
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

    /// Whether the alarm started anything is asked until the automation tells of itself.
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

    /// What the record does not have yet of this run's time.
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
        // What it set off when it was raised; what follows from its falling back is no part of the way.
        let raised = alarm_look.listed.iter().find(|change| change.at >= began && change.to == State::Alarm);
        let back = raised.and_then(|raised| alarm_look.listed.iter().find(|change| change.at > raised.at));
        let of_this_rise =
            |acted: &&ActionRecord| acted.at >= began && back.is_none_or(|back| acted.at < back.at);
        for acted in alarm_look.actions.iter().filter(of_this_rise) {
            if self.recorded.actions.insert((acted.at, acted.summary.clone())) {
                new.push(item(acted.at, acted.summary.clone()));
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

/// By the run's own name, whatever the clocks say; else by time.
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
