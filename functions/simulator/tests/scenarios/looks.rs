//! Looks at AWS that lag behind: what a control plane shows once may be the state from before.

use firedrill_core::{Outcome, failover::AlarmState, kind::DrillKind};
use firedrill_simulator::Scenario;

use super::played::played;

/// Users are served again after a minute, so that the run looks at AWS all the while.
fn slow(scenario: &mut Scenario) {
    scenario.takes_over_after = Some(60_000);
    scenario.failover.edges_take = 60_000;
    scenario.failover.outage = 60_000;
}

/// The moments of one look.
fn once(at: u64) -> bool {
    (40_000..44_500).contains(&at)
}

#[test]
fn one_look_that_lags_behind_never_ends_a_run() {
    for kind in DrillKind::ALL {
        let lagging = played(kind, |scenario| {
            slow(scenario);
            let overrides = scenario.overrides();
            overrides.instance = Some(|instance, at| {
                if once(at) {
                    "running".clone_into(&mut instance.state);
                }
            });
            overrides.distribution = Some(|read, at| {
                if once(at) {
                    "primary".clone_into(&mut read.default_origin);
                }
            });
            overrides.cluster = Some(|cluster, at| {
                let members = cluster.members.iter_mut().filter(|_| once(at));
                members.for_each(|member| member.writer = member.id == "primary");
            });
        });
        lagging.ended(Outcome::ObjectiveMissed);
    }
}

#[test]
fn an_alarm_is_never_taken_for_set_back_because_a_read_of_its_state_lags_behind() {
    for kind in [DrillKind::Cdn, DrillKind::Database] {
        let lagging = played(kind, |scenario| {
            // CloudWatch does not evaluate it again until an alarm changes that it is made of.
            scenario.failover.composite = true;
            scenario.overrides().alarm = Some(|alarm, at| {
                if at < 150_000 {
                    alarm.state = Some(AlarmState::Ok);
                }
            });
        });
        lagging.ended(Outcome::Recovered);
    }
}

#[test]
fn a_failure_that_somebody_else_ended_is_never_taken_for_a_recovery() {
    let ended = played(DrillKind::Instance, |scenario| {
        slow(scenario);
        scenario.restored_by_others_at = Some(40_000);
    });
    ended.ended(Outcome::Inconclusive);
    assert!(ended.reason().contains("somebody else ended the failure"), "{}", ended.reason());
}
