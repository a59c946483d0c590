//! The record, in `DynamoDB`.

use super::fixture::FIXTURE;
use crate::trials;
use firedrill_simulator::contracts as suites;
use libtest_mimic::Trial;

use super::{fixture::with, subjects::record};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        a_run_is_never_begun_saved_or_finished_twice,
        a_command_or_an_engaged_kill_switch_is_never_lost,
        two_invocations_never_act_on_one_change,
    ]
}

fn a_run_is_never_begun_saved_or_finished_twice() {
    with(async |at| suites::store(&at.cloud.table, &record(), at).await);
}

fn a_command_or_an_engaged_kill_switch_is_never_lost() {
    with(async |at| {
        suites::commands(&at.cloud.table, &record(), at).await;
        suites::switches(&at.cloud.table, &record(), at).await;
    });
}

fn two_invocations_never_act_on_one_change() {
    with(async |at| {
        let table = &at.cloud.table;
        suites::journal(table, &at.cloud, table, &record(), at).await;
    });
}
