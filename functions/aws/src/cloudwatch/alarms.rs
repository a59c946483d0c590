//! How alarms are set up and how they stand: what a wiring check asks.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    AlarmMuteRuleStatus, AlarmType, CompositeAlarm, EvaluationWindow, MetricAlarm, StateValue,
};
use firedrill_core::Timestamp;
use serde_json::Number;

use super::{CloudWatch, Metric, State, metric::dimensions, moment};
use crate::error::Failure;

/// As many names as `DescribeAlarms` takes.
const MAX_NAMES: usize = 100;

/// How an alarm stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Whether it is in ALARM. In any other state it says that nothing is known to be wrong.
    pub raised: bool,
    /// Why, in `CloudWatch`'s words.
    pub reason: String,
}

/// How an alarm is set up and how it stands, as `DescribeAlarms` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSetup {
    /// Its name.
    pub name: String,
    /// Its state; none if the answer does not say, or says what we do not know.
    pub state: Option<State>,
    /// Why it is in this state, in `CloudWatch`'s words.
    pub reason: String,
    /// When state or reason were last written.
    pub updated: Option<Timestamp>,
    /// Whether a change of state starts its actions. An answer that does not say counts as no.
    pub actions_enabled: bool,
    /// What a change to ALARM starts.
    pub alarm_actions: Vec<String>,
    /// What a change to OK starts.
    pub ok_actions: Vec<String>,
    /// What a change to `INSUFFICIENT_DATA` starts.
    pub insufficient_data_actions: Vec<String>,
    /// What it watches.
    pub kind: Kind,
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A metric, or something computed from metrics.
    Metric(Box<MetricRule>),
    /// Other alarms.
    Composite {
        /// Its rule, such as `ALARM("a") OR ALARM("b")`.
        rule: String,
        /// The alarm that suppresses its actions while that one is in ALARM, if it has one. A change to
        /// ALARM then first waits for it (API reference, `PutCompositeAlarm`, `ActionsSuppressor`).
        suppressor: Option<String>,
        /// What suppresses its actions just now: `Alarm`, `WaitPeriod` or `ExtensionPeriod`.
        suppressed_by: Option<String>,
    },
}

/// When a metric alarm goes off (API reference, `PutMetricAlarm`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricRule {
    /// The metric. Without names if the alarm is computed from several, or from a query.
    pub metric: Metric,
    /// `SampleCount`, `Average`, `Sum`, `Minimum` or `Maximum`.
    pub statistic: Option<String>,
    /// Such as `p99`, instead of a statistic.
    pub extended_statistic: Option<String>,
    /// The length of a period; none for a query.
    pub period_seconds: Option<u32>,
    /// N: so many periods are looked at. None for a query.
    pub evaluation_periods: Option<u32>,
    /// M: so many of them must breach. All of them if the alarm does not say.
    pub datapoints_to_alarm: Option<u32>,
    /// What is compared with; none with anomaly detection.
    pub threshold: Option<Number>,
    /// Such as `LessThanThreshold`.
    pub comparison: String,
    /// `breaching`, `notBreaching`, `ignore` or `missing`, which is what an alarm that does not say does.
    pub treat_missing_data: String,
    /// What makes it more than one metric against a fixed threshold in sliding periods. Empty for an
    /// alarm whose outcome follows from the values above.
    pub special: Vec<Special>,
}

/// What an alarm has beyond one metric and a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `Metrics`: metric math, a Metrics Insights query, or another account's metric.
    Math,
    /// `ThresholdMetricId`: anomaly detection.
    Anomaly,
    /// `EvaluationCriteria`: a `PromQL` query.
    Query,
    /// An `EvaluationWindow` that does not slide: bound to the clock, or something we do not know.
    Window,
}

