//! Instance drill: stops EC2 instances of an application, times its recovery, and starts the instances again.

use std::process::ExitCode;

use firedrill_aws::{instance::InstanceDrills, lambda::serve};

fn main() -> ExitCode {
    serve(InstanceDrills::new, InstanceDrills::drill)
}
