//! Local AWS: what only the wire can show, with the real binaries, the real SDK and the templates that users deploy.
//!
//! All of it is one binary, because most tests wait most of the time: they wait beside each other. The longest come first,
//! and with them those that deploy stacks of their own.

mod contracts;
mod demo;
mod deployed;
mod failovers;
mod fixture;
mod published;
mod runs;
mod standins;
mod sweep;
mod watchdog;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// So many tests at a time, unless the command line says otherwise: each has a process of its own or two, and waits for it.
const AT_A_TIME: usize = 8;

/// The longest, which begin before all others.
const LONGEST: [&str; 6] = [
    "demo::a_child_of_the_demo_never_sees_the_callers_account_and_its_transcript_is_as_shown",
    "demo::what_a_dead_function_left_behind_is_finished_by_the_watchdog_and_the_record_says_so",
    "failovers::drills::drill_metric::nothing_is_finished_while_a_datapoint_of_it_can_still_raise_the_alarm",
    "sweep::no_call_that_goes_wrong_leaves_the_application_broken",
    "sweep::no_call_of_a_watchdog_that_finishes_a_run_is_left_out",
    "watchdog::a_run_that_cannot_be_rolled_back_raises_an_alarm_of_its_own_until_the_watchdog_has_restored_it",
];

/// Makes a [`Trial`] of each test function; after `with FIXTURE:`, of those that use a shared fixture.
macro_rules! trials {
    ($($test:ident),+ $(,)?) => {
        vec![$(crate::trial(concat!(module_path!(), "::", stringify!($test)), $test)),+]
    };
    (with $fixture:expr; $($test:ident),+ $(,)?) => {
        vec![$({
            let user = $fixture.user();
            crate::trial(concat!(module_path!(), "::", stringify!($test)), move || {
                let _user = user;
                $test();
            })
        }),+]
    };
}
use trials;

/// A test by this path; it fails if the function panics.
fn trial(path: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    let name = path.trim_start_matches(concat!(module_path!(), "::"));
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    let mut trials: Vec<Trial> = [
        demo::trials(),
        deployed::trials(),
        watchdog::trials(),
        sweep::trials(),
        failovers::trials(),
        standins::trials(),
        runs::trials(),
        published::trials(),
        contracts::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(LONGEST.iter().all(|name| trials.iter().any(|trial| trial.name() == *name)), "one was renamed");
    trials.sort_by_key(|trial| !LONGEST.contains(&trial.name()));
    libtest_mimic::run(&arguments, trials).exit_code()
}
