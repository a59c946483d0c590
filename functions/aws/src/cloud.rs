//! Cloud: the clients of every service that a function uses. Each port of `firedrill_drills` is implemented for it in the
//! file of its service.

#[cfg(feature = "autoscaling")]
use crate::autoscaling::AutoScalingClient;
#[cfg(feature = "cloudfront")]
use crate::cloudfront::CloudFrontClients;
#[cfg(feature = "cloudwatch")]
use crate::cloudwatch::CloudWatchClients;
#[cfg(feature = "ec2")]
use crate::ec2::Ec2Clients;
#[cfg(feature = "elbv2")]
use crate::elbv2::LoadBalancingClient;
#[cfg(feature = "kms")]
use crate::kms::KmsClient;
#[cfg(feature = "lambda-api")]
use crate::lambda_api::LambdaClient;
#[cfg(feature = "http")]
use crate::prober::HttpProber;
#[cfg(feature = "rds")]
use crate::rds::RdsClients;
#[cfg(feature = "route53")]
use crate::route53::Route53Client;
#[cfg(feature = "sns")]
use crate::sns::SnsClients;
use crate::{
    client::{Connection, Regional},
    dynamodb::RunTable,
};

/// The clients of every service that a function uses, in any Region. Built once, before the first delivery.
#[derive(Clone, Debug)]
pub struct Cloud {
    #[cfg(feature = "autoscaling")]
    pub(crate) autoscaling: Regional<AutoScalingClient>,
    #[cfg(feature = "cloudfront")]
    pub(crate) cloudfront: CloudFrontClients,
    #[cfg(feature = "cloudwatch")]
    pub(crate) cloudwatch: Regional<CloudWatchClients>,
    #[cfg(feature = "ec2")]
    pub(crate) ec2: Regional<Ec2Clients>,
    #[cfg(feature = "elbv2")]
    pub(crate) balancing: Regional<LoadBalancingClient>,
    #[cfg(feature = "kms")]
    pub(crate) kms: Regional<KmsClient>,
    #[cfg(feature = "lambda-api")]
    pub(crate) lambda: Regional<LambdaClient>,
    #[cfg(feature = "http")]
    pub(crate) prober: HttpProber,
    #[cfg(feature = "rds")]
    pub(crate) rds: Regional<RdsClients>,
    #[cfg(feature = "route53")]
    pub(crate) route53: Route53Client,
    #[cfg(feature = "sns")]
    pub(crate) sns: Regional<SnsClients>,
    pub(crate) table: RunTable,
}

impl Cloud {
    /// Builds every client over this connection.
    #[must_use]
    pub fn new(
        connection: &Connection,
        table: RunTable,
        #[cfg(feature = "http")] prober: HttpProber,
    ) -> Self {
        #[cfg(any(feature = "cloudfront", feature = "route53"))]
        let global = connection.in_region(home_of_global(connection.region()));
        Self {
            #[cfg(feature = "autoscaling")]
            autoscaling: Regional::new(connection, AutoScalingClient::new),
            #[cfg(feature = "cloudfront")]
            cloudfront: CloudFrontClients::new(&global),
            #[cfg(feature = "cloudwatch")]
            cloudwatch: Regional::new(connection, CloudWatchClients::new),
            #[cfg(feature = "ec2")]
            ec2: Regional::new(connection, Ec2Clients::new),
            #[cfg(feature = "elbv2")]
            balancing: Regional::new(connection, LoadBalancingClient::new),
            #[cfg(feature = "kms")]
            kms: Regional::new(connection, KmsClient::new),
            #[cfg(feature = "lambda-api")]
            lambda: Regional::new(connection, LambdaClient::new),
            #[cfg(feature = "http")]
            prober,
            #[cfg(feature = "rds")]
            rds: Regional::new(connection, RdsClients::new),
            #[cfg(feature = "route53")]
            route53: Route53Client::new(&global),
            #[cfg(feature = "sns")]
            sns: Regional::new(connection, SnsClients::new),
            table,
        }
    }

    /// The record of every run.
    #[must_use]
    pub const fn table(&self) -> &RunTable {
        &self.table
    }
}

/// The Region of the control planes of global services (CloudFront, Route 53) in the partition of this Region. Requests to
/// them are signed for it.
#[cfg(any(feature = "cloudfront", feature = "route53"))]
fn home_of_global(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "cn-northwest-1"
    } else if region.starts_with("us-gov-") {
        "us-gov-west-1"
    } else {
        "us-east-1"
    }
}
