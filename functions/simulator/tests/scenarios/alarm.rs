//! The drills through an alarm, and the failover functions behind it.

use firedrill_core::{Outcome, kind::DrillKind};
use firedrill_simulator::Event;

use super::played::played;

const THROUGH_AN_ALARM: [DrillKind; 2] = [DrillKind::Cdn, DrillKind::Database];

fn failed_over(event: &Event) -> bool {
    matches!(event, Event::FailedOver { .. })
}

#[test]
fn a_calm_failover_never_ends_otherwise_than_recovered() {
    for kind in THROUGH_AN_ALARM {
        for metric in [false, true] {
            let calm = played(kind, |scenario| scenario.failover.metric = metric);
            calm.ended(Outcome::Recovered);
            assert_eq!(calm.count(failed_over), 1, "{}", calm.timeline());
        }
    }
}

#[test]
fn a_change_that_is_delivered_twice_or_again_hours_later_never_moves_anything_twice() {
    for kind in THROUGH_AN_ALARM {
        let twice = played(kind, |scenario| {
            scenario.failover.delivered_twice = true;
            scenario.failover.delivered_again_after = Some(7_000_000);
        });
        twice.ended(Outcome::Recovered);
        assert_eq!(twice.count(failed_over), 1, "{}", twice.timeline());
    }
}

#[test]
fn a_failover_function_that_is_denied_its_call_is_never_taken_for_a_failover() {
    for (kind, action) in
        [(DrillKind::Cdn, "cloudfront:UpdateDistribution"), (DrillKind::Database, "rds:FailoverDBCluster")]
    {
        let denied = played(kind, |scenario| scenario.failover.function_denied = true);
        denied.ended(Outcome::NotRecovered);
        assert!(denied.reason().contains(action), "{}", denied.reason());
    }
}

#[test]
fn a_configuration_is_never_taken_for_serving() {
    let slow = played(DrillKind::Cdn, |scenario| scenario.failover.edges_take = 60_000);
    slow.ended(Outcome::ObjectiveMissed);
    let times = &slow.run().times;
    let (over, serving) = (times.failed_over.unwrap().at, times.serving_standby.unwrap().at);
    assert!(serving.millis_since(over) > 40_000, "{times:?}");
}

#[test]
fn one_edge_that_serves_is_never_taken_for_all_of_them() {
    for (require_deployed, deployed_after, outcome) in [
        (false, 45_000, Outcome::Recovered),
        (true, 20_000, Outcome::Recovered),
        (true, 45_000, Outcome::ObjectiveMissed),
        (true, 200_000, Outcome::NotRecovered),
    ] {
        let played = played(DrillKind::Cdn, |scenario| {
            scenario.failover.require_deployed = require_deployed;
            scenario.failover.deployed_after = deployed_after;
        });
        played.ended(outcome);
        let times = &played.run().times;
        if let (true, Some(deployed)) = (outcome != Outcome::NotRecovered && require_deployed, times.deployed)
        {
            let served = times.serving_standby.unwrap().at;
            assert!(deployed.at.millis_since(served) + 2_000 > deployed_after, "{times:?}");
            assert_eq!(times.recovered.unwrap().at, deployed.at, "{times:?}");
        }
        assert_eq!(
            times.deployed.is_some(),
            matches!(outcome, Outcome::Recovered if require_deployed) || outcome == Outcome::ObjectiveMissed
        );
    }
}

#[test]
fn without_an_identity_probe_nobody_ever_claims_that_the_standby_served() {
    let blind = played(DrillKind::Cdn, |scenario| scenario.failover.no_identity_probe = true);
    blind.ended(Outcome::Inconclusive);
}

#[test]
fn a_composite_alarm_is_never_left_as_the_drill_set_it() {
    for kind in THROUGH_AN_ALARM {
        played(kind, |scenario| scenario.failover.composite = true).ended(Outcome::Recovered);
    }
}

#[test]
fn what_somebody_else_changed_in_the_middle_of_a_drill_is_never_overwritten() {
    let changed = played(DrillKind::Cdn, |scenario| scenario.failover.changed_by_others_at = Some(14_000));
    assert_eq!(changed.count(|event| *event == Event::Overwritten), 0, "{}", changed.timeline());
    assert_eq!(changed.count(|event| *event == Event::Paged), 1, "{}", changed.timeline());
    assert_eq!(changed.run().outcome, Some(Outcome::RollbackFailed), "{}", changed.timeline());
}

#[test]
fn the_original_writer_is_restored_only_where_that_is_asked_for_and_after_the_cool_down() {
    for restore_writer in [false, true] {
        let restored =
            played(DrillKind::Database, |scenario| scenario.failover.restore_writer = restore_writer);
        restored.ended(Outcome::Recovered);
        let back = restored.count(|event| *event == Event::MovedBack);
        assert_eq!(back, usize::from(restore_writer), "{}", restored.timeline());
    }
}
