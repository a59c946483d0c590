//! The watchdog: every minute, finishes the runs that nobody carries on, from the undo that their heads hold. It is
//! built without what injects.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_watchdog;

fn main() -> ExitCode {
    serve_watchdog()
}
