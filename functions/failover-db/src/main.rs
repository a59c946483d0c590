//! The playbook's automated step for a database: when an alarm goes off, fails a cluster over to a reader or
//! a Multi-AZ instance to its standby, and writes down what it did, when and why.

use std::process::ExitCode;

use firedrill_aws::{failover::DatabaseFailover, lambda::serve_failover};

fn main() -> ExitCode {
    serve_failover::<DatabaseFailover>()
}
