//! Datapoints of a metric, and their statistics.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    Client,
    types::{Datapoint, Dimension, StandardUnit, Statistic},
};
use firedrill_core::{Timestamp, trigger::Period};
use firedrill_drills::ports::{Metric, Reply, StatisticsOf};

use super::{moment, time};
use crate::client::failure;

/// The periods that have values, oldest first.
pub(super) async fn statistics(reads: &Client, of: StatisticsOf<'_>) -> Reply<Vec<Period>> {
    let StatisticsOf { metric, period_seconds, from, to } = of;
    let call = reads.get_metric_statistics().namespace(&metric.namespace).metric_name(&metric.name);
    let call = call.set_dimensions(Some(to_dimensions(&metric.dimensions))).set_unit(unit(metric));
    let call = call.period(i32::try_from(period_seconds).unwrap_or(i32::MAX));
    let statistics = [Statistic::SampleCount, Statistic::Sum, Statistic::Minimum, Statistic::Maximum];
    let call = call.set_statistics(Some(statistics.to_vec())).start_time(time(from)).end_time(time(to));
    let answer = call.send().await.map_err(failure("cloudwatch:GetMetricStatistics"))?;
    Ok(periods(&answer.datapoints.unwrap_or_default()))
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
                count: one.sample_count()?,
                sum: one.sum()?,
                min: one.minimum()?,
                max: one.maximum()?,
            })
        };
        let Some((start, period)) = one.timestamp().and_then(moment).zip(period()) else { continue };
        found
            .entry(start)
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
        let first = Period { count: 1.0, sum: 1.0, min: 1.0, max: 1.0 };
        let second = Period { count: 4.0, sum: 7.0, min: 0.0, max: 5.0 };
        assert_eq!(periods(&points), [first, second]);
    }
}
