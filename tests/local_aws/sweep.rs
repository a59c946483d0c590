//! A sample of the sweep (`cargo sweep` does all of it), and what it may never leave out.

use crate::trials;
use libtest_mimic::Trial;
use std::{collections::BTreeMap, env, sync::Mutex};

use firedrill_core::kind::DrillKind;
use firedrill_local::{
    binaries::{self, Binaries},
    clock,
    shared_fixture::SharedFixture,
    stack::{LocalDrill, caller_key},
    sweep::{self, CallerRole, Fault, Lane, Point, RunTrace, Source},
};

/// So many points, all at a time: a home waits most of the time.
const SAMPLE: usize = 6;
const LANES: usize = 6;

/// What one undisturbed run of each source showed, and the homes in which they ran.
struct Fixture {
    found: Vec<(Source, RunTrace)>,
    homes: Mutex<Option<(Vec<Lane>, Binaries)>>,
}

/// The one fixture of these tests, but for the last.
static FIXTURE: SharedFixture<Fixture> = SharedFixture::new();
/// The fixture of the last one: runs whose drill function died right after its injecting call.
static WATCHDOG: SharedFixture<Fixture> = SharedFixture::new();

/// Runs a test with what was found. Whoever comes first looks.
fn with(test: impl AsyncFnOnce(&Fixture)) {
    FIXTURE.with(look, test);
}

async fn look() -> Fixture {
    find(LANES, false).await
}

/// Looks for the points of one kind of source, in so many homes.
async fn find(lanes: usize, watchdog: bool) -> Fixture {
    let functions = binaries::build().await.unwrap();
    let lanes = sweep::lanes(lanes, &functions).await.unwrap();
    let sources = sweep::sources(&DrillKind::ALL).into_iter().filter(|source| source.watchdog == watchdog);
    let (lanes, found) = sweep::find(lanes, sources.collect()).await.unwrap();
    Fixture { found, homes: Mutex::new(Some((lanes, functions))) }
}

fn points(fixture: &Fixture) -> Vec<Point> {
    fixture.found.iter().flat_map(|(source, ran)| sweep::points_of(*source, ran)).collect()
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    let mut trials = trials![with FIXTURE;
        no_call_that_goes_wrong_leaves_the_application_broken,
        no_call_that_changes_something_is_left_out,
    ];
    trials.extend(trials![with WATCHDOG; no_call_of_a_watchdog_that_finishes_a_run_is_left_out]);
    trials
}

fn no_call_that_goes_wrong_leaves_the_application_broken() {
    with(async |fixture| {
        let set = env::var("FIREDRILL_SEED").ok();
        let seed = match set {
            Some(text) => text.parse().expect("FIREDRILL_SEED is a whole number"),
            None => clock::epoch_ms().unsigned_abs(),
        };
        println!("FIREDRILL_SEED={seed}");
        let (lanes, functions) = fixture.homes.lock().unwrap().take().unwrap();
        let sample = sweep::sampled(points(fixture), SAMPLE, seed);
        let swept = sweep::sweep(lanes, sample, functions, |one| {
            println!("{} {} by {}: {:?}", one.point, one.outcome, one.finished_by, one.wrong);
        });
        let swept = swept.await.unwrap();
        assert_eq!(swept.len(), SAMPLE);
        // On a busy machine some may never come so far.
        let reached = |wrong: &&String| *wrong != sweep::NOT_REACHED;
        let bad: Vec<_> = swept.iter().filter(|one| one.wrong.iter().any(|wrong| reached(&wrong))).collect();
        assert!(bad.is_empty(), "FIREDRILL_SEED={seed}: {bad:#?}");
        assert!(swept.iter().any(|one| one.hit.is_some()), "FIREDRILL_SEED={seed}: {swept:#?}");
    });
}

fn no_call_that_changes_something_is_left_out() {
    with(async |fixture| {
        let points = points(fixture);
        for (source, ran) in &fixture.found {
            let function = caller_key(source.drill.row().package);
            let local = LocalDrill::of(source.drill);
            let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
            for call in &ran.calls {
                if call.caller.as_ref() == Some(&function) && call.mutating {
                    *counts.entry((&call.service, &call.action)).or_default() += 1;
                }
            }
            let begins = ("dynamodb", "TransactWriteItems");
            for call in [local.injecting_call, local.moving_call, begins] {
                assert!(counts.contains_key(&call), "{call:?}: {counts:?}");
            }
            for ((service, action), times) in counts {
                for (number, fault) in (1..=times).flat_map(|number| Fault::ALL.map(|fault| (number, fault)))
                {
                    let is_there = points.iter().any(|point| {
                        let which = &point.which;
                        (point.drill, point.number, point.fault) == (source.drill, number, fault)
                            && (which.by, which.service.as_str(), which.action.as_str())
                                == (CallerRole::Drill, service, action)
                    });
                    assert!(is_there, "{:?}: {service}:{action}#{number}, {fault:?}", source.drill);
                }
            }
        }
        let of_failover =
            |point: &Point| (point.drill, point.which.by) == (DrillKind::Cdn, CallerRole::Failover);
        assert!(points.iter().any(of_failover));
    });
}

/// The watchdog's points are left to `cargo sweep`: a run that it finishes takes twice as long.
fn no_call_of_a_watchdog_that_finishes_a_run_is_left_out() {
    WATCHDOG.with(
        async || find(DrillKind::ALL.len(), true).await,
        async |fixture| {
            for drill in DrillKind::ALL {
                let of_watchdog =
                    |point: &Point| (point.drill, point.which.by) == (drill, CallerRole::Watchdog);
                assert!(points(fixture).iter().any(of_watchdog), "{drill:?}");
            }
        },
    );
}
