//! Route 53: health checks.

use aws_sdk_route53::types::HealthCheck as SdkHealthCheck;
use firedrill_drills::ports::{HealthCheck, HealthChecks, Next, Page, Reply};

use crate::{
    Cloud,
    client::{failure, page, token},
};

impl HealthChecks for Cloud {
    async fn list_health_checks(&self, next: Next<'_>) -> Reply<Page<HealthCheck>> {
        let sent = self.route53.reads.home.list_health_checks().set_marker(token(next)).send().await;
        let answer = sent.map_err(failure("route53:ListHealthChecks"))?;
        Ok(page(answer.health_checks.into_iter().map(read), answer.next_marker))
    }
}

fn read(check: SdkHealthCheck) -> HealthCheck {
    let config = check.health_check_config;
    let kind = config.as_ref().map(|config| config.r#type.as_str().to_owned()).unwrap_or_default();
    let alarm = config.and_then(|config| config.alarm_identifier);
    let alarm = alarm.map(|alarm| (alarm.name, alarm.region.as_str().to_owned()));
    HealthCheck { id: check.id, kind, alarm }
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::{AlarmIdentifier, CloudWatchRegion, HealthCheckConfig, HealthCheckType};

    use super::*;

    #[test]
    fn a_health_check_watches_one_alarm_of_one_region() {
        let alarm = AlarmIdentifier::builder().name("cdn").region(CloudWatchRegion::UsEast1);
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::CloudwatchMetric);
        let config = config.alarm_identifier(alarm.build().unwrap()).build().unwrap();
        let check = SdkHealthCheck::builder().id("1").caller_reference("once").health_check_version(1);
        let read = read(check.health_check_config(config).build().unwrap());
        assert_eq!(read.kind, "CLOUDWATCH_METRIC");
        assert_eq!(read.alarm, Some(("cdn".to_owned(), "us-east-1".to_owned())));
    }
}
