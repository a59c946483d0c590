//! The alarms of a request: those that end a run, and the one that should notice.

use std::collections::BTreeMap;

use firedrill_core::{ClockName, Phase, Run, Timestamp, evidence::Evidence, request::Arn, run::Stop};
use futures_util::future::join_all;

use super::InstanceDrill;
use crate::{
    cloudwatch::{Alarm, CloudWatch},
    error::Failure,
};

/// The alarm went off.
pub(super) struct Raised {
    pub at: Timestamp,
    pub evidence: Evidence,
}

impl InstanceDrill {
    fn cloudwatch(&self, region: &str) -> CloudWatch {
        CloudWatch::new(&self.connection.in_region(region))
    }

    /// The first reason to end the run early. An alarm that cannot be read is one.
    pub(super) async fn stop_conditions(&self) -> Option<Stop> {
        let mut by_region: BTreeMap<&str, Vec<&Arn>> = BTreeMap::new();
        for stop in &self.request.stop_conditions {
            by_region.entry(stop.alarm_arn.region()).or_default().push(&stop.alarm_arn);
        }
        let deadline = self.config.timing.call_deadline();
        let looks = by_region.into_iter().map(async |(region, arns)| {
            let names: Vec<String> = arns.iter().map(|arn| name(arn).to_owned()).collect();
            let cloudwatch = self.cloudwatch(region);
            match tokio::time::timeout(deadline, cloudwatch.alarms(&names)).await {
                Ok(alarms) => (arns, alarms.map_err(|failure| failure.to_string())),
                Err(_) => (arns, Err(format!("no answer within {} ms", deadline.as_millis()))),
            }
        });
        let looked = join_all(looks).await;
        looked.iter().find_map(|(arns, alarms)| arns.iter().find_map(|arn| stop(arn, alarms.as_ref())))
    }

    /// When the alarm that should notice went off, if that is not known yet.
    pub(super) async fn detection(&self, run: &Run) -> Option<Raised> {
        let arn = &self.request.detection.as_ref()?.alarm_arn;
        if self.detected.is_some() || run.times.detected.is_some() || run.phase == Phase::Checking {
            return None;
        }
        let cloudwatch = self.cloudwatch(arn.region());
        let look = cloudwatch.first_raised(name(arn), run.injection_began()?);
        match tokio::time::timeout(self.config.timing.call_deadline(), look).await {
            Ok(Ok(raised)) => raised.map(|raised| Raised {
                at: raised.at,
                evidence: Evidence::Alarm {
                    at: raised.at,
                    clock: ClockName::CloudWatch,
                    alarm: arn.to_string(),
                    summary: raised.summary,
                },
            }),
            // The history is kept for weeks: the next look may read it.
            Ok(Err(failure)) => {
                let Failure { action, code, message, .. } = failure;
                tracing::warn!(action, code, message, "the alarm's history cannot be read");
                None
            }
            Err(_) => None,
        }
    }
}

fn name(arn: &Arn) -> &str {
    arn.alarm_name().unwrap_or_default()
}

fn stop(arn: &Arn, alarms: Result<&BTreeMap<String, Alarm>, &String>) -> Option<Stop> {
    let reason = match alarms {
        Ok(alarms) => match alarms.get(arn.as_str()) {
            Some(Alarm { raised: false, .. }) => return None,
            Some(Alarm { raised: true, reason }) => format!("it is in ALARM: {reason}"),
            None => "there is no such alarm".to_owned(),
        },
        Err(why) => format!("it cannot be read: {why}"),
    };
    Some(Stop { by: format!("stop condition {}", name(arn)), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_missing_and_unreadable_alarms_stop_a_run() {
        let arn = |name: &str| {
            Arn::try_from(format!("arn:aws:cloudwatch:eu-west-2:000000000000:alarm:{name}")).unwrap()
        };
        let alarm = |raised| Alarm { raised, reason: "threshold crossed".to_owned() };
        let alarms = BTreeMap::from([
            (arn("calm").to_string(), alarm(false)),
            (arn("raised").to_string(), alarm(true)),
        ]);
        assert_eq!(stop(&arn("calm"), Ok(&alarms)), None);
        let raised = stop(&arn("raised"), Ok(&alarms)).unwrap();
        assert_eq!(
            (raised.by.as_str(), raised.reason.as_str()),
            ("stop condition raised", "it is in ALARM: threshold crossed")
        );
        assert!(stop(&arn("missing"), Ok(&alarms)).is_some());
        assert!(stop(&arn("calm"), Err(&"denied".to_owned())).is_some());
    }
}
