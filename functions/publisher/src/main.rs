//! Publisher: after each run, every hour and on request, it writes the scorecard and the pages of runs into the stack's bucket,
//! and notes which cadence is not kept.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_publisher;

fn main() -> ExitCode {
    serve_publisher()
}
