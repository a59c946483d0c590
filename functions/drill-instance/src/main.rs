//! The instance drill: stops EC2 instances of an application, times its recovery, starts them again
//! and keeps the record.

use std::process::ExitCode;

use firedrill_aws::{instance::InstanceDrills, lambda::serve};

fn main() -> ExitCode {
    serve(InstanceDrills::new, InstanceDrills::drill)
}
