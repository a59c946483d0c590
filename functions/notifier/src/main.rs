//! Notifier: it tells people and programs of each run that starts or ends, of real incidents, and of what is overdue, from the
//! stream of the table.

use std::process::ExitCode;

use firedrill_aws::lambda::serve_notifier;

fn main() -> ExitCode {
    serve_notifier()
}
