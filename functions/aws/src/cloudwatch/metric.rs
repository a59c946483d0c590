//! Datapoints of a metric: publishes one, and reads the statistics of those published.

use std::collections::BTreeMap;

#[cfg(feature = "inject")]
use aws_sdk_cloudwatch::types::MetricDatum;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, StandardUnit, Statistic};
#[cfg(feature = "inject")]
use firedrill_core::CallOutcome;
use firedrill_core::Timestamp;

use super::{CloudWatch, moment, time};
use crate::error::Failure;

/// A metric. The same name with other dimensions is another metric (user guide, *Dimensions*).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All of its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Its unit, such as `Count`. An alarm with a unit does not count datapoints of another unit.
    pub unit: Option<String>,
}

/// The statistics of one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// Its begin.
    pub start: Timestamp,
    /// The number of values.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl CloudWatch {
    /// Publishes one value. Sent once: a datapoint cannot be removed. `storage_resolution` is 1 or 60 seconds; an
    /// alarm with periods shorter than a minute needs 1 (API reference, `PutMetricData` and `MetricDatum`).
    #[cfg(feature = "inject")]
    pub async fn publish(
        &self,
        metric: &Metric,
        value: f64,
        storage_resolution: u32,
        at: Timestamp,
    ) -> CallOutcome {
        let datum = datum(metric, value, storage_resolution, at);
        let call = self.mutating.put_metric_data().namespace(&metric.namespace).metric_data(datum);
        call.send().await.map_or_else(
            |error| Failure::of("cloudwatch:PutMetricData", &error).into_outcome(),
            |_| CallOutcome::Done,
        )
    }

    /// The periods between `from` and `to` that have values, oldest first; only values of the metric's unit, if it
    /// has one. The answer has no further pages: AWS refuses more than 1,440 periods (API reference,
    /// `GetMetricStatistics`). A value that was just published may be missing.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn statistics(
        &self,
        metric: &Metric,
        period_seconds: u32,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Period>, Failure> {
        let call = self.reads.get_metric_statistics().namespace(&metric.namespace);
        let call = call.metric_name(&metric.name).set_dimensions(Some(to_dimensions(&metric.dimensions)));
        let call = call.period(i32::try_from(period_seconds).unwrap_or(i32::MAX)).set_unit(unit(metric));
        let statistics =
            [Statistic::SampleCount, Statistic::Sum, Statistic::Minimum, Statistic::Maximum].to_vec();
        let call = call.set_statistics(Some(statistics)).start_time(time(from)).end_time(time(to));
        let answer = call.send().await;
        let answer = answer.map_err(|error| Failure::of("cloudwatch:GetMetricStatistics", &error))?;
        Ok(periods(&answer.datapoints.unwrap_or_default()))
    }
}

#[cfg(feature = "inject")]
fn datum(metric: &Metric, value: f64, storage_resolution: u32, at: Timestamp) -> MetricDatum {
    MetricDatum::builder()
        .metric_name(&metric.name)
        .set_dimensions(Some(to_dimensions(&metric.dimensions)))
        .set_unit(unit(metric))
        .value(value)
        .storage_resolution(i32::try_from(storage_resolution).unwrap_or(i32::MAX))
        .timestamp(time(at))
        .build()
}

fn unit(metric: &Metric) -> Option<StandardUnit> {
    metric.unit.as_deref().map(StandardUnit::from)
}

/// The dimensions in the SDK's type, by name.
pub(super) fn dimensions(of: Vec<Dimension>) -> BTreeMap<String, String> {
    let pair = |one: Dimension| (one.name.unwrap_or_default(), one.value.unwrap_or_default());
    of.into_iter().map(pair).collect()
}

fn to_dimensions(of: &BTreeMap<String, String>) -> Vec<Dimension> {
    of.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

/// The periods of an answer, sorted: AWS answers in no order. Asked without a unit, AWS answers with one datapoint
/// for each unit; an alarm without a unit counts them together, so they become one period.
fn periods(datapoints: &[Datapoint]) -> Vec<Period> {
    let mut found: BTreeMap<Timestamp, Period> = BTreeMap::new();
    for one in datapoints {
        let period = || {
            Some(Period {
                start: moment(one.timestamp()?)?,
                count: one.sample_count()?,
                sum: one.sum()?,
                min: one.minimum()?,
                max: one.maximum()?,
            })
        };
        let Some(period) = period() else { continue };
        found
            .entry(period.start)
            .and_modify(|known| {
                known.count += period.count;
                known.sum += period.sum;
                known.min = known.min.min(period.min);
                known.max = known.max.max(period.max);
            })
            .or_insert(period);
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: i64, count: f64, sum: f64, min: f64, max: f64) -> Datapoint {
        let built = Datapoint::builder().timestamp(time(Timestamp::from_millis(second * 1000)));
        built.sample_count(count).sum(sum).minimum(min).maximum(max).build()
    }

    #[test]
    fn periods_are_in_order_and_units_are_one() {
        let points =
            [point(120, 3.0, 2.0, 0.0, 1.0), point(60, 1.0, 1.0, 1.0, 1.0), point(120, 1.0, 5.0, 5.0, 5.0)];
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let first = Period { start: at(60), count: 1.0, sum: 1.0, min: 1.0, max: 1.0 };
        let second = Period { start: at(120), count: 4.0, sum: 7.0, min: 0.0, max: 5.0 };
        assert_eq!(periods(&points), [first, second]);
    }

    #[cfg(feature = "inject")]
    #[test]
    fn a_datum_is_of_the_metric_that_the_alarm_watches() {
        let metric = Metric {
            namespace: "Bookstore".to_owned(),
            name: "db-connectivity".to_owned(),
            dimensions: BTreeMap::from([("Host".to_owned(), "bookstore".to_owned())]),
            unit: Some("Count".to_owned()),
        };
        let datum = datum(&metric, 0.0, 1, Timestamp::from_millis(7));
        assert_eq!((datum.value(), datum.storage_resolution()), (Some(0.0), Some(1)));
        assert_eq!(datum.unit(), Some(&StandardUnit::Count));
        assert_eq!(dimensions(datum.dimensions().to_vec()), metric.dimensions);
    }
}
