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
        let (setup, (actions, changes)) = join(self.bounded("the alarm", self.alarm_setup()), history).await;
        let now = setup.flatten().and_then(|setup| setup.state);
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
        // Actions while the alarm was in ALARM because of the run; those of its return to OK are no part of the
        // failover.
        let raised = listed.iter().find(|change| change.at >= began && change.to == AlarmState::Alarm);
        let back = raised.and_then(|raised| listed.iter().find(|change| change.at > raised.at));
        let of_this_rise =
            |action: &&ActionRecord| action.at >= began && back.is_none_or(|back| action.at < back.at);
        let actions = alarm_look.actions.iter().filter(of_this_rise);
        found.extend(actions.map(|action| item(action.at, action.summary.clone())));
        found
    }
}

/// Whether this change is of the run's time: it names the run, whatever the clocks say, or came after the injection.
fn belongs(change: &StateUpdate, run: &RunId, began: Timestamp) -> bool {
    change.at >= began || run_of(&change.reason).as_ref() == Some(run)
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
    fn the_record_has_the_reason() {
        let text = summary(&made(0, "Firedrill run [a] forces it"));
        assert_eq!(text, "Alarm updated from OK to ALARM: Firedrill run [a] forces it");
        assert_eq!(summary(&made(0, "")), "Alarm updated from OK to ALARM");
    }
}
