//! The ports of AWS services.

use super::fixture::FIXTURE;
use crate::trials;
use firedrill_simulator::contracts as suites;
use futures_util::future::join3;
use libtest_mimic::Trial;

use super::{
    fixture::with,
    subjects::{alarms, cluster, function},
};

/// The tests of this module: one for ports that a drill asks together, whose suites wait beside each other. On the simulator
/// each suite has a test of its own.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        no_instance_group_or_target_is_ever_described_otherwise_than_it_is,
        nothing_that_follows_an_alarm_is_ever_missed,
        a_forced_state_is_never_missing_in_the_history_of_its_alarm_nor_does_a_muted_alarm_act,
        a_datapoint_never_counts_in_another_period_or_metric,
        a_lost_race_never_changes_a_distribution,
        a_refused_failover_never_moves_the_writer,
        a_message_to_a_topic_is_never_lost,
        what_does_not_exist_is_never_taken_for_what_does,
    ]
}

fn no_instance_group_or_target_is_ever_described_otherwise_than_it_is() {
    with(async |at| {
        let (launched, groups, targets) = (at.launch().await, at.groups().await, at.targets());
        Box::pin(join3(
            suites::instances(&at.cloud, &at.instance_injector, &launched, at),
            suites::autoscaling(&at.cloud, &groups),
            suites::load_balancers(&at.cloud, &at.instance_injector, &targets, at),
        ))
        .await;
    });
}

fn nothing_that_follows_an_alarm_is_ever_missed() {
    let described = super::template::described;
    let (child, parent) = (described(0), described(1));
    with(async |at| {
        let (alarms, parents, rules) = (alarms(&parent), ["composite".to_owned()], at.rules());
        Box::pin(join3(
            suites::alarms(&at.cloud, &alarms),
            suites::parents(&at.cloud, super::template::REGION, &child, &parents, &parent),
            suites::rules(&at.cloud, &rules),
        ))
        .await;
    });
}

fn a_forced_state_is_never_missing_in_the_history_of_its_alarm_nor_does_a_muted_alarm_act() {
    with(async |at| {
        let (forced, evaluated, muted) = (alarms("forced"), alarms("evaluated"), alarms("muted"));
        Box::pin(join3(
            suites::forced_states(&at.cloud, &at.alarm_injector, &forced, at),
            suites::evaluated_states(&at.cloud, &at.alarm_injector, &evaluated, at),
            suites::mute_rules(&at.cloud, &at.alarm_injector, &muted, at),
        ))
        .await;
    });
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
