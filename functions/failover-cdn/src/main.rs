//! Failover function for a CDN, the playbook's automated step: when an alarm goes to ALARM, it moves a CloudFront
//! distribution from its primary origin to the standby, and records what it did, when and why.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_failover;
use firedrill_drills::failover::DistributionFailover;

fn main() -> ExitCode {
    serve_failover(|context, _, target| DistributionFailover::new(context, target))
}
