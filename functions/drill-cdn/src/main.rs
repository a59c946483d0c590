//! CDN drill: sets off the alarm that fails a distribution over to its standby, checks which origin serves, times the
//! recovery, and moves traffic back.

use std::process::ExitCode;

use firedrill_aws::{alarm::AlarmDrills, lambda::serve};

fn main() -> ExitCode {
    serve(AlarmDrills::new, AlarmDrills::cdn)
}
