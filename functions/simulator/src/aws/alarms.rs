//! CloudWatch: the trigger's alarm, and the alarm that is a stop condition.

use std::collections::BTreeMap;

use firedrill_core::{Timestamp, request::OPT_IN_TAG, trigger::Period};
use firedrill_drills::ports::{
    ActionRecord, AlarmSetup, AlarmState, Alarms, Ids, Kind, Metric, MetricRule, Next, Page, Reply,
    StateUpdate, StatisticsOf,
};

use super::{SimulatedAws, changed};
use crate::{
    calls::refused,
    failover::{
        ALARM, ALARM_TOPIC, ANOTHER_FUNCTION, COMPOSITE_ALARM, FUNCTION, PERIOD, PERIODS, Pending, STOP_ALARM,
    },
    scenario::Elsewhere,
};

impl SimulatedAws {
    /// The trigger's alarm as CloudWatch showed it at this moment.
    fn trigger(&self, at: i64) -> AlarmSetup {
        let scenario = &self.world.scenario;
        let cloud = self.world.cloud.borrow();
        let last = cloud.changes.iter().rev().find(|change| change.at.as_millis() <= at);
        let rule = || MetricRule {
            metric: watched_metric(),
            statistic: Some("Minimum".to_owned()),
            period_seconds: u32::try_from(PERIOD / 1_000).ok(),
            evaluation_periods: u32::try_from(PERIODS).ok(),
            datapoints_to_alarm: u32::try_from(PERIODS).ok(),
            threshold: Some(1.into()),
            comparison: "LessThanThreshold".to_owned(),
            special: Vec::new(),
        };
        let alarm = AlarmSetup {
            arn: ALARM.to_owned(),
            name: name(ALARM).to_owned(),
            state: Some(last.map_or(AlarmState::Ok, |change| change.to)),
            reason: last.map(|change| change.reason.clone()).unwrap_or_default(),
            updated: last.map(|change| change.at),
            actions_enabled: !scenario.targets_refused,
            alarm_actions: self.actions_of_trigger(),
            ok_actions: vec![FUNCTION.to_owned()],
            kind: if scenario.failover.composite {
                Kind::Composite { suppressor: None, suppressed_by: None }
            } else {
                Kind::Metric(Box::new(rule()))
            },
        };
        changed(self.world.overrides().alarm, at, alarm)
    }

    fn actions_of_trigger(&self) -> Vec<String> {
        let elsewhere = match self.world.scenario.failover.leads_elsewhere {
            Some(Elsewhere::Subscription) => Some(ALARM_TOPIC),
            Some(Elsewhere::Function) => Some(ANOTHER_FUNCTION),
            Some(Elsewhere::Rule | Elsewhere::Composite) | None => None,
        };
        [Some(FUNCTION), elsewhere].into_iter().flatten().map(str::to_owned).collect()
    }

    /// The composite alarm that follows the trigger, if one does.
    fn composite(&self, at: i64) -> Option<AlarmSetup> {
        let follows = self.world.scenario.failover.leads_elsewhere == Some(Elsewhere::Composite);
        follows.then(|| {
            let alarm = AlarmSetup {
                arn: COMPOSITE_ALARM.to_owned(),
                name: name(COMPOSITE_ALARM).to_owned(),
                alarm_actions: vec![Elsewhere::Composite.target().to_owned()],
                ..self.stop_condition(at)
            };
            changed(self.world.overrides().composite, at, alarm)
        })
    }

    /// The periods of a metric that have values: in each, the application publishes that all is well, and the drill its
    /// datapoints.
    fn periods(&self, of: StatisticsOf<'_>) -> Vec<Period> {
        if *of.metric != watched_metric() {
            return Vec::new();
        }
        let length = i64::from(of.period_seconds) * 1_000;
        let cloud = self.world.cloud.borrow();
        let period = |from: i64| {
            let published = cloud.datapoints.iter().filter(|at| (from..from + length).contains(at)).count();
            let published = u32::try_from(published).map_or(f64::INFINITY, f64::from);
            let min = if published > 0.0 { 0.0 } else { 1.0 };
            Period { count: 1.0 + published, sum: 1.0, min, max: 1.0 }
        };
        let starts = std::iter::successors(Some(of.from.as_millis()), |start| Some(start + length));
        starts.take_while(|start| *start < of.to.as_millis()).map(period).collect()
    }

    /// The stop condition's alarm as CloudWatch showed it at this moment.
    fn stop_condition(&self, at: i64) -> AlarmSetup {
        let is_raised = self.world.is_condition_tripped(at);
        if is_raised {
            self.world.note_condition_tripped();
        }
        let alarm = AlarmSetup {
            arn: STOP_ALARM.to_owned(),
            name: name(STOP_ALARM).to_owned(),
            state: Some(if is_raised { AlarmState::Alarm } else { AlarmState::Ok }),
            reason: "simulated".to_owned(),
            updated: None,
            actions_enabled: true,
            alarm_actions: Vec::new(),
            ok_actions: Vec::new(),
            kind: Kind::Composite { suppressor: None, suppressed_by: None },
        };
        changed(self.world.overrides().stop_alarm, at, alarm)
    }
}

