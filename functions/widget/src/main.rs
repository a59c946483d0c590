//! Widget: it shows the scorecard on a CloudWatch dashboard. It reads, and may write nothing.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_widget;

fn main() -> ExitCode {
    serve_widget()
}
