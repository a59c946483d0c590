//! State and history of the trigger's alarm. Only the history shows a forced state, which may last a second.

use firedrill_core::{
    ClockName, Phase, Run, Timestamp, evidence::Evidence, failover::run_of, ports::Clock, run::RunId,
    trigger::AlarmHistory,
};
use futures_util::future::join;

use super::{AlarmDrill, AlarmDrillTarget, Cloud};
use crate::ports::{ActionRecord, AlarmSetup, AlarmState, Ids, Next, Reply, StateUpdate, every_page};

/// One look at the alarm.
#[derive(Default)]
pub(super) struct AlarmLook {
    pub history: AlarmHistory,
    /// The actions that the alarm started, or tried to start, when it went to ALARM for the run: those of its return to OK
    /// are no part of the failover.
    actions: Vec<ActionRecord>,
}

impl AlarmLook {
    /// CloudWatch's summary of the last action, if it failed.
    pub(super) fn failed_action(&self) -> Option<String> {
        let last = self.actions.last().filter(|action| action.summary.starts_with("Failed"))?;
        Some(format!("the alarm's action: {}", last.summary))
    }
}

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// The injection's time less the clock margin: CloudWatch's clock may differ from ours.
    pub(super) fn since(&self, began: Timestamp) -> Timestamp {
        began - self.context.settings.timing.margin
    }

    /// Reads the alarm's state, changes and actions since the injection.
    pub(super) async fn look_at_alarm(&self, run: &Run) -> AlarmLook {
        let Some(began) = run.injection_began() else { return AlarmLook::default() };
        let since = self.since(began);
        // Actions first: the change that started an action is then among the changes that are read after it.
        let history = async {
            let actions = self.actions(run, since).await;
            (actions, self.bounded("the alarm's history", self.changes(since)).await)
        };
        let (setup, (mut actions, changes)) =
            join(self.bounded("the alarm", self.alarm_setup()), history).await;
        let now = setup.flatten().and_then(|setup| setup.state);
        let listed = changes.as_deref().unwrap_or_default();
        let is_ours =
            |change: &StateUpdate| change.to == AlarmState::Alarm && belongs(change, &run.run_id, began);
        match listed.iter().position(is_ours) {
            Some(raised) => actions.retain(|action| is_of_first(action, &listed[raised..])),
            None => actions.retain(|action| action.at >= began),
        }
        AlarmLook { history: AlarmHistory { changes, state: now }, actions }
    }

    /// The alarm's actions. Read until the failover function's journal has a concluded entry, which tells more.
    async fn actions(&self, run: &Run, since: Timestamp) -> Vec<ActionRecord> {
        if self.has_concluded.get() || !matches!(run.phase, Phase::Injecting | Phase::Recovering) {
            return Vec::new();
        }
        let (region, name) = (self.alarm_region(), self.alarm_name());
        let read = async {
            let page =
                async |page: Next<'_>| self.context.cloud.alarm_actions(region, name, since, page).await;
            let mut actions = every_page(page).await?;
            actions.retain(|action| action.at >= since);
            actions.sort_by_key(|action| action.at);
            Ok(actions)
        };
        self.bounded("the alarm's actions", read).await.unwrap_or_default()
    }

    /// The changes of the alarm since then, oldest first.
    async fn changes(&self, since: Timestamp) -> Reply<Vec<StateUpdate>> {
        let (region, name) = (self.alarm_region(), self.alarm_name());
        let page = async |page: Next<'_>| self.context.cloud.alarm_changes(region, name, since, page).await;
        let mut changes = every_page(page).await?;
        changes.retain(|change| change.at >= since);
        changes.sort_by_key(|change| change.at);
        Ok(changes)
    }

    /// The alarm's configuration and state; none if it does not exist.
    pub(super) async fn alarm_setup(&self) -> Reply<Option<AlarmSetup>> {
        let (region, names) = (self.alarm_region(), Ids::one(self.alarm_name()));
        let page = async |page: Next<'_>| self.context.cloud.describe_alarms(region, &names, page).await;
        let found = every_page(page).await?;
        Ok(found.into_iter().find(|alarm| alarm.arn == self.target.alarm_arn.as_str()))
    }

    /// The changes and actions of this run's time, as evidence.
    pub(super) fn changes_found(&self, run: &Run, alarm_look: &AlarmLook) -> Vec<Evidence> {
        let Some(began) = run.injection_began() else { return Vec::new() };
        let item = |at, summary| Evidence::Alarm {
            at,
            clock: ClockName::CloudWatch,
            alarm: self.target.alarm_arn.to_string(),
            summary,
        };
        let listed = alarm_look.history.changes.as_deref().unwrap_or_default();
        let of_this_run = listed.iter().filter(|change| belongs(change, &run.run_id, began));
        let mut found: Vec<Evidence> = of_this_run.map(|change| item(change.at, summary(change))).collect();
        found.extend(alarm_look.actions.iter().map(|action| item(action.at, action.summary.clone())));
        found
    }
}

/// Whether this change is of the run's time: it names the run, whatever the clocks say, or came after the injection.
fn belongs(change: &StateUpdate, run: &RunId, began: Timestamp) -> bool {
    change.at >= began || run_of(&change.reason).as_ref() == Some(run)
}

/// Whether the first of these changes started the action. CloudWatch may record an action when the alarm has changed again; a
/// record that names none of the changes is taken for that of the last change before it.
fn is_of_first(action: &ActionRecord, changes: &[StateUpdate]) -> bool {
    // The times of changes are cut off to milliseconds.
    let is_at =
        |change: &StateUpdate, at: Timestamp| at.millis_since(change.at).max(change.at.millis_since(at)) <= 1;
    let named = action.change.and_then(|at| changes.iter().position(|change| is_at(change, at)));
    let before = || changes.iter().rposition(|change| change.at <= action.at);
    named.or_else(before) == Some(0)
}

fn summary(change: &StateUpdate) -> String {
    match (change.summary.as_str(), change.reason.as_str()) {
        ("", reason) => format!("to {}: {reason}", change.to),
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
            from: Some(AlarmState::Ok),
            to: AlarmState::Alarm,
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
    fn an_action_that_is_recorded_when_the_alarm_is_back_already_is_never_left_out() {
        let changes = [made(1_000, ""), StateUpdate { to: AlarmState::Ok, ..made(1_400, "") }];
        let of_first = |at: i64, change: Option<i64>| {
            let change = change.map(Timestamp::from_millis);
            let action = ActionRecord { at: Timestamp::from_millis(at), change, summary: String::new() };
            is_of_first(&action, &changes)
        };
        assert!(of_first(1_400, Some(1_000)) && of_first(1_600, Some(1_001)));
        assert!(!of_first(1_400, Some(1_400)), "the action of its return to OK");
        // The record does not say it, or says what is no change's time.
        for change in [None, Some(0)] {
            assert!(of_first(1_399, change) && !of_first(1_400, change) && !of_first(999, change));
        }
    }

    #[test]
    fn the_record_has_the_reason() {
        let text = summary(&made(0, "Firedrill run [a] forces it"));
        assert_eq!(text, "Alarm updated from OK to ALARM: Firedrill run [a] forces it");
        assert_eq!(summary(&made(0, "")), "Alarm updated from OK to ALARM");
    }
}