/// The metric that the trigger watches.
pub(crate) fn watched_metric() -> Metric {
    Metric { namespace: "Bookstore".to_owned(), name: "connectivity".to_owned(), ..Metric::default() }
}

/// Whether an alarm of this name is the trigger.
pub(super) fn is_trigger(asked: &str) -> bool {
    asked == name(ALARM)
}

/// The name in an alarm's ARN.
fn name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

impl Alarms for SimulatedAws {
    async fn describe_alarms(&self, _: &str, names: &Ids, next: Next<'_>) -> Reply<Page<AlarmSetup>> {
        self.read("cloudwatch:DescribeAlarms", |at| {
            let found = names.as_slice().iter().filter_map(|asked| match asked.as_str() {
                asked if is_trigger(asked) => Some(self.trigger(at)),
                asked if asked == name(STOP_ALARM) => Some(self.stop_condition(at)),
                asked if asked == name(COMPOSITE_ALARM) => self.composite(at),
                _ => None,
            });
            Ok(self.page(found.collect(), next))
        })
        .await
    }

    /// The composite alarm follows itself, too: a cycle.
    async fn parent_alarms(&self, _: &str, of: &str, next: Next<'_>) -> Reply<Page<String>> {
        self.read("cloudwatch:DescribeAlarms", |at| {
            let is_followed = is_trigger(of) || of == name(COMPOSITE_ALARM);
            let parent = self.composite(at).filter(|_| is_followed).map(|parent| parent.name);
            Ok(self.page(parent.into_iter().collect(), next))
        })
        .await
    }

    async fn alarm_changes(
        &self,
        _: &str,
        name: &str,
        since: Timestamp,
        next: Next<'_>,
    ) -> Reply<Page<StateUpdate>> {
        self.read("cloudwatch:DescribeAlarmHistory", |at| {
            let cloud = self.world.cloud.borrow();
            let shown = cloud
                .changes
                .iter()
                .filter(|change| is_trigger(name) && change.at >= since && change.at.as_millis() <= at);
            Ok(self.page(shown.cloned().collect(), next))
        })
        .await
    }

    async fn alarm_actions(
        &self,
        _: &str,
        name: &str,
        since: Timestamp,
        next: Next<'_>,
    ) -> Reply<Page<ActionRecord>> {
        self.read("cloudwatch:DescribeAlarmHistory", |at| {
            let cloud = self.world.cloud.borrow();
            let shown = cloud
                .actions
                .iter()
                .filter(|action| is_trigger(name) && action.at >= since && action.at.as_millis() <= at);
            Ok(self.page(shown.cloned().collect(), next))
        })
        .await
    }

    async fn alarm_tags(&self, _: &str, arn: &str) -> Reply<BTreeMap<String, String>> {
        const ACTION: &str = "cloudwatch:ListTagsForResource";
        self.read(ACTION, |at| match arn {
            ALARM | STOP_ALARM => Ok(changed(self.world.overrides().alarm_tags, at, self.tags(at))),
            _ => Err(refused(ACTION, "ResourceNotFoundException")),
        })
        .await
    }

    async fn active_mute_rules(&self, _: &str, alarm: &str, next: Next<'_>) -> Reply<Page<String>> {
        const ACTION: &str = "cloudwatch:ListAlarmMuteRules";
        self.read(ACTION, |_| {
            if let Some(code) = self.world.overrides().no_mute_rules {
                return Err(refused(ACTION, code));
            }
            let cloud = self.world.cloud.borrow();
            let active = cloud.mute_rules.iter().filter(|rule| is_trigger(alarm) && rule.is_active);
            let of_test = self.world.overrides().mute_rules.iter().map(|name| (*name).to_owned());
            Ok(self.page(active.map(|rule| rule.name.clone()).chain(of_test).collect(), next))
        })
        .await
    }

    async fn statistics(&self, _: &str, of: StatisticsOf<'_>) -> Reply<Vec<Period>> {
        let change = self.world.overrides().statistics;
        self.read("cloudwatch:GetMetricStatistics", |at| Ok(changed(change, at, self.periods(of)))).await
    }

    async fn set_alarm_ok(&self, _: &str, name: &str, reason: &str) -> Reply<()> {
        const ACTION: &str = "cloudwatch:SetAlarmState";
        if !is_trigger(name) {
            return Err(self.refuse(ACTION, "ResourceNotFound").await);
        }
        self.refusal(ACTION, "AccessDenied").await?;
        let pending = Pending::SetAlarmState { to: AlarmState::Ok, reason: reason.to_owned() };
        self.change_cloud(ACTION, pending).await
    }
}

impl SimulatedAws {
    /// The tags of the alarm, the distribution or the database: those of what a drill may touch.
    pub(super) fn tags(&self, at: i64) -> BTreeMap<String, String> {
        let opted_in = BTreeMap::from([(OPT_IN_TAG.0.to_owned(), OPT_IN_TAG.1.to_owned())]);
        changed(self.world.overrides().tags, at, opted_in)
    }
}
