//! Database drill: sets off the alarm that fails a database over, and times the recovery.

use std::process::ExitCode;

use firedrill_aws::lambda::serve;
use firedrill_drills::alarm;
use firedrill_inject::AlarmInjector;

fn main() -> ExitCode {
    serve(alarm::database, AlarmInjector::new)
}
