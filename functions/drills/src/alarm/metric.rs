//! Datapoints of mode `metric`: what is published, and whether it can bring the alarm to ALARM.

use std::time::Duration;

use firedrill_core::{
    Run,
    ports::Clock,
    run::Datapoints,
    trigger::{CannotRaise, Comparison, MetricAlarm, Statistic, plan_datapoints},
};

use thiserror::Error;

use super::{AlarmDrill, AlarmDrillTarget, Cloud};
use crate::{
    NotReady,
    ports::{AlarmSetup, Kind, MetricRule, Special, StatisticsOf},
};

/// Why datapoints are not known to bring an alarm to ALARM, or would take too long.
#[derive(Clone, Debug, PartialEq, Error)]
enum WrongAlarm {
    #[error("it is composite and has no metric to publish on; use mode `alarm`")]
    Composite,
    #[error("`target.metric` is missing: the value to publish is not known")]
    NoValue,
    #[error("it evaluates a query: which datapoints raise it cannot be computed")]
    Query,
    #[error("its periods are bound to the clock: when datapoints raise it cannot be computed")]
    ClockWindow,
    #[error("it has no threshold: whether datapoints breach cannot be computed")]
    NoThreshold,
    #[error("CloudWatch's answer does not hold its {0}")]
    Missing(&'static str),
    /// Core's reason.
    #[error("{0}")]
    Unplannable(#[source] CannotRaise),
    #[error(
        "{datapoints} datapoints, one every {every:?}, take {needed:?}; \
         `objective.injectWithinSeconds` allows {allowed:?}"
    )]
    PublishingTooLong { datapoints: u32, every: Duration, needed: Duration, allowed: Duration },
    #[error(
        "it counts a datapoint for {needed:?}, and nothing is restored before; \
         `objective.restoreWithinSeconds` allows {allowed:?}"
    )]
    WindowTooLong { needed: Duration, allowed: Duration },
}

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// The datapoints that bring this alarm to ALARM, mixed with those that the application publishes itself.
    pub(super) async fn datapoints(&self, run: &Run, setup: &AlarmSetup) -> Result<Datapoints, NotReady> {
        let refused = |why: WrongAlarm| NotReady::Refused(format!("alarm {}: {why}", setup.name));
        let Kind::Metric(rule) = &setup.kind else {
            return Err(refused(WrongAlarm::Composite));
        };
        let Some(value) = &self.target.metric else {
            return Err(refused(WrongAlarm::NoValue));
        };
        let unplannable = |why| refused(WrongAlarm::Unplannable(why));
        let alarm = evaluated(rule).map_err(refused)?;
        // First without the application's datapoints: what can never work is refused before they are read.
        plan_datapoints(&alarm, &[], value).map_err(unplannable)?;
        let now = self.context.clock.now();
        let period = Duration::from_secs(alarm.period_seconds.into());
        let from = now - period.saturating_mul(alarm.evaluation_periods.max(1));
        let of = StatisticsOf { metric: &rule.metric, period_seconds: alarm.period_seconds, from, to: now };
        let read = self.context.cloud.statistics(self.alarm_region(), of).await;
        let own = read.map_err(|failure| self.not_ready(failure))?;
        let points = plan_datapoints(&alarm, &own, value).map_err(unplannable)?;
        check_times(&points, run.limits.inject_within, run.limits.restore_within).map_err(refused)?;
        Ok(points)
    }
}

/// Checks that all datapoints can be published in time, and that the last one stops counting in time.
fn check_times(
    points: &Datapoints,
    inject_within: Duration,
    restore_within: Duration,
) -> Result<(), WrongAlarm> {
    let publishing = points.every.saturating_mul(points.planned);
    if publishing > inject_within {
        return Err(WrongAlarm::PublishingTooLong {
            datapoints: points.planned,
            every: points.every,
            needed: publishing,
            allowed: inject_within,
        });
    }
    if points.window >= restore_within {
        return Err(WrongAlarm::WindowTooLong { needed: points.window, allowed: restore_within });
    }
    Ok(())
}

