//! CDN drill: sets off the alarm that fails a distribution over to its standby, checks which origin serves, times the
//! recovery, and moves traffic back.

use std::process::ExitCode;

use firedrill_aws::lambda::serve;
use firedrill_drills::alarm;
use firedrill_inject::AlarmInjector;

fn main() -> ExitCode {
    serve(alarm::distribution, AlarmInjector::new)
}