impl CloudWatch {
    /// Those of these alarms that exist, by ARN; composite ones too.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn alarms(&self, names: &[String]) -> Result<BTreeMap<String, Alarm>, Failure> {
        let described = self.describe(names).await?.into_iter();
        let alarm =
            |state: AlarmSetup| Alarm { raised: state.state == Some(State::Alarm), reason: state.reason };
        Ok(described.map(|(arn, state)| (arn, alarm(state))).collect())
    }

    /// Those of these alarms that exist, by ARN, with all that a wiring check asks. Log alarms are not
    /// asked for, and so not found.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn describe(&self, names: &[String]) -> Result<BTreeMap<String, AlarmSetup>, Failure> {
        let mut found = BTreeMap::new();
        for chunk in names.chunks(MAX_NAMES) {
            let call = self.reads.describe_alarms().set_alarm_names(Some(chunk.to_vec()));
            // Composite alarms are listed only if they are asked for.
            let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| Failure::of("cloudwatch:DescribeAlarms", &error))?;
                for mut alarm in page.metric_alarms.unwrap_or_default() {
                    found.insert(alarm.alarm_arn.take().unwrap_or_default(), metric_alarm(alarm));
                }
                for mut alarm in page.composite_alarms.unwrap_or_default() {
                    found.insert(alarm.alarm_arn.take().unwrap_or_default(), composite_alarm(alarm));
                }
            }
        }
        Ok(found)
    }

    /// The tags of an alarm.
    ///
    /// # Errors
    /// They could not be read, or there is no such alarm.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, Failure> {
        let sent = self.reads.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = sent.map_err(|error| Failure::of("cloudwatch:ListTagsForResource", &error))?;
        let pairs = answer.tags.unwrap_or_default().into_iter();
        Ok(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect())
    }

    /// The names of the mute rules that keep this alarm's actions from being started just now. Of the
    /// three statuses of a rule, `ACTIVE` is the one in which it mutes; `SCHEDULED` means that it will
    /// do so later, `EXPIRED` that it never will again (API reference, `GetAlarmMuteRule`). Between two
    /// windows a recurring rule is `SCHEDULED`. Muted alarms change their state all the same.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn mute_rules_on(&self, alarm_name: &str) -> Result<Vec<String>, Failure> {
        let call = self.reads.list_alarm_mute_rules().alarm_name(alarm_name);
        let mut pages = call.statuses(AlarmMuteRuleStatus::Active).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of("cloudwatch:ListAlarmMuteRules", &error))?;
            for rule in page.alarm_mute_rule_summaries.unwrap_or_default() {
                names.push(mute_rule_name(rule.alarm_mute_rule_arn.unwrap_or_default()));
            }
        }
        Ok(names)
    }
}

/// A summary has the ARN only: `arn:aws:cloudwatch:<Region>:<account>:alarm-mute-rule:<name>`.
fn mute_rule_name(arn: String) -> String {
    arn.split_once(":alarm-mute-rule:").map(|(_, name)| name.to_owned()).unwrap_or(arn)
}

fn state(value: Option<&StateValue>) -> Option<State> {
    value.and_then(|value| State::read(value.as_str()))
}

fn metric_alarm(alarm: MetricAlarm) -> AlarmSetup {
    let count = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let math = alarm.metrics.as_ref().is_some_and(|metrics| !metrics.is_empty());
    let sliding = matches!(alarm.evaluation_window, None | Some(EvaluationWindow::SlidingWindow(_)));
    let special = [
        (math, Special::Math),
        (alarm.threshold_metric_id.is_some(), Special::Anomaly),
        (alarm.evaluation_criteria.is_some(), Special::Query),
        (!sliding, Special::Window),
    ];
    let rule = MetricRule {
        metric: Metric {
            namespace: alarm.namespace.unwrap_or_default(),
            name: alarm.metric_name.unwrap_or_default(),
            dimensions: dimensions(alarm.dimensions.unwrap_or_default()),
            unit: alarm.unit.map(|unit| unit.as_str().to_owned()),
        },
        statistic: alarm.statistic.map(|statistic| statistic.as_str().to_owned()),
        extended_statistic: alarm.extended_statistic,
        period_seconds: count(alarm.period),
        evaluation_periods: count(alarm.evaluation_periods),
        datapoints_to_alarm: count(alarm.datapoints_to_alarm.or(alarm.evaluation_periods)),
        threshold: alarm.threshold.and_then(Number::from_f64),
        comparison: alarm.comparison_operator.map(|how| how.as_str().to_owned()).unwrap_or_default(),
        treat_missing_data: alarm.treat_missing_data.unwrap_or_else(|| "missing".to_owned()),
        special: special.into_iter().filter_map(|(it_is, special)| it_is.then_some(special)).collect(),
    };
    AlarmSetup {
        name: alarm.alarm_name.unwrap_or_default(),
        state: state(alarm.state_value.as_ref()),
        reason: alarm.state_reason.unwrap_or_default(),
        updated: alarm.state_updated_timestamp.as_ref().and_then(moment),
        actions_enabled: alarm.actions_enabled.unwrap_or_default(),
        alarm_actions: alarm.alarm_actions.unwrap_or_default(),
        ok_actions: alarm.ok_actions.unwrap_or_default(),
        insufficient_data_actions: alarm.insufficient_data_actions.unwrap_or_default(),
        kind: Kind::Metric(Box::new(rule)),
    }
}

