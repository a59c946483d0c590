//! The alarm that should notice.

use firedrill_core::{ClockName, Phase, Run, Timestamp, evidence::Evidence};

use super::InstanceDrill;
use crate::{cloudwatch::CloudWatch, error::Failure};

/// The alarm went off.
pub(super) struct Raised {
    pub at: Timestamp,
    pub evidence: Evidence,
}

impl InstanceDrill {
    /// When the alarm that should notice went off, if that is not known yet.
    pub(super) async fn detection(&self, run: &Run) -> Option<Raised> {
        let arn = &self.request.detection.as_ref()?.alarm_arn;
        if self.detected.is_some() || run.times.detected.is_some() || run.phase == Phase::Checking {
            return None;
        }
        let cloudwatch = CloudWatch::new(&self.connection.in_region(arn.region()));
        let look = cloudwatch.first_raised(arn.alarm_name().unwrap_or_default(), run.injection_began()?);
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
