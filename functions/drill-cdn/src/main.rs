//! The CDN drill: makes an alarm fail a distribution over to its standby, proves who serves, fails it back and
//! keeps the record.

use std::process::ExitCode;

use firedrill_aws::{alarm::AlarmDrills, lambda::serve};

fn main() -> ExitCode {
    serve(AlarmDrills::new, AlarmDrills::cdn)
}
