//! A long recovery: it takes an hour, longer than any function lives.

use std::sync::Arc;

use std::time::Duration;

use firedrill_core::{Measured, Outcome, Verdict, instance::undo, run::Phase};
use futures_util::future::join;

use crate::{
    common::{at, injected, request, run},
    fakes::World,
};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_recovery_of_an_hour_is_timed_and_rolled_back_by_successive_ticks() {
    let world = World::new();
    let mut run = run();
    run.phase = Phase::Recovering;
    run.owner = None;
    run.deadline = None;
    Arc::make_mut(&mut run.limits).rto = Duration::from_hours(2);
    Arc::make_mut(&mut run.limits).give_up_after = Duration::from_hours(3);
    run.times.injected = Some(Measured::ours(at(1), 0));
    run.times.in_place = Some(Measured::ours(at(2), 1));
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.injection = Some(injected(&run).into());
    world.targets.down.borrow_mut().insert(run.run_id.clone(), 0);
    world.targets.served.set(Some(false));
    world.table.put(&run, Some(request()));

    let mut ticks = 0;
    world.time.run(async {
        let recovers = async {
            world.time.sleep(Duration::from_hours(1)).await;
            world.targets.served.set(Some(true));
        };
        let watches = async {
            while world.table.head(&run.run_id).phase != Phase::Finished {
                ticks += 1;
                assert!(ticks < 20, "still {}", world.table.head(&run.run_id).phase);
                world.tick(&format!("tick {ticks}"), Duration::from_secs(280), 0).await.unwrap();
                world.time.sleep(Duration::from_mins(1)).await;
            }
        };
        join(recovers, watches).await;
    });
    assert!(ticks > 10, "{ticks} ticks");
    let run = world.table.head(&run.run_id);
    assert_eq!((run.verdict, run.outcome), (Some(Verdict::Recovered), Some(Outcome::Recovered)));
    let recovered = run.times.recovered.unwrap();
    let late = recovered.at.as_millis() - at(HOUR_MS).as_millis();
    assert!((0..3_000).contains(&late), "recovered {late} ms after it really did");
    assert!(world.targets.injected.borrow().is_empty());
    assert!(world.targets.down.borrow().is_empty(), "the instance runs again");
}
