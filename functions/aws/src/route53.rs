//! Route 53: the health checks that watch an alarm.

use aws_sdk_route53::{
    Client,
    types::{HealthCheck, HealthCheckType},
};

use crate::{client::Connection, error::Failure};

/// Route 53, which is global, like CloudFront.
#[derive(Clone, Debug)]
pub struct Route53 {
    reads: Client,
}

impl Route53 {
    /// A client over this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }

    /// The ids of the health checks that watch this alarm. They watch the metric data of the alarm, not its state:
    /// forcing the state does not change them (developer guide, *How Route 53 determines the status of health checks
    /// that monitor CloudWatch alarms*). The API has no filter, so all health checks of the account are read.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn health_checks_on(&self, alarm_name: &str, region: &str) -> Result<Vec<String>, Failure> {
        let mut pages = self.reads.list_health_checks().into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of("route53:ListHealthChecks", &error))?;
            let watching = page.health_checks.into_iter().filter(|one| watches(one, alarm_name, region));
            found.extend(watching.map(|one| one.id));
        }
        Ok(found)
    }
}

fn watches(check: &HealthCheck, alarm_name: &str, region: &str) -> bool {
    check.health_check_config().is_some_and(|config| {
        let alarm = config.alarm_identifier();
        config.r#type == HealthCheckType::CloudwatchMetric
            && alarm.is_some_and(|alarm| alarm.name == alarm_name && alarm.region.as_str() == region)
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::{AlarmIdentifier, CloudWatchRegion, HealthCheckConfig};

    use super::*;

    #[test]
    fn a_health_check_watches_one_alarm_of_one_region() {
        let check = |kind, name: &str| {
            let alarm = AlarmIdentifier::builder().name(name).region(CloudWatchRegion::UsEast1);
            let config = HealthCheckConfig::builder().r#type(kind).alarm_identifier(alarm.build().unwrap());
            let check = HealthCheck::builder().id("1").caller_reference("once").health_check_version(1);
            check.health_check_config(config.build().unwrap()).build().unwrap()
        };
        let ours = check(HealthCheckType::CloudwatchMetric, "cdn");
        assert!(watches(&ours, "cdn", "us-east-1"));
        assert!(!watches(&ours, "cdn", "eu-west-2"), "another alarm of the same name");
        assert!(!watches(&ours, "cd", "us-east-1"));
        assert!(!watches(&check(HealthCheckType::Http, "cdn"), "cdn", "us-east-1"));
    }
}
