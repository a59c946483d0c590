//! Mode `metric`: what is published, and whether the alarm can go off by it.

use firedrill_core::{
    Readiness, Run,
    ports::Clock,
    run::Datapoints,
    trigger::{Comparison, MetricAlarm, Period, Statistic, plan},
};

use super::{AlarmDrill, AlarmDrillTarget};
use crate::cloudwatch::{AlarmSetup, Kind, MetricRule, Special};

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// The datapoints that raise this alarm, among those that the application publishes itself.
    pub(super) async fn datapoints(&self, run: &Run, setup: &AlarmSetup) -> Result<Datapoints, Readiness> {
        let refused = |why: String| Readiness::Refused(format!("alarm {}: {why}", setup.name));
        let Kind::Metric(rule) = &setup.kind else {
            return Err(refused(
                "it is composite and has no metric to publish on; use mode `alarm`".to_owned(),
            ));
        };
        let Some(value) = &self.target.metric else {
            return Err(refused("`target.metric` is missing: what to publish is not known".to_owned()));
        };
        let alarm = evaluated(rule).map_err(refused)?;
        // Before anything is read: what can never work.
        plan(&alarm, &[], value).map_err(refused)?;
        let now = self.clock.now();
        let period_ms = u64::from(alarm.period_seconds) * 1_000;
        let span =
            i64::try_from(period_ms.saturating_mul(u64::from(alarm.evaluation_periods.max(1)))).unwrap_or(0);
        let from = firedrill_core::Timestamp::from_millis(now.as_millis().saturating_sub(span));
        let read = self.clients.cloudwatch.statistics(&rule.metric, alarm.period_seconds, from, now).await;
        let own: Vec<Period> = read
            .map_err(|failure| self.note_failure(&failure))?
            .into_iter()
            .map(|one| Period { count: one.count, sum: one.sum, min: one.min, max: one.max })
            .collect();
        let points = plan(&alarm, &own, value).map_err(refused)?;
        fits(&points, run.limits.inject_within_ms, run.limits.restore_within_ms).map_err(refused)?;
        Ok(points)
    }
}

/// Whether there is time to publish all of them, and to wait until the last one counts no more.
fn fits(points: &Datapoints, inject_within_ms: u64, restore_within_ms: u64) -> Result<(), String> {
    let publishing_ms = points.every_ms.saturating_mul(points.planned.into());
    if publishing_ms > inject_within_ms {
        return Err(format!(
            "{} datapoints, one every {} ms, take {} s; `objective.injectWithinSeconds` allows {} s",
            points.planned,
            points.every_ms,
            publishing_ms.div_ceil(1_000),
            inject_within_ms / 1_000
        ));
    }
    if points.window_ms >= restore_within_ms {
        return Err(format!(
            "its datapoints count for {} s after the last one, and nothing is restored before; \
             `objective.restoreWithinSeconds` allows {} s",
            points.window_ms.div_ceil(1_000),
            restore_within_ms / 1_000
        ));
    }
    Ok(())
}

/// The alarm, as far as it decides when it goes off.
fn evaluated(rule: &MetricRule) -> Result<MetricAlarm, String> {
    let has = |special| rule.special.contains(&special);
    if has(Special::Query) {
        return Err("it evaluates a query: which datapoints raise it cannot be computed".to_owned());
    }
    if has(Special::Window) {
        return Err(
            "its periods are bound to the clock: when datapoints raise it cannot be computed".to_owned()
        );
    }
    let (math, anomaly) = (has(Special::Math), has(Special::Anomaly));
    let threshold = rule.threshold.as_ref().and_then(serde_json::Number::as_f64);
    if threshold.is_none() && !math && !anomaly {
        return Err("it says no threshold: whether datapoints breach cannot be computed".to_owned());
    }
    let said = |number: Option<u32>| if math { Ok(number.unwrap_or(1)) } else { number.ok_or(()) };
    let periods = |number, name| said(number).map_err(|()| format!("it does not say its {name}"));
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
    use crate::cloudwatch::Metric;

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
        let points = plan(&evaluated(&rule(Vec::new())).unwrap(), &[], &value()).unwrap();
        assert_eq!((points.every_ms, points.planned, points.window_ms), (30_000, 6, 300_000));
    }

    #[test]
    fn what_cannot_be_computed_is_refused_by_name() {
        let why = |special| evaluated(&rule(vec![special])).unwrap_err();
        assert!(why(Special::Query).contains("query"));
        assert!(why(Special::Window).contains("clock"));
        // An expression has no metric, period or threshold of its own, and is still called what it is.
        let math = MetricRule { period_seconds: None, threshold: None, ..rule(vec![Special::Math]) };
        assert!(plan(&evaluated(&math).unwrap(), &[], &value()).unwrap_err().contains("metric math"));
        let anomaly = MetricRule { threshold: None, ..rule(vec![Special::Anomaly]) };
        assert!(plan(&evaluated(&anomaly).unwrap(), &[], &value()).unwrap_err().contains("anomalies"));
        let unsaid = MetricRule { period_seconds: None, ..rule(Vec::new()) };
        assert!(evaluated(&unsaid).unwrap_err().contains("period"));
        let unsaid = MetricRule { threshold: None, ..rule(Vec::new()) };
        assert!(evaluated(&unsaid).unwrap_err().contains("threshold"));
    }

    #[test]
    fn there_must_be_time_to_publish_and_to_wait() {
        let points = plan(&evaluated(&rule(Vec::new())).unwrap(), &[], &value()).unwrap();
        assert_eq!(fits(&points, 180_000, 300_001), Ok(()));
        assert!(fits(&points, 179_999, 900_000).unwrap_err().contains("injectWithinSeconds"));
        assert!(fits(&points, 180_000, 300_000).unwrap_err().contains("restoreWithinSeconds"));
    }
}
