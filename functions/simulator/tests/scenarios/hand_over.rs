//! A run that takes longer than its function works, and what the watchdog makes of it.

use firedrill_core::{Outcome, kind::DrillKind};
use serde_json::json;

use super::played::{Played, played};

/// A failover, or another standby, that does not work, in a drill whose function hands over after this long.
fn not_working(kind: DrillKind, working_time: u64, start_lost: bool) -> Played {
    played(kind, |scenario| {
        scenario.takes_over_after = None;
        scenario.failover.function_denied = true;
        scenario.working_time = working_time;
        scenario.watchdog.start_lost = start_lost;
    })
}

#[test]
fn a_failover_that_does_not_work_is_never_inconclusive_because_its_function_hands_over() {
    for kind in DrillKind::ALL {
        for working_time in [20_000, 60_000, 100_000, 120_000] {
            for start_lost in [false, true] {
                not_working(kind, working_time, start_lost).ended(Outcome::NotRecovered);
            }
        }
    }
}

#[test]
fn a_run_that_is_handed_over_never_waits_for_the_watchdogs_schedule() {
    // The schedule ticks at 30 s and at 90 s.
    for kind in DrillKind::ALL {
        let started = not_working(kind, 45_000, false);
        let after = |(at, _): &(u64, u64)| (38_000..48_000).contains(at);
        assert!(started.ticks().iter().any(after), "{:?}\n{}", started.ticks(), started.timeline());
        let lost = not_working(kind, 45_000, true);
        assert!(!lost.ticks().iter().any(after), "{:?}\n{}", lost.ticks(), lost.timeline());
    }
}

#[test]
fn a_plan_never_conceals_that_its_run_may_outlast_the_function() {
    for kind in DrillKind::ALL {
        for (working_time, outlasts) in [(840_000, false), (200_000, true)] {
            let planned = played(kind, |scenario| {
                scenario.working_time = working_time;
                scenario.change_request = Some(|request| request["execute"] = json!(false));
            });
            let told = planned.plan().notes.iter().any(|note| note.contains("objective.giveUpAfterSeconds"));
            assert_eq!(told, outlasts, "{:?}", planned.plan().notes);
        }
    }
}
