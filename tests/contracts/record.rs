//! The record, in `DynamoDB`.

use firedrill_simulator::contracts as suites;

use super::{fixture::with, subjects::record};

#[test]
fn a_run_is_never_begun_saved_or_finished_twice() {
    with(async |at| suites::store(&at.cloud.table, &record(), at).await);
}

#[test]
fn a_command_or_an_engaged_kill_switch_is_never_lost() {
    with(async |at| {
        suites::commands(&at.cloud.table, &record(), at).await;
        suites::switches(&at.cloud.table, &record(), at).await;
    });
}

#[test]
fn two_invocations_never_act_on_one_change() {
    with(async |at| {
        let table = &at.cloud.table;
        suites::journal(table, &at.cloud, table, &record(), at).await;
    });
}
