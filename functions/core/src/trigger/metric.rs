//! Metric: whether breaching datapoints among the application's own can raise an alarm, and how many it takes.
//!
//! CloudWatch aggregates all datapoints of a period, and the application goes on publishing its own. A datapoint
//! cannot be deleted, so an alarm that would not go to ALARM is refused before the first one is published.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use thiserror::Error;

use crate::{request::MetricValue, run::Datapoints};

/// A metric alarm: what decides when it goes to ALARM.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricAlarm {
    /// The metric's namespace.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// The unit of the datapoints that the alarm evaluates, if it names one.
    pub unit: Option<String>,
    /// How a period's datapoints become one value; `None` for percentiles and other extended statistics.
    pub statistic: Option<Statistic>,
    /// The length of a period, in seconds.
    pub period_seconds: u32,
    /// How many periods are evaluated (M).
    pub evaluation_periods: u32,
    /// How many of them must breach (N).
    pub datapoints_to_alarm: u32,
    /// The threshold that a period's value is compared with.
    pub threshold: f64,
    /// How it is compared; `None` if this version does not know the operator.
    pub comparison: Option<Comparison>,
    /// Whether it evaluates an expression over several metrics.
    pub is_metric_math: bool,
    /// Whether its threshold is an anomaly detection model.
    pub is_anomaly_detection: bool,
}

/// How a period's datapoints become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudWatch's")]
pub enum Statistic {
    Average,
    Minimum,
    Maximum,
    Sum,
    SampleCount,
}

/// When a value breaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudWatch's")]
pub enum Comparison {
    GreaterThanThreshold,
    GreaterThanOrEqualToThreshold,
    LessThanThreshold,
    LessThanOrEqualToThreshold,
}

impl Comparison {
    fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanThreshold => value > threshold,
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }
}

/// What the application itself published in one of the latest periods.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are CloudWatch's")]
pub struct Period {
    pub count: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

/// Why datapoints would not raise an alarm, or must not be published.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CannotRaise {
    /// The alarm evaluates an expression.
    #[error("the alarm evaluates an expression (metric math): which datapoints raise it cannot be computed")]
    MetricMath,
    /// The alarm compares with a model of the past.
    #[error("the alarm detects anomalies: datapoints of a drill would change its model")]
    AnomalyDetection,
    /// The metric is AWS's own.
    #[error("its metric lies in {0}, in which only AWS publishes")]
    Namespace(String),
    /// The statistic is none of those that can be computed for mixed data.
    #[error("its statistic is a percentile or similar: whether mixed data breaches cannot be computed")]
    Statistic,
    /// The comparison operator is not one of [`Comparison`].
    #[error("its comparison operator is not known to this version")]
    Comparison,
    /// The request's value does not fit into a number that CloudWatch takes.
    #[error("the value to publish is not a number")]
    Value,
    /// The planned datapoints, mixed with the application's own, do not breach the threshold.
    #[error(
        "{datapoints} datapoints of {value} in a period in which the application publishes {} with the sum {} make \
         {statistic:?} {mixed}, which does not breach the threshold {threshold}",
        own.count,
        own.sum
    )]
    NoBreach {
        /// How many datapoints the drill would publish in a period.
        datapoints: f64,
        /// Their value.
        value: f64,
        /// What the application itself published in one of the latest periods.
        own: Period,
        /// How CloudWatch aggregates them.
        statistic: Statistic,
        /// What that makes.
        mixed: f64,
        /// The alarm's threshold.
        threshold: f64,
    },
}

/// Plans the datapoints: how many, how often, and for how long they count. They are enough for N breaching periods of M,
/// although the first one is published in the middle of a period.
///
/// # Errors
/// Why the alarm would not go to ALARM, or must not be used.
pub fn plan_datapoints(
    alarm: &MetricAlarm,
    own: &[Period],
    value: &MetricValue,
) -> Result<Datapoints, CannotRaise> {
    if alarm.is_metric_math {
        return Err(CannotRaise::MetricMath);
    }
    if alarm.is_anomaly_detection {
        return Err(CannotRaise::AnomalyDetection);
    }
    if alarm.namespace.starts_with("AWS/") {
        return Err(CannotRaise::Namespace(alarm.namespace.clone()));
    }
    let statistic = alarm.statistic.ok_or(CannotRaise::Statistic)?;
    let comparison = alarm.comparison.ok_or(CannotRaise::Comparison)?;
    let breaching = value.value.as_f64().ok_or(CannotRaise::Value)?;
    let ours = f64::from(value.per_period);
    // The application may also publish nothing in a period.
    let alone = Period::default();
    for period in own.iter().chain(std::iter::once(&alone)) {
        let mixed = mixed(statistic, *period, breaching, ours);
        if !comparison.breaches(mixed, alarm.threshold) {
            return Err(CannotRaise::NoBreach {
                datapoints: ours,
                value: breaching,
                own: *period,
                statistic,
                mixed,
                threshold: alarm.threshold,
            });
        }
    }
    let period = Duration::from_secs(alarm.period_seconds.into());
    let needed = alarm.datapoints_to_alarm.max(1);
    Ok(Datapoints {
        namespace: alarm.namespace.clone(),
        metric: alarm.metric.clone(),
        dimensions: alarm.dimensions.clone(),
        unit: alarm.unit.clone(),
        value: value.value.clone(),
        storage_resolution: if alarm.period_seconds < 60 { 1 } else { 60 },
        every: period / value.per_period.max(1),
        planned: needed.saturating_add(1).saturating_mul(value.per_period),
        needed,
        // The rest of the last datapoint's own period, the periods in which it is still evaluated, and one more, because
        // CloudWatch evaluates late.
        window: period * (alarm.evaluation_periods + 2),
    })
}

