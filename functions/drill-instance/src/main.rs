//! Instance drill: stops EC2 instances of an application, times its recovery, and starts the instances again.

use std::process::ExitCode;

use firedrill_aws::lambda::serve;
use firedrill_drills::instance;
use firedrill_inject::InstanceInjector;

fn main() -> ExitCode {
    serve(instance::procedure, InstanceInjector::new)
}
