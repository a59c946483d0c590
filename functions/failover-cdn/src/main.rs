//! The playbook's automated step for a CDN: when an alarm goes off, points a CloudFront distribution from
//! its primary origin to the standby, and writes down what it did, when and why.

use std::process::ExitCode;

use firedrill_aws::{failover::DistributionFailover, lambda::serve_failover};

fn main() -> ExitCode {
    serve_failover::<DistributionFailover>()
}
