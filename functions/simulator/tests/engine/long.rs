//! A long recovery: it takes an hour, longer than any function lives.

use std::{sync::Arc, time::Duration};

use firedrill_core::{Measured, Outcome, Phase, Verdict};
use firedrill_simulator::{Scenario, Stage};

use super::common::{TICK_TIME, head, injected_run, injects, moments, play};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_recovery_of_an_hour_is_timed_and_rolled_back_by_successive_ticks() {
    let change = |scenario: &mut Scenario| {
        scenario.seamless = false;
        scenario.takes_over_after = Some(HOUR_MS);
    };
    play(change, async |at: Stage| {
        at.leave_stopped(0);
        let mut run = injected_run(&at, 0);
        run.phase = Phase::Recovering;
        run.owner = None;
        run.deadline = None;
        Arc::make_mut(&mut run.limits).rto = Duration::from_hours(2);
        Arc::make_mut(&mut run.limits).give_up_after = Duration::from_hours(3);
        run.times.injected = Some(Measured::ours(Stage::moment(1), 0));
        run.times.in_place = Some(Measured::ours(Stage::moment(2), 1));
        at.put(&run, None);
        let id = run.run_id;
        let mut ticks = 0;
        while head(&at, &id).phase != Phase::Finished {
            ticks += 1;
            assert!(ticks < 20, "still {}", head(&at, &id).phase);
            at.tick(&format!("tick {ticks}"), TICK_TIME).await.unwrap();
            at.wait(Duration::from_mins(1)).await;
        }
        assert!(ticks > 10, "{ticks} ticks");
        let run = head(&at, &id);
        assert_eq!((run.verdict, run.outcome), (Some(Verdict::Recovered), Some(Outcome::Recovered)));
        let recovered = run.times.recovered.unwrap().at.millis_since(Stage::moment(0));
        let late = HOUR_MS..HOUR_MS + 3_000;
        assert!(late.contains(&recovered), "recovered after {recovered} ms by the record");
        assert!(moments(&at, injects).is_empty());
        assert!(at.is_running(0), "the instance runs again");
    });
}