/// The statistic of a period that holds the application's datapoints and `ours` of this value.
fn mixed(statistic: Statistic, own: Period, value: f64, ours: f64) -> f64 {
    let (min, max) = if own.count > 0.0 { (own.min.min(value), own.max.max(value)) } else { (value, value) };
    match statistic {
        Statistic::Average => (own.sum + value * ours) / (own.count + ours),
        Statistic::Minimum => min,
        Statistic::Maximum => max,
        Statistic::Sum => own.sum + value * ours,
        Statistic::SampleCount => own.count + ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(statistic: Statistic, comparison: Comparison, threshold: f64) -> MetricAlarm {
        MetricAlarm {
            namespace: "Bookstore".to_owned(),
            metric: "cdn-connectivity".to_owned(),
            dimensions: BTreeMap::new(),
            unit: None,
            statistic: Some(statistic),
            period_seconds: 60,
            evaluation_periods: 3,
            datapoints_to_alarm: 2,
            threshold,
            comparison: Some(comparison),
            is_metric_math: false,
            is_anomaly_detection: false,
        }
    }

    fn zero(per_period: u32) -> MetricValue {
        MetricValue { value: 0.into(), per_period }
    }

    /// The application publishes 1 (healthy) each second.
    const HEALTHY: Period = Period { count: 60.0, sum: 60.0, min: 1.0, max: 1.0 };

    #[test]
    fn one_zero_among_ones_breaches_an_average_and_a_minimum_but_never_a_maximum() {
        use Comparison::LessThanThreshold as Less;
        assert!(plan_datapoints(&alarm(Statistic::Average, Less, 1.0), &[HEALTHY], &zero(1)).is_ok());
        assert!(plan_datapoints(&alarm(Statistic::Minimum, Less, 1.0), &[HEALTHY], &zero(1)).is_ok());
        let why = plan_datapoints(&alarm(Statistic::Maximum, Less, 1.0), &[HEALTHY], &zero(1))
            .unwrap_err()
            .to_string();
        assert!(why.contains("does not breach"), "{why}");
        let why = plan_datapoints(&alarm(Statistic::Average, Less, 0.5), &[HEALTHY], &zero(1))
            .unwrap_err()
            .to_string();
        assert!(why.contains("0.98"), "{why}");
        assert!(plan_datapoints(&alarm(Statistic::Average, Less, 0.5), &[HEALTHY], &zero(100)).is_ok());
    }

    #[test]
    fn a_sum_is_never_lowered_by_zeros_and_a_count_never_by_anything() {
        use Comparison::LessThanThreshold as Less;
        assert!(plan_datapoints(&alarm(Statistic::Sum, Less, 1.0), &[HEALTHY], &zero(5)).is_err());
        assert!(plan_datapoints(&alarm(Statistic::SampleCount, Less, 30.0), &[HEALTHY], &zero(5)).is_err());
        let more = alarm(Statistic::SampleCount, Comparison::GreaterThanThreshold, 60.0);
        assert!(
            plan_datapoints(&more, &[HEALTHY], &zero(1)).is_err(),
            "a period in which the application is silent"
        );
    }

    #[test]
    fn what_cannot_be_computed_or_must_not_be_touched_is_refused() {
        let fine = alarm(Statistic::Average, Comparison::LessThanThreshold, 1.0);
        let why = |alarm: MetricAlarm| plan_datapoints(&alarm, &[], &zero(1)).unwrap_err().to_string();
        assert!(why(MetricAlarm { is_metric_math: true, ..fine.clone() }).contains("metric math"));
        assert!(why(MetricAlarm { is_anomaly_detection: true, ..fine.clone() }).contains("anomalies"));
        assert!(why(MetricAlarm { namespace: "AWS/RDS".to_owned(), ..fine.clone() }).contains("only AWS"));
        assert!(why(MetricAlarm { statistic: None, ..fine.clone() }).contains("percentile"));
        assert!(why(MetricAlarm { comparison: None, ..fine }).contains("operator"));
    }

    #[test]
    fn enough_is_planned_for_n_whole_periods_and_the_window_outlasts_m() {
        let alarm = alarm(Statistic::Average, Comparison::LessThanThreshold, 1.0);
        let points = plan_datapoints(&alarm, &[HEALTHY], &zero(2)).unwrap();
        assert_eq!(
            (points.every, points.planned, points.window),
            (Duration::from_secs(30), 6, Duration::from_mins(5))
        );
        assert_eq!((points.needed, points.storage_resolution), (2, 60));
    }
}