/// The part of the alarm that decides when it goes to ALARM.
fn evaluated(rule: &MetricRule) -> Result<MetricAlarm, WrongAlarm> {
    let has = |special| rule.special.contains(&special);
    if has(Special::Query) {
        return Err(WrongAlarm::Query);
    }
    if has(Special::Window) {
        return Err(WrongAlarm::ClockWindow);
    }
    let (math, anomaly) = (has(Special::Math), has(Special::Anomaly));
    let threshold = rule.threshold.as_ref().and_then(serde_json::Number::as_f64);
    if threshold.is_none() && !math && !anomaly {
        return Err(WrongAlarm::NoThreshold);
    }
    // Metric math has none of these numbers; core refuses it by name.
    let periods = |number: Option<u32>, name| {
        if math { Ok(number.unwrap_or(1)) } else { number.ok_or(WrongAlarm::Missing(name)) }
    };
    Ok(MetricAlarm {
        namespace: rule.metric.namespace.clone(),
        metric: rule.metric.name.clone(),
        dimensions: rule.metric.dimensions.clone(),
        unit: rule.metric.unit.clone(),
        statistic: rule.statistic.as_deref().and_then(statistic),
        period_seconds: periods(rule.period_seconds, "period")?,
        evaluation_periods: periods(rule.evaluation_periods, "evaluation periods")?,
        datapoints_to_alarm: periods(rule.datapoints_to_alarm, "datapoints to alarm")?,
        threshold: threshold.unwrap_or_default(),
        comparison: comparison(&rule.comparison),
        is_metric_math: math,
        is_anomaly_detection: anomaly,
    })
}

fn statistic(word: &str) -> Option<Statistic> {
    Some(match word {
        "Average" => Statistic::Average,
        "Minimum" => Statistic::Minimum,
        "Maximum" => Statistic::Maximum,
        "Sum" => Statistic::Sum,
        "SampleCount" => Statistic::SampleCount,
        _ => return None,
    })
}

fn comparison(word: &str) -> Option<Comparison> {
    Some(match word {
        "GreaterThanThreshold" => Comparison::GreaterThanThreshold,
        "GreaterThanOrEqualToThreshold" => Comparison::GreaterThanOrEqualToThreshold,
        "LessThanThreshold" => Comparison::LessThanThreshold,
        "LessThanOrEqualToThreshold" => Comparison::LessThanOrEqualToThreshold,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use firedrill_core::request::MetricValue;

    use super::*;
    use crate::ports::Metric;

    fn rule(special: Vec<Special>) -> MetricRule {
        MetricRule {
            metric: Metric {
                namespace: "Bookstore".to_owned(),
                name: "cdn-connectivity".to_owned(),
                dimensions: BTreeMap::new(),
                unit: None,
            },
            statistic: Some("Average".to_owned()),
            extended_statistic: None,
            period_seconds: Some(60),
            evaluation_periods: Some(3),
            datapoints_to_alarm: Some(2),
            threshold: Some(1.into()),
            comparison: "LessThanThreshold".to_owned(),
            treat_missing_data: "missing".to_owned(),
            special,
        }
    }

    fn value() -> MetricValue {
        MetricValue { value: 0.into(), per_period: 2 }
    }

    #[test]
    fn a_plain_alarm_is_evaluated_as_it_is_set_up() {
        let points = plan_datapoints(&evaluated(&rule(Vec::new())).unwrap(), &[], &value()).unwrap();
        assert_eq!(
            (points.every, points.planned, points.window),
            (Duration::from_secs(30), 6, Duration::from_mins(5))
        );
    }

    #[test]
    fn what_cannot_be_computed_is_refused_by_name() {
        let why = |special| evaluated(&rule(vec![special])).unwrap_err().to_string();
        assert!(why(Special::Query).contains("query"));
        assert!(why(Special::Window).contains("clock"));
        // An expression has no metric, period or threshold of its own, and is still called what it is.
        let math = MetricRule { period_seconds: None, threshold: None, ..rule(vec![Special::Math]) };
        assert!(
            plan_datapoints(&evaluated(&math).unwrap(), &[], &value())
                .unwrap_err()
                .to_string()
                .contains("metric math")
        );
        let anomaly = MetricRule { threshold: None, ..rule(vec![Special::Anomaly]) };
        assert!(
            plan_datapoints(&evaluated(&anomaly).unwrap(), &[], &value())
                .unwrap_err()
                .to_string()
                .contains("anomalies")
        );
        let missing = MetricRule { period_seconds: None, ..rule(Vec::new()) };
        assert!(evaluated(&missing).unwrap_err().to_string().contains("period"));
        let missing = MetricRule { threshold: None, ..rule(Vec::new()) };
        assert!(evaluated(&missing).unwrap_err().to_string().contains("threshold"));
    }

    #[test]
    fn there_must_be_time_to_publish_and_to_wait() {
        const MS: Duration = Duration::from_millis(1);
        let points = plan_datapoints(&evaluated(&rule(Vec::new())).unwrap(), &[], &value()).unwrap();
        assert_eq!(check_times(&points, MS * 180_000, MS * 300_001), Ok(()));
        let why = |inject, restore| check_times(&points, inject, restore).unwrap_err().to_string();
        assert!(why(MS * 179_999, MS * 900_000).contains("injectWithinSeconds"));
        assert!(why(MS * 180_000, MS * 300_000).contains("restoreWithinSeconds"));
    }
}
