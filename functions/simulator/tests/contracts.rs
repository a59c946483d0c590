//! Contracts, on the simulator: what each port promises. On adapter and local AWS, the same suites run in
//! `tests/local_aws/contracts.rs` of the workspace.

use firedrill_core::kind::DrillKind::{Cdn, Database, Instance};
use firedrill_simulator::{Stage, contracts, scenario::Elsewhere};

#[test]
fn a_refused_call_never_starts_or_stops_an_instance_and_what_is_missing_is_never_described() {
    Stage::play(
        Instance,
        |_| {},
        async |at: Stage| {
            contracts::instances(&at.aws(), &at.aws(), &at.instances(), &at).await;
        },
    );
}

#[test]
fn a_group_or_member_that_is_missing_is_never_described() {
    Stage::play(
        Instance,
        |scenario| scenario.fleet.replaced_after = Some(3_600_000),
        async |at: Stage| {
            contracts::autoscaling(&at.aws(), &at.groups()).await;
        },
    );
}

#[test]
fn a_target_that_is_stopped_is_never_healthy() {
    Stage::play(
        Instance,
        |scenario| scenario.fleet.replaced_after = Some(3_600_000),
        async |at: Stage| {
            contracts::load_balancers(&at.aws(), &at.aws(), &at.targets(), &at).await;
        },
    );
}

#[test]
fn a_key_of_the_customer_is_never_taken_for_one_of_aws() {
    Stage::play(Instance, |_| {}, async |at: Stage| contracts::keys(&at.aws(), &at.keys()).await);
}

#[test]
fn an_alarm_that_is_missing_is_never_described() {
    Stage::play(Cdn, |_| {}, async |at: Stage| contracts::alarms(&at.aws(), &at.alarms()).await);
}

#[test]
fn a_composite_alarm_that_follows_another_is_never_missed() {
    Stage::play(
        Cdn,
        |scenario| scenario.failover.leads_elsewhere = Some(Elsewhere::Composite),
        async |at: Stage| {
            let parents = ["everything".to_owned()];
            contracts::parents(&at.aws(), "us-east-1", "bookstore", &parents, "errors").await;
        },
    );
}

#[test]
fn a_rule_or_target_of_a_rule_is_never_left_out() {
    Stage::play(
        Cdn,
        |scenario| scenario.failover.leads_elsewhere = Some(Elsewhere::Rule),
        async |at: Stage| contracts::rules(&at.aws(), &at.rules()).await,
    );
}

#[test]
fn a_forced_state_is_never_missing_in_the_history_of_its_alarm() {
    Stage::play(
        Cdn,
        |scenario| scenario.failover.falls_back_after = 600_000,
        async |at: Stage| {
            contracts::forced_states(&at.aws(), &at.aws(), &at.alarms(), &at).await;
        },
    );
    Stage::play(
        Cdn,
        |scenario| scenario.failover.falls_back_after = 300,
        async |at: Stage| {
            contracts::evaluated_states(&at.aws(), &at.aws(), &at.alarms(), &at).await;
        },
    );
}

#[test]
fn a_muted_alarm_never_starts_an_action() {
    Stage::play(
        Cdn,
        |_| {},
        async |at: Stage| {
            contracts::mute_rules(&at.aws(), &at.aws(), &at.alarms(), &at).await;
        },
    );
}

#[test]
fn a_datapoint_never_counts_in_another_period_or_metric() {
    Stage::play(
        Cdn,
        |_| {},
        async |at: Stage| {
            contracts::statistics(&at.aws(), &at.aws(), &at.alarms(), &at).await;
        },
    );
}

#[test]
fn a_lost_race_never_changes_a_distribution() {
    Stage::play(
        Cdn,
        |_| {},
        async |at: Stage| {
            contracts::distributions(&at.aws(), &at.distribution(), &at).await;
        },
    );
}

#[test]
fn a_refused_failover_never_moves_the_writer() {
    Stage::play(
        Database,
        |scenario| scenario.failover.drops_within = 0,
        async |at: Stage| {
            contracts::databases(&at.aws(), &at.cluster()).await;
            contracts::failovers(&at.aws(), &at.cluster(), &at).await;
            contracts::reboots(&at.aws(), &at.cluster(), None, &at).await;
        },
    );
}

#[test]
fn a_function_that_cannot_be_invoked_never_looks_as_if_it_could() {
    use firedrill_simulator::scenario::WrongFunction::Disabled;
    for wrong in [None, Some(Disabled)] {
        Stage::play(
            Cdn,
            |scenario| scenario.failover.wrong_function = wrong,
            async |at: Stage| {
                contracts::functions(&at.aws(), &at.function()).await;
            },
        );
    }
}

#[test]
fn a_function_that_does_not_exist_is_never_taken_for_started() {
    Stage::play(Cdn, |_| {}, async |at: Stage| contracts::invoker(&at.aws(), "watchdog").await);
}

#[test]
fn a_message_to_a_topic_is_never_lost() {
    Stage::play(Cdn, |_| {}, async |at: Stage| contracts::topics(&at.aws(), &at.topics(), &at).await);
}

#[test]
fn a_health_check_is_never_left_out() {
    Stage::play(
        Cdn,
        |_| {},
        async |at: Stage| {
            contracts::health_checks(&at.aws(), &at.health_checks()).await;
        },
    );
}

#[test]
fn a_body_that_nobody_asked_for_is_never_read() {
    Stage::play(Cdn, |_| {}, async |at: Stage| contracts::prober(&at.aws(), &at.probe()).await);
}

#[test]
fn a_run_is_never_begun_saved_or_finished_twice() {
    Stage::play(Instance, |_| {}, async |at: Stage| contracts::store(&at.store(), &at.record(), &at).await);
}

#[test]
fn a_command_or_an_engaged_kill_switch_is_never_lost() {
    Stage::play(
        Instance,
        |_| {},
        async |at: Stage| {
            contracts::commands(&at.store(), &at.record(), &at).await;
            contracts::switches(&at.store(), &at.record(), &at).await;
        },
    );
}

#[test]
fn two_invocations_never_act_on_one_change() {
    Stage::play(
        Cdn,
        |_| {},
        async |at: Stage| {
            contracts::journal(&at.journal(), &at.aws(), &at.store(), &at.record(), &at).await;
        },
    );
}
