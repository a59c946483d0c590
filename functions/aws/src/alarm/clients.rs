//! Clients that drills through an alarm share: built once, before the first delivery.

use firedrill_core::{
    Request,
    request::{AlarmTrigger, Target},
};

#[cfg(feature = "undo-db")]
use super::Database;
use super::{AlarmDrill, AlarmDrillTarget};
#[cfg(feature = "undo-cdn")]
use super::{Distribution, distribution};
#[cfg(feature = "undo-cdn")]
use crate::cloudfront::CloudFront;
#[cfg(feature = "undo-db")]
use crate::rds::Rds;
use crate::{
    client::Connection, clock::SystemClock, cloudwatch::CloudWatch, config::DrillSettings,
    dynamodb::RunTable, lambda::FunctionContext, pager::Pager, probe::Prober, wrong_drill::WrongDrill,
};
#[cfg(feature = "inject")]
use crate::{lambda_api::LambdaApi, route53::Route53, sns::Sns};

/// The clients for one Region.
#[derive(Clone, Debug)]
pub(super) struct RegionalClients {
    pub cloudwatch: CloudWatch,
    #[cfg(feature = "inject")]
    pub sns: Sns,
    #[cfg(feature = "inject")]
    pub lambda: LambdaApi,
}

impl RegionalClients {
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            cloudwatch: CloudWatch::new(connection),
            #[cfg(feature = "inject")]
            sns: Sns::new(connection),
            #[cfg(feature = "inject")]
            lambda: LambdaApi::new(connection),
        }
    }
}

/// Settings and clients that do not depend on the alarm's Region.
#[derive(Clone, Debug)]
pub(super) struct SharedClients {
    pub settings: DrillSettings,
    pub connection: Connection,
    /// Of the function's own Region.
    pub home: RegionalClients,
    #[cfg(feature = "inject")]
    pub route53: Route53,
    pub table: RunTable,
    pub prober: Prober,
    pub pager: Pager,
}

impl SharedClients {
    /// The clients for a Region; those of the function's own Region exist already.
    pub(super) fn clients_in(&self, region: &str) -> RegionalClients {
        if self.connection.region() == region {
            self.home.clone()
        } else {
            RegionalClients::new(&self.connection.in_region(region))
        }
    }
}

/// Builds drills through an alarm, one for each request.
#[derive(Clone, Debug)]
pub struct AlarmDrills {
    shared: SharedClients,
    #[cfg(feature = "undo-cdn")]
    cloudfront: CloudFront,
    #[cfg(feature = "undo-db")]
    rds: Rds,
}

impl AlarmDrills {
    /// Builds every client.
    #[must_use]
    pub fn new(context: &FunctionContext) -> Self {
        let connection = &context.connection;
        let partition = partition(connection.region());
        let shared = SharedClients {
            settings: context.config.clone(),
            connection: connection.clone(),
            home: RegionalClients::new(connection),
            #[cfg(feature = "inject")]
            route53: Route53::new(&connection.in_region(home_of_global(partition))),
            table: context.table.clone(),
            prober: context.prober.clone(),
            pager: Pager::new(connection, context.config.topic_arn.as_ref()),
        };
        Self {
            shared,
            #[cfg(feature = "undo-cdn")]
            cloudfront: distribution::cloudfront(connection, partition),
            #[cfg(feature = "undo-db")]
            rds: Rds::new(connection),
        }
    }

    /// The drill of a distribution.
    ///
    /// # Errors
    /// The request's target is no distribution.
    #[cfg(feature = "undo-cdn")]
    pub fn cdn(&self, clock: SystemClock, request: &Request) -> Result<AlarmDrill<Distribution>, WrongDrill> {
        let Target::Distribution(target) = &request.target else {
            return Err(wrong_target(request, "`target.distribution`"));
        };
        let resource = Distribution::new(self.cloudfront.clone(), target.arn.clone());
        Ok(self.drill(clock, request, resource, &target.trigger))
    }

    /// The drill of a database.
    ///
    /// # Errors
    /// The request's target is no database.
    #[cfg(feature = "undo-db")]
    pub fn db(&self, clock: SystemClock, request: &Request) -> Result<AlarmDrill<Database>, WrongDrill> {
        let Target::Database(target) = &request.target else {
            return Err(wrong_target(request, "`target.database`"));
        };
        let (arn, connection) = (target.arn.arn(), &self.shared.connection);
        let is_home = arn.region() == connection.region();
        let rds = if is_home { self.rds.clone() } else { Rds::new(&connection.in_region(arn.region())) };
        let resource = Database::new(rds, arn, target.restore_writer, self.shared.settings.cool_down)?;
        Ok(self.drill(clock, request, resource, &target.trigger))
    }

    fn drill<R: AlarmDrillTarget>(
        &self,
        clock: SystemClock,
        request: &Request,
        resource: R,
        target: &AlarmTrigger,
    ) -> AlarmDrill<R> {
        AlarmDrill::new(self.shared.clone(), resource, request.clone(), target.clone(), clock)
    }
}

fn wrong_target(request: &Request, field: &'static str) -> WrongDrill {
    WrongDrill::Target { drill: request.drill.to_string(), field }
}

/// The partition that a Region belongs to.
fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// The Region of the control planes of global services (CloudFront, Route 53) in this partition.
pub(super) fn home_of_global(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}
