//! The ports of AWS services.

use super::fixture::FIXTURE;
use crate::trials;
use firedrill_simulator::contracts as suites;
use libtest_mimic::Trial;

use super::{
    fixture::with,
    subjects::{alarms, cluster, function},
};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        a_refused_call_never_starts_or_stops_an_instance_and_what_is_missing_is_never_described,
        a_group_or_member_that_is_missing_is_never_described,
        a_target_that_is_stopped_is_never_healthy,
        an_alarm_that_is_missing_is_never_described,
        a_composite_alarm_that_follows_another_is_never_missed,
        a_rule_or_target_of_a_rule_is_never_left_out,
        a_forced_state_is_never_missing_in_the_history_of_its_alarm,
        a_muted_alarm_never_starts_an_action,
        a_datapoint_never_counts_in_another_period_or_metric,
        a_lost_race_never_changes_a_distribution,
        a_refused_failover_never_moves_the_writer,
        a_message_to_a_topic_is_never_lost,
        what_does_not_exist_is_never_taken_for_what_does,
    ]
}

fn a_refused_call_never_starts_or_stops_an_instance_and_what_is_missing_is_never_described() {
    with(async |at| {
        let launched = at.launch().await;
        suites::instances(&at.cloud, &at.instance_injector, &launched, at).await;
    });
}

fn a_group_or_member_that_is_missing_is_never_described() {
    with(async |at| suites::autoscaling(&at.cloud, &at.groups().await).await);
}

fn a_target_that_is_stopped_is_never_healthy() {
    with(async |at| suites::load_balancers(&at.cloud, &at.instance_injector, &at.targets(), at).await);
}

fn an_alarm_that_is_missing_is_never_described() {
    let alarm = super::template::described(1);
    with(async |at| suites::alarms(&at.cloud, &alarms(&alarm)).await);
}

fn a_composite_alarm_that_follows_another_is_never_missed() {
    let described = super::template::described;
    with(async |at| {
        let parents = ["composite".to_owned()];
        suites::parents(&at.cloud, super::template::REGION, &described(0), &parents, &described(1)).await;
    });
}

fn a_rule_or_target_of_a_rule_is_never_left_out() {
    with(async |at| suites::rules(&at.cloud, &at.rules()).await);
}

fn a_forced_state_is_never_missing_in_the_history_of_its_alarm() {
    with(async |at| {
        suites::forced_states(&at.cloud, &at.alarm_injector, &alarms("forced"), at).await;
        suites::evaluated_states(&at.cloud, &at.alarm_injector, &alarms("evaluated"), at).await;
    });
}

fn a_muted_alarm_never_starts_an_action() {
    with(async |at| suites::mute_rules(&at.cloud, &at.alarm_injector, &alarms("muted"), at).await);
}

fn a_datapoint_never_counts_in_another_period_or_metric() {
    with(async |at| suites::statistics(&at.cloud, &at.alarm_injector, &alarms("published"), at).await);
}

fn a_lost_race_never_changes_a_distribution() {
    with(async |at| suites::distributions(&at.cloud, &at.distribution(), at).await);
}

fn a_refused_failover_never_moves_the_writer() {
    with(async |at| {
        suites::databases(&at.cloud, &cluster()).await;
        suites::failovers(&at.cloud, &cluster(), at).await;
        suites::reboots(&at.cloud, &cluster(), Some("multi"), at).await;
    });
}

fn a_message_to_a_topic_is_never_lost() {
    with(async |at| suites::topics(&at.cloud, &at.topics(), at).await);
}

fn what_does_not_exist_is_never_taken_for_what_does() {
    with(async |at| {
        suites::keys(&at.cloud, &at.keys()).await;
        suites::functions(&at.cloud, &function("plain", None)).await;
        suites::functions(&at.cloud, &function("disabled", Some(0))).await;
        suites::invoker(&at.cloud, "plain").await;
        suites::health_checks(&at.cloud, &at.health_checks().await).await;
        suites::prober(&at.cloud, &at.probe()).await;
    });
}
