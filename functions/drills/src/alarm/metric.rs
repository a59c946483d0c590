//! Datapoints of mode `metric`: what is published, and whether it can bring the alarm to ALARM.

use std::time::Duration;

use firedrill_core::{
    Run,
    ports::Clock,
    run::Datapoints,
    trigger::{CannotRaise, MetricAlarm, plan_datapoints},
};
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use super::{AlarmDrill, AlarmDrillTarget, Cloud};
use crate::{
    NotReady,
    ports::{AlarmSetup, Kind, MetricRule, Special, StatisticsOf},
};

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// The datapoints that bring this alarm to ALARM, mixed with those that the application publishes itself.
    pub(super) async fn datapoints(&self, run: &Run, setup: &AlarmSetup) -> Result<Datapoints, NotReady> {
        let refused = |why: String| NotReady::Refused(format!("alarm {}: {why}", setup.name));
        let Kind::Metric(rule) = &setup.kind else {
            let why = "it is composite and has no metric to publish on; use mode `alarm`";
            return Err(refused(why.to_owned()));
        };
        let Some(value) = &self.target.metric else {
            let why = "`target.metric` is missing: the value to publish is not known";
            return Err(refused(why.to_owned()));
        };
        let unplannable = |why: CannotRaise| refused(why.to_string());
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

/// Checks that all datapoints can be published in time, and that the last one stops counting in time; else says why not.
fn check_times(points: &Datapoints, inject_within: Duration, restore_within: Duration) -> Result<(), String> {
    let Datapoints { every, planned, window, .. } = points;
    let publishing = every.saturating_mul(*planned);
    if publishing > inject_within {
        return Err(format!(
            "{planned} datapoints, one every {every:?}, take {publishing:?}; `objective.injectWithinSeconds` allows \
             {inject_within:?}"
        ));
    }
    if *window >= restore_within {
        return Err(format!(
            "it counts a datapoint for {window:?}, and nothing is restored before; `objective.restoreWithinSeconds` \
             allows {restore_within:?}"
        ));
    }
    Ok(())
}

/// The part of the alarm that decides when it goes to ALARM; else why datapoints are not known to raise it.
fn evaluated(rule: &MetricRule) -> Result<MetricAlarm, String> {
    let has = |special| rule.special.contains(&special);
    if has(Special::Query) {
        return Err("it evaluates a query: which datapoints raise it cannot be computed".to_owned());
    }
    if has(Special::Window) {
        let why = "its periods are bound to the clock: when datapoints raise it cannot be computed";
        return Err(why.to_owned());
    }
    let (math, anomaly) = (has(Special::Math), has(Special::Anomaly));
    let threshold = rule.threshold.as_ref().and_then(serde_json::Number::as_f64);
    if threshold.is_none() && !math && !anomaly {
        return Err("it has no threshold: whether datapoints breach cannot be computed".to_owned());
    }
    // Metric math has none of these numbers; core refuses it by name.
    let periods = |number: Option<u32>, name| match number {
        None if !math => Err(format!("CloudWatch's answer does not hold its {name}")),
        number => Ok(number.unwrap_or(1)),
    };
    Ok(MetricAlarm {
        namespace: rule.metric.namespace.clone(),
        metric: rule.metric.name.clone(),
        dimensions: rule.metric.dimensions.clone(),
        unit: rule.metric.unit.clone(),
        statistic: rule.statistic.as_deref().and_then(known),
        period_seconds: periods(rule.period_seconds, "period")?,
        evaluation_periods: periods(rule.evaluation_periods, "evaluation periods")?,
        datapoints_to_alarm: periods(rule.datapoints_to_alarm, "datapoints to alarm")?,
        threshold: threshold.unwrap_or_default(),
        comparison: known(&rule.comparison),
        is_metric_math: math,
        is_anomaly_detection: anomaly,
    })
}

/// The value that CloudWatch writes as this word; none if this version does not know it.
fn known<T: DeserializeOwned>(word: &str) -> Option<T> {
    T::deserialize(word.into_deserializer()).map_err(|_: serde::de::value::Error| ()).ok()
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
            period_seconds: Some(60),
            evaluation_periods: Some(3),
            datapoints_to_alarm: Some(2),
            threshold: Some(1.into()),
            comparison: "LessThanThreshold".to_owned(),
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
        let why = |special| evaluated(&rule(vec![special])).unwrap_err();
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
        assert!(evaluated(&missing).unwrap_err().contains("period"));
        let missing = MetricRule { threshold: None, ..rule(Vec::new()) };
        assert!(evaluated(&missing).unwrap_err().contains("threshold"));
    }

    #[test]
    fn there_must_be_time_to_publish_and_to_wait() {
        const MS: Duration = Duration::from_millis(1);
        let points = plan_datapoints(&evaluated(&rule(Vec::new())).unwrap(), &[], &value()).unwrap();
        assert_eq!(check_times(&points, MS * 180_000, MS * 300_001), Ok(()));
        let why = |inject, restore| check_times(&points, inject, restore).unwrap_err();
        assert!(why(MS * 179_999, MS * 900_000).contains("injectWithinSeconds"));
        assert!(why(MS * 180_000, MS * 300_000).contains("restoreWithinSeconds"));
    }
}
