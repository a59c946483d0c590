//! Detection: when the alarm that should detect the failure went to ALARM.

use firedrill_core::{ClockName, Phase, Run, Timestamp, evidence::Evidence};

use super::InstanceDrill;
use crate::{
    cloudwatch::CloudWatch,
    error::{ReadError, read_within},
};

/// The detection alarm's change to ALARM.
pub(super) struct Raised {
    pub at: Timestamp,
    pub evidence: Evidence,
}

impl InstanceDrill {
    /// The alarm's first change to ALARM since the injection; none if it is known already or did not happen yet.
    pub(super) async fn detection(&self, run: &Run) -> Option<Raised> {
        let arn = &self.request.detection.as_ref()?.alarm_arn;
        if self.detected.is_some() || run.times.detected.is_some() || run.phase == Phase::Checking {
            return None;
        }
        let cloudwatch = CloudWatch::new(&self.aws.connection.in_region(arn.region()));
        let look = cloudwatch.first_raised(arn.alarm_name().unwrap_or_default(), run.injection_began()?);
        match read_within(self.settings.timing.call_deadline, look).await {
            Ok(raised) => raised.map(|raised| Raised {
                at: raised.at,
                evidence: Evidence::Alarm {
                    at: raised.at,
                    clock: ClockName::CloudWatch,
                    alarm: arn.to_string(),
                    summary: raised.summary,
                },
            }),
            // CloudWatch keeps the history for weeks: the next look may read it.
            Err(ReadError::Failed(failure)) => {
                let (action, code) = (failure.action, failure.code);
                tracing::warn!(action, code, failure.message, "the detection alarm's history cannot be read");
                None
            }
            Err(ReadError::Late { .. }) => None,
        }
    }
}
