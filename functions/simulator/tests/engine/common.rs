//! What the tests of the engine begin with, and what they look at in the end.

use std::time::Duration;

use firedrill_core::{
    CallOutcome, Phase, Run, Verdict,
    evidence::Evidence,
    instance::undo,
    kind::DrillKind,
    run::{Call, Injection, OwnerId, RunId},
    timing::Timing,
};
use firedrill_simulator::{Event, Scenario, Stage};

/// The timing of the simulated stack.
pub const TIMING: Timing = Timing::DEFAULT;
/// How long a tick of the watchdog works.
pub const TICK_TIME: Duration = Duration::from_secs(280);
/// How soon what a test waits for must come, in milliseconds after the beginning.
const SOON: u64 = 1_200_000;

/// Plays a test on a calm stage of the instance drill: the watchdog is alive, and users are served by others while an instance
/// is down. `change` may change that before.
pub fn play<F: Future<Output = ()> + 'static>(
    change: impl FnOnce(&mut Scenario),
    test: impl FnOnce(Stage) -> F + 'static,
) {
    let change = |scenario: &mut Scenario| {
        scenario.seamless = true;
        change(scenario);
    };
    Stage::play(DrillKind::Instance, change, |at: Stage| {
        at.set_heartbeat(Some(Stage::moment(0)));
        test(at)
    });
}

/// No user is served while an instance is down.
pub fn unserved(scenario: &mut Scenario) {
    scenario.seamless = false;
    scenario.takes_over_after = None;
}

/// A run of this application in `checking`, whose one injecting call was answered: it was to stop the instance of the same
/// number. A test says where it was left.
pub fn injected_run(at: &Stage, application: usize) -> Run {
    let (mut run, request) = at.run_of(application);
    let call = Call {
        number: 1,
        intended: Stage::moment(0),
        sent: Some(Stage::moment(1)),
        answered: None,
        outcome: Some(CallOutcome::Done),
    };
    let injection = Injection {
        owner: run.starter.clone(),
        deadline: Stage::moment(60_000),
        calls: vec![call],
        last_absent: None,
        unobserved: false,
    };
    run.injection = Some(injection.into());
    run.undo = undo(&[Stage::instance(application)], "eu-west-2", "123456789012", "aws").into();
    at.put(&run, Some(&request));
    run
}

/// A run of this application that is being rolled back. Its instance is down, and its owner died, or released the lease
/// (`None`).
pub fn abandoned_run(at: &Stage, application: usize, owner: Option<&str>) -> RunId {
    at.leave_stopped(application);
    let mut run = injected_run(at, application);
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.owner = owner.map(|owner| OwnerId(owner.to_owned()));
    run.unwell_since = Some(Stage::moment(0));
    at.put(&run, None);
    run.run_id
}

/// The head of this run.
pub fn head(at: &Stage, id: &RunId) -> Run {
    at.head(id).unwrap_or_else(|| panic!("{id} is not on record"))
}

/// Whether the run of this application is finished, and its instance runs.
pub fn is_restored(at: &Stage, application: usize) -> bool {
    let (run, _) = at.run_of(application);
    at.is_running(application) && head(at, &run.run_id).phase == Phase::Finished
}

/// Waits until this is so, and looks every millisecond: more often than any call takes.
pub async fn until(at: &Stage, what: &str, is_so: impl Fn() -> bool) {
    while !is_so() {
        assert!(at.elapsed() < SOON, "never {what}");
        at.wait(Duration::from_millis(1)).await;
    }
}

/// Waits until the first run is on record in this phase.
pub async fn until_phase(at: &Stage, phase: Phase) {
    until(at, &phase.to_string(), || at.heads().first().is_some_and(|run| run.phase == phase)).await;
}

/// Ticks of the watchdog, one after the other, until no run is open.
pub async fn tick_until_nothing_is_open(at: &Stage) {
    for number in 0..20 {
        at.tick(&format!("tick {number}"), TICK_TIME).await.unwrap();
        if at.heads().iter().all(|run| run.phase == Phase::Finished) {
            return;
        }
    }
    panic!("still open after twenty ticks");
}

/// When everything of this form happened, in milliseconds after the beginning.
pub fn moments(at: &Stage, is: impl Fn(&Event) -> bool) -> Vec<u64> {
    let log = at.log().into_iter().filter(|logged| is(&logged.what));
    log.map(|logged| logged.at.millis_since(Stage::moment(0))).collect()
}

pub fn injects(event: &Event) -> bool {
    matches!(event, Event::InjectSent { .. })
}

pub fn undoes(event: &Event) -> bool {
    matches!(event, Event::UndoSent { .. })
}

/// Who sent the undo of this run, each time.
pub fn undone_by(at: &Stage, id: &RunId) -> Vec<String> {
    let sent = at.log().into_iter().filter_map(|logged| match logged.what {
        Event::UndoSent { run, by, .. } if run.as_ref() == Some(id) => Some(by),
        _ => None,
    });
    sent.collect()
}

/// Whether anybody decided to inject, whatever came of it.
pub fn anybody_tried_to_inject(at: &Stage) -> bool {
    let tried =
        |item: &Evidence| matches!(item, Evidence::Call { decision, .. } if decision.starts_with("inject"));
    at.all_evidence().iter().any(tried)
}
