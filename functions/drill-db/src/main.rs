//! The database drill: makes an alarm fail a database over, times its return and keeps the record.

use std::process::ExitCode;

use firedrill_aws::{alarm::AlarmDrills, lambda::serve};

fn main() -> ExitCode {
    serve(AlarmDrills::new, AlarmDrills::db)
}
