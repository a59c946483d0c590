//! Watchdog: every minute, it finishes the runs whose owner is gone, from the undo in their heads. It is built
//! without the calls that inject a failure.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_watchdog;

fn main() -> ExitCode {
    serve_watchdog()
}
