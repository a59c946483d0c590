//! Answers about alarms in the words of their port.

use aws_sdk_cloudwatch::types::{CompositeAlarm, EvaluationWindow, MetricAlarm, StateValue};
use firedrill_drills::ports::{AlarmSetup, AlarmState, Kind, Metric, MetricRule, Special};
use serde_json::Number;

use super::{metric::dimensions, moment};

/// A summary has the ARN only: `arn:aws:cloudwatch:<Region>:<account>:alarm-mute-rule:<name>`.
pub(super) fn mute_rule_name(arn: String) -> String {
    arn.split_once(":alarm-mute-rule:").map(|(_, name)| name.to_owned()).unwrap_or(arn)
}

fn state(value: Option<&StateValue>) -> Option<AlarmState> {
    value.and_then(|value| super::state(value.as_str()))
}

pub(super) fn metric_alarm(alarm: MetricAlarm) -> AlarmSetup {
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
        period_seconds: count(alarm.period),
        evaluation_periods: count(alarm.evaluation_periods),
        datapoints_to_alarm: count(alarm.datapoints_to_alarm.or(alarm.evaluation_periods)),
        threshold: alarm.threshold.and_then(Number::from_f64),
        comparison: alarm.comparison_operator.map(|how| how.as_str().to_owned()).unwrap_or_default(),
        special: special.into_iter().filter_map(|(it_is, special)| it_is.then_some(special)).collect(),
    };
    AlarmSetup {
        arn: alarm.alarm_arn.unwrap_or_default(),
        name: alarm.alarm_name.unwrap_or_default(),
        state: state(alarm.state_value.as_ref()),
        reason: alarm.state_reason.unwrap_or_default(),
        updated: alarm.state_updated_timestamp.as_ref().and_then(moment),
        actions_enabled: alarm.actions_enabled.unwrap_or_default(),
        alarm_actions: alarm.alarm_actions.unwrap_or_default(),
        ok_actions: alarm.ok_actions.unwrap_or_default(),
        kind: Kind::Metric(Box::new(rule)),
    }
}

pub(super) fn composite_alarm(alarm: CompositeAlarm) -> AlarmSetup {
    AlarmSetup {
        arn: alarm.alarm_arn.unwrap_or_default(),
        name: alarm.alarm_name.unwrap_or_default(),
        state: state(alarm.state_value.as_ref()),
        reason: alarm.state_reason.unwrap_or_default(),
        updated: alarm.state_updated_timestamp.as_ref().and_then(moment),
        actions_enabled: alarm.actions_enabled.unwrap_or_default(),
        alarm_actions: alarm.alarm_actions.unwrap_or_default(),
        ok_actions: alarm.ok_actions.unwrap_or_default(),
        kind: Kind::Composite {
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
        assert_eq!((alarm.state, alarm.actions_enabled), (Some(AlarmState::Alarm), false));
    }

    #[test]
    fn a_mute_rule_is_named_by_the_end_of_its_arn() {
        let arn = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm-mute-rule:night: all";
        assert_eq!(mute_rule_name(arn.to_owned()), "night: all");
        assert_eq!(mute_rule_name("other".to_owned()), "other");
    }
}
