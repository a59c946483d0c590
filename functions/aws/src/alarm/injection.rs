//! Pulls the trigger.

use firedrill_core::{
    CallOutcome, Run,
    failover::reason_of,
    ports::Clock,
    request::{Arn, Mode},
    run::Datapoints,
};

use super::{AlarmDrill, AlarmDrillTarget};
use crate::cloudwatch::Metric;

/// The metric that these datapoints are of.
fn metric(points: &Datapoints) -> Metric {
    Metric {
        namespace: points.namespace.clone(),
        name: points.metric.clone(),
        dimensions: points.dimensions.clone(),
        unit: points.unit.clone(),
    }
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// Sends the one injecting call of this number. What the record holds is what is done.
    pub(super) async fn pull(&self, run: &Run) -> CallOutcome {
        let never = |message: &str| CallOutcome::NotExecuted {
            code: "UnreadableRecord".to_owned(),
            message: message.to_owned(),
            again: false,
        };
        let Some(trigger) = &run.trigger else { return never("the record holds no trigger; not sent") };
        let alarm = match Arn::try_from(trigger.alarm_arn.clone()) {
            Ok(arn) if arn.alarm_name().is_some() => arn,
            Ok(_) | Err(_) => return never("the record holds no alarm's ARN; not sent"),
        };
        let cloudwatch = self.cloudwatch(&alarm);
        match (run.mode, &trigger.datapoints) {
            (Mode::Alarm, _) => {
                let what = format!("forces this alarm for drill {}, to see what it sets off", run.drill);
                let name = alarm.alarm_name().unwrap_or_default();
                cloudwatch.force(name, &reason_of(&run.run_id, &what)).await
            }
            (Mode::Metric, Some(points)) => {
                let Some(value) = points.value.as_f64() else {
                    return never("the record holds no number to publish; not sent");
                };
                let now = self.clock.now();
                cloudwatch.publish(&metric(points), value, points.storage_resolution, now).await
            }
            (Mode::Metric, None) => never("the record holds no datapoints; not sent"),
            (Mode::Stop, _) => never("mode stop pulls no alarm; not sent"),
        }
    }
}
