//! Database drill: sets off the alarm that fails a database over, and times the recovery.

use std::process::ExitCode;

use firedrill_aws::{alarm::AlarmDrills, lambda::serve};

fn main() -> ExitCode {
    serve(AlarmDrills::new, AlarmDrills::db)
}
