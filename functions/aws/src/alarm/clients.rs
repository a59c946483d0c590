//! What drills through an alarm share: clients that are built before anyone waits for them.

use firedrill_core::{
    Request,
    request::{AlarmTarget, Target},
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
    dynamodb::RunTable, lambda::FunctionContext, pager::Pager, probe::Prober,
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

/// What does not depend on the alarm's Region.
#[derive(Clone, Debug)]
pub(super) struct SharedClients {
    pub config: DrillSettings,
    pub connection: Connection,
    /// Of the function's own Region.
    pub here: RegionalClients,
    #[cfg(feature = "inject")]
    pub route53: Route53,
    pub table: RunTable,
    pub prober: Prober,
    pub pager: Pager,
}

impl SharedClients {
    /// The clients for a Region, which often is our own.
    pub(super) fn there(&self, region: &str) -> RegionalClients {
        if self.connection.region() == region {
            self.here.clone()
        } else {
            RegionalClients::new(&self.connection.in_region(region))
        }
    }
}

/// What drills through an alarm need for as long as the function lives.
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
            config: context.config.clone(),
            connection: connection.clone(),
            here: RegionalClients::new(connection),
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
    /// The request means something else.
    #[cfg(feature = "undo-cdn")]
    pub fn cdn(&self, clock: SystemClock, request: &Request) -> Result<AlarmDrill<Distribution>, String> {
        let Target::Distribution(target) = &request.target else {
            return Err(elsewhere(request, "distributionArn"));
        };
        let resource = Distribution::new(self.cloudfront.clone(), target.distribution_arn.clone());
        Ok(self.drill(clock, request, resource, &target.alarm))
    }

    /// The drill of a database.
    ///
    /// # Errors
    /// The request means something else.
    #[cfg(feature = "undo-db")]
    pub fn db(&self, clock: SystemClock, request: &Request) -> Result<AlarmDrill<Database>, String> {
        let Target::Database(target) = &request.target else {
            return Err(elsewhere(request, "clusterArn` or `target.instanceArn"));
        };
        let (arn, connection) = (target.database.arn(), &self.shared.connection);
        let context = arn.region() == connection.region();
        let rds = if context { self.rds.clone() } else { Rds::new(&connection.in_region(arn.region())) };
        let resource = Database::new(rds, arn, target.restore_writer, self.shared.config.cool_down)?;
        Ok(self.drill(clock, request, resource, &target.alarm))
    }

    fn drill<R: AlarmDrillTarget>(
        &self,
        clock: SystemClock,
        request: &Request,
        resource: R,
        target: &AlarmTarget,
    ) -> AlarmDrill<R> {
        let clients = self.shared.there(target.alarm_arn.region());
        AlarmDrill::new(self.shared.clone(), clients, resource, request.clone(), target.clone(), clock)
    }
}

fn elsewhere(request: &Request, field: &str) -> String {
    format!("drill {} has no `target.{field}`: another drill function carries it out", request.drill)
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

/// Where the control planes of services that are one for all Regions lie.
pub(super) fn home_of_global(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}
