//! Failover function for a database, the playbook's automated step: when an alarm goes to ALARM, it fails a cluster
//! over to a reader, or a Multi-AZ instance to its standby, and records what it did, when and why.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_failover;
use firedrill_drills::failover::DatabaseFailover;

fn main() -> ExitCode {
    serve_failover(DatabaseFailover::new)
}
