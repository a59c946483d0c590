//! The published pages in a real browser: what only a browser can show.
//!
//! Headless Chromium is driven through `chromedriver`. Without the two, or without axe-core, the tests that need what is
//! missing are reported as ignored, after a message that names it.

mod accessible;
mod browser;
#[path = "../../functions/scorecard/tests/pages/fixture.rs"]
mod fixture;
mod harmless;
mod hostile;
mod layout;
mod numbers;
mod pages;
mod records;
mod requests;
#[path = "../../functions/scorecard/tests/pages/runs.rs"]
mod runs;
mod server;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use libtest_mimic::{Arguments, Trial};

use crate::browser::Browser;

/// So many browsers at a time, unless the command line says otherwise: each is several processes.
const AT_A_TIME: usize = 2;

/// Makes a [`Trial`] of each test function.
macro_rules! trials {
    ($is_there:expr; $($module:ident::$test:ident),+ $(,)?) => {
        vec![$(
            Trial::test(concat!(stringify!($module), "::", stringify!($test)), || {
                block_on(Browser::with($module::$test));
                Ok(())
            })
            .with_ignored_flag(!$is_there)
        ),+]
    };
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this package lies two folders below the root")
}

/// The source of axe-core, as `.ci/run` installs it.
fn axe() -> PathBuf {
    root().join("target/axe/axe_playwright_python/axe.min.js")
}

fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a test that waits, on a runtime of its own.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(test)
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    let browser = is_installed("chromium") && is_installed("chromedriver");
    if !browser {
        eprintln!(
            "`chromium` or `chromedriver` is missing (Debian: chromium, chromium-driver): no page is opened"
        );
    }
    let axe = axe().is_file();
    if !axe {
        eprintln!(
            "axe-core is missing (pip install --no-deps --target target/axe --requirement .ci/axe.txt): \
             accessibility is not checked"
        );
    }
    let mut trials = trials![browser && axe;
        accessible::axe_finds_nothing_on_any_kind_of_page_light_or_dark,
        accessible::a_page_that_not_everybody_can_use_is_never_passed_over,
    ];
    trials.extend(trials![browser;
        numbers::no_drill_has_another_number_on_a_page_than_on_record,
        numbers::no_run_on_record_is_missing_in_the_calendar_nor_another_one_there,
        numbers::no_loss_is_another_on_a_page_than_on_record,
        harmless::nothing_in_a_name_or_a_reason_ever_runs_or_becomes_an_element,
        harmless::a_text_that_is_not_escaped_is_never_passed_over,
        requests::no_request_ever_leaves_a_page,
        requests::a_request_that_leaves_a_page_is_never_passed_over,
        layout::nothing_is_ever_wider_than_a_phone,
        layout::nothing_is_ever_cut_off_on_paper,
        layout::no_row_is_ever_torn_between_two_sheets,
        layout::a_page_that_does_not_fit_is_never_passed_over,
        layout::no_mark_and_no_state_ever_needs_its_colour,
    ]);
    libtest_mimic::run(&arguments, trials).exit_code()
}