fn composite_alarm(alarm: CompositeAlarm) -> AlarmSetup {
    AlarmSetup {
        name: alarm.alarm_name.unwrap_or_default(),
        state: state(alarm.state_value.as_ref()),
        reason: alarm.state_reason.unwrap_or_default(),
        updated: alarm.state_updated_timestamp.as_ref().and_then(moment),
        actions_enabled: alarm.actions_enabled.unwrap_or_default(),
        alarm_actions: alarm.alarm_actions.unwrap_or_default(),
        ok_actions: alarm.ok_actions.unwrap_or_default(),
        insufficient_data_actions: alarm.insufficient_data_actions.unwrap_or_default(),
        kind: Kind::Composite {
            rule: alarm.alarm_rule.unwrap_or_default(),
            suppressor: alarm.actions_suppressor,
            suppressed_by: alarm.actions_suppressed_by.map(|by| by.as_str().to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::{
        AlarmPromQlCriteria, ComparisonOperator, Dimension, EvaluationCriteria, MetricDataQuery,
        StandardUnit, Statistic, WallClockWindow, builders::MetricAlarmBuilder,
    };

    use super::*;

    fn plain() -> MetricAlarmBuilder {
        MetricAlarm::builder()
            .alarm_name("connectivity")
            .state_value(StateValue::Ok)
            .actions_enabled(true)
            .namespace("Bookstore")
            .metric_name("cdn-connectivity")
            .dimensions(Dimension::builder().name("Host").value("primary").build())
            .unit(StandardUnit::None)
            .statistic(Statistic::Minimum)
            .period(60)
            .evaluation_periods(2)
            .threshold(0.1)
            .comparison_operator(ComparisonOperator::LessThanThreshold)
    }

    fn rule(alarm: MetricAlarm) -> MetricRule {
        match metric_alarm(alarm).kind {
            Kind::Metric(rule) => *rule,
            Kind::Composite { .. } => panic!("not a metric alarm"),
        }
    }

    #[test]
    fn what_an_alarm_leaves_out_is_what_cloudwatch_does_by_default() {
        let rule = rule(plain().build());
        assert_eq!((rule.evaluation_periods, rule.datapoints_to_alarm), (Some(2), Some(2)));
        assert_eq!(rule.treat_missing_data, "missing");
        assert_eq!(rule.threshold.map(|threshold| threshold.to_string()).as_deref(), Some("0.1"));
        assert_eq!(rule.metric.dimensions.get("Host").map(String::as_str), Some("primary"));
        assert_eq!(rule.metric.unit.as_deref(), Some("None"));
        assert_eq!(rule.special, []);
    }

    #[test]
    fn an_alarm_that_watches_no_plain_metric_says_so() {
        let special = |alarm: MetricAlarmBuilder| rule(alarm.build()).special;
        assert_eq!(special(plain().metrics(MetricDataQuery::builder().build())), [Special::Math]);
        assert_eq!(special(plain().set_metrics(Some(Vec::new()))), [], "an empty list is none");
        assert_eq!(special(plain().threshold_metric_id("band")), [Special::Anomaly]);
        let query = EvaluationCriteria::PromQlCriteria(AlarmPromQlCriteria::builder().build());
        assert_eq!(special(plain().evaluation_criteria(query)), [Special::Query]);
        let clock = EvaluationWindow::WallClockWindow(WallClockWindow::builder().build());
        assert_eq!(special(plain().evaluation_window(clock)), [Special::Window]);
    }

    #[test]
    fn what_the_answer_does_not_say_is_not_taken_for_well() {
        let alarm = metric_alarm(MetricAlarm::builder().state_value(StateValue::from("NEW")).build());
        assert_eq!((alarm.state, alarm.actions_enabled), (None, false));
        let alarm = composite_alarm(CompositeAlarm::builder().state_value(StateValue::Alarm).build());
        assert_eq!((alarm.state, alarm.actions_enabled), (Some(State::Alarm), false));
    }

    #[test]
    fn a_mute_rule_is_named_by_the_end_of_its_arn() {
        let arn = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm-mute-rule:night: all";
        assert_eq!(mute_rule_name(arn.to_owned()), "night: all");
        assert_eq!(mute_rule_name("other".to_owned()), "other");
    }
}
