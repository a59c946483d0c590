//! AWS adapters of Firedrill: reads and undo calls.
//!
//! One file and one feature per service: each carries out a port of `firedrill_drills`, one operation and one page at a
//! time, for [`Cloud`]. It translates and decides nothing. [`lambda`] serves. The ports of `firedrill_scorecard` are carried out
//! in files of their own, which no drill function is built with.
//!
//! The calls that inject a failure are not here: they are a crate of their own, on which the watchdog does not depend.
//!
//! No adapter sends a mutating call twice, none spawns a task that nobody awaits, and only [`clock`] reads a clock.

pub mod clock;
pub mod config;

#[cfg(feature = "autoscaling")]
mod autoscaling;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "cloudfront")]
pub mod cloudfront;
#[cfg(feature = "cloudwatch")]
mod cloudwatch;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "ec2")]
mod ec2;
#[cfg(feature = "elbv2")]
mod elbv2;
#[cfg(feature = "notifier")]
pub mod event_bus;
#[cfg(feature = "widget")]
mod event_rules;
#[cfg(feature = "events")]
mod events;
#[cfg(feature = "kms")]
mod kms;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "lambda-api")]
mod lambda_api;
#[cfg(feature = "scorecard")]
pub mod notices;
#[cfg(feature = "http")]
pub mod prober;
#[cfg(feature = "rds")]
mod rds;
#[cfg(feature = "route53")]
mod route53;
#[cfg(feature = "publisher")]
pub mod s3;
#[cfg(feature = "widget")]
mod scheduler;
#[cfg(feature = "widget")]
pub mod scorecard;
#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "widget")]
mod ssm;

/// The clients of every service that a function uses, in any Region. Built once, before the first delivery.
#[cfg(feature = "dynamodb")]
#[derive(Clone, Debug)]
pub struct Cloud {
    #[cfg(feature = "autoscaling")]
    autoscaling: client::Clients<aws_sdk_autoscaling::Client>,
    #[cfg(feature = "cloudfront")]
    cloudfront: client::Clients<aws_sdk_cloudfront::Client>,
    #[cfg(feature = "cloudwatch")]
    cloudwatch: client::Clients<aws_sdk_cloudwatch::Client>,
    #[cfg(feature = "ec2")]
    ec2: client::Clients<aws_sdk_ec2::Client>,
    #[cfg(feature = "elbv2")]
    balancing: client::Clients<aws_sdk_elasticloadbalancingv2::Client>,
    #[cfg(feature = "events")]
    events: client::Clients<aws_sdk_eventbridge::Client>,
    #[cfg(feature = "kms")]
    kms: client::Clients<aws_sdk_kms::Client>,
    #[cfg(feature = "lambda-api")]
    lambda: client::Clients<aws_sdk_lambda::Client>,
    #[cfg(feature = "http")]
    prober: prober::HttpProber,
    #[cfg(feature = "rds")]
    rds: client::Clients<aws_sdk_rds::Client>,
    #[cfg(feature = "route53")]
    route53: client::Clients<aws_sdk_route53::Client>,
    #[cfg(feature = "sns")]
    sns: client::Clients<aws_sdk_sns::Client>,
    /// The record of every run.
    pub table: dynamodb::RunTable,
}

#[cfg(feature = "dynamodb")]
impl Cloud {
    /// Builds every client over this connection.
    #[must_use]
    pub fn new(
        connection: &client::Connection,
        table: dynamodb::RunTable,
        #[cfg(feature = "http")] prober: prober::HttpProber,
    ) -> Self {
        Self {
            #[cfg(feature = "autoscaling")]
            autoscaling: client::Clients::new(connection, aws_sdk_autoscaling::Client::new),
            #[cfg(feature = "cloudfront")]
            cloudfront: client::Clients::new(&connection.global(), aws_sdk_cloudfront::Client::new),
            #[cfg(feature = "cloudwatch")]
            cloudwatch: client::Clients::new(connection, aws_sdk_cloudwatch::Client::new),
            #[cfg(feature = "ec2")]
            ec2: client::Clients::new(connection, aws_sdk_ec2::Client::new),
            #[cfg(feature = "elbv2")]
            balancing: client::Clients::new(connection, aws_sdk_elasticloadbalancingv2::Client::new),
            #[cfg(feature = "events")]
            events: client::Clients::new(connection, aws_sdk_eventbridge::Client::new),
            #[cfg(feature = "kms")]
            kms: client::Clients::new(connection, aws_sdk_kms::Client::new),
            #[cfg(feature = "lambda-api")]
            lambda: client::Clients::new(connection, aws_sdk_lambda::Client::new),
            #[cfg(feature = "http")]
            prober,
            #[cfg(feature = "rds")]
            rds: client::Clients::new(connection, aws_sdk_rds::Client::new),
            #[cfg(feature = "route53")]
            route53: client::Clients::new(&connection.global(), aws_sdk_route53::Client::new),
            #[cfg(feature = "sns")]
            sns: client::Clients::new(connection, aws_sdk_sns::Client::new),
            table,
        }
    }
}
