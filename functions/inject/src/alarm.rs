//! Sets off an alarm: forces its state, or publishes breaching datapoints of its metric.

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit, StateValue},
};
use firedrill_aws::client::{Connection, Regional, failure};
use firedrill_core::{
    CallOutcome, Timestamp,
    plan::Permission,
    ports::{InjectingCall, Injector},
    run::Datapoints,
};
use firedrill_drills::ports::outcome;

use crate::not_ours;

/// Sets off alarms, in any Region.
#[derive(Clone, Debug)]
pub struct AlarmInjector(Regional<Client>);

impl AlarmInjector {
    /// Over this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self(Regional::new(&connection.mutating, Client::new))
    }
}

impl Injector for AlarmInjector {
    async fn send(&self, call: &InjectingCall) -> CallOutcome {
        match call {
            InjectingCall::SetAlarmState { region, name, reason } => {
                let request = self.0.at(region).set_alarm_state().alarm_name(name).state_reason(reason);
                let sent = request.state_value(StateValue::Alarm).send().await;
                outcome(sent.map(drop).map_err(failure("cloudwatch:SetAlarmState")))
            }
            InjectingCall::PutMetricData { region, points, at } => {
                let request = self.0.at(region).put_metric_data().namespace(&points.namespace);
                let sent = request.metric_data(datum(points, *at)).send().await;
                outcome(sent.map(drop).map_err(failure("cloudwatch:PutMetricData")))
            }
            InjectingCall::StopInstances { .. } => not_ours(call),
        }
    }

    /// Not checked: neither call has a dry run.
    async fn permission(&self, call: &InjectingCall) -> Permission {
        Permission::not_checked(call.action(), None)
    }
}

/// One datapoint of the metric that the alarm watches.
fn datum(points: &Datapoints, at: Timestamp) -> MetricDatum {
    let dimensions = points.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    MetricDatum::builder()
        .metric_name(&points.metric)
        .set_dimensions(Some(dimensions.collect()))
        .set_unit(points.unit.as_deref().map(StandardUnit::from))
        .set_value(points.value.as_f64())
        .storage_resolution(i32::try_from(points.storage_resolution).unwrap_or(i32::MAX))
        .timestamp(DateTime::from_millis(at.as_millis()))
        .build()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;

    #[test]
    fn a_datum_is_of_the_metric_that_the_alarm_watches() {
        let points = Datapoints {
            namespace: "Bookstore".to_owned(),
            metric: "db-connectivity".to_owned(),
            dimensions: BTreeMap::from([("Host".to_owned(), "bookstore".to_owned())]),
            unit: Some("Count".to_owned()),
            value: 0.into(),
            storage_resolution: 1,
            every: Duration::from_secs(10),
            planned: 1,
            needed: 1,
            window: Duration::from_mins(1),
        };
        let datum = datum(&points, Timestamp::from_millis(7));
        assert_eq!((datum.metric_name(), datum.value()), (Some("db-connectivity"), Some(0.0)));
        assert_eq!((datum.storage_resolution(), datum.unit()), (Some(1), Some(&StandardUnit::Count)));
        let [one] = datum.dimensions() else { panic!("{datum:?}") };
        assert_eq!((one.name(), one.value()), (Some("Host"), Some("bookstore")));
    }
}
