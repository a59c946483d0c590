//! Runs that only an operator or AWS can bring further: the watchdog looks at each once in a tick, and misses nothing.

use firedrill_core::{Outcome, Phase, kind::DrillKind};
use firedrill_simulator::{Event, PlannedCommand, Scenario};

use super::played::{Played, played};

const MINUTE: u64 = 60_000;

/// A drill function that hands over soon, so that what follows is the watchdog's.
fn handed_over(kind: DrillKind, change: impl FnOnce(&mut Scenario)) -> Played {
    played(kind, |scenario| {
        scenario.working_time = 60_000;
        change(scenario);
    })
}

/// The ticks that began within this span, and did more than one look's work.
fn long_ticks(played: &Played, from: u64, to: u64) -> Vec<(u64, u64)> {
    let ticks = played.ticks().into_iter().filter(|(at, _)| (from..to).contains(at));
    let ticks: Vec<_> = ticks.collect();
    assert!(ticks.len() > 5, "only {ticks:?}\n{}", played.timeline());
    // One look asks everything at once, under the deadline of one call.
    ticks.into_iter().filter(|(_, took)| *took > 15_000).collect()
}

fn when_paged(played: &Played) -> u64 {
    played.first(|event| *event == Event::Paged).unwrap_or_else(|| panic!("no page: {}", played.timeline()))
}

#[test]
fn a_held_run_never_keeps_a_tick_of_the_watchdog_running_and_its_release_is_never_kept_waiting() {
    for fail_back in [true, false] {
        let released = 20 * MINUTE;
        let held = handed_over(DrillKind::Cdn, |scenario| {
            scenario.primary_unhealthy = Some((14_000, 200_000));
            scenario.commands = vec![(released, PlannedCommand::Release { fail_back })];
        });
        assert!(held.phases().contains(&Phase::Held), "{}", held.timeline());
        let long = long_ticks(&held, when_paged(&held) + MINUTE, released - MINUTE);
        assert!(long.is_empty(), "{long:?}\n{}", held.timeline());
        assert_eq!(held.run().phase, Phase::Finished, "{}", held.timeline());
        let back = held.first(|event| *event == Event::MovedBack);
        assert_eq!(back.is_some(), fail_back, "{}", held.timeline());
        assert!(
            back.is_none_or(|at| (released - MINUTE..released + 2 * MINUTE).contains(&at)),
            "{}",
            held.timeline()
        );
    }
}

#[test]
fn a_failed_rollback_never_keeps_a_tick_running_and_is_carried_out_once_aws_takes_the_call() {
    let taken = 22 * MINUTE;
    let failed = handed_over(DrillKind::Instance, |scenario| scenario.undo_refused = Some((0, taken)));
    failed.ended(Outcome::RollbackFailed);
    let long = long_ticks(&failed, when_paged(&failed) + MINUTE, taken - MINUTE);
    assert!(long.is_empty(), "{long:?}\n{}", failed.timeline());
    // The longest pause between two attempts is five minutes.
    let undone = failed.first(|event| *event == Event::Undone);
    assert!(undone.is_some_and(|at| (taken..taken + 7 * MINUTE).contains(&at)), "{}", failed.timeline());
}

#[test]
fn a_run_whose_rollback_failed_is_closed_by_the_next_tick_once_an_operator_gives_it_up() {
    let released = 20 * MINUTE;
    let closed = handed_over(DrillKind::Instance, |scenario| {
        scenario.undo_refused = Some((0, 60 * MINUTE));
        scenario.commands = vec![(released, PlannedCommand::Release { fail_back: false })];
    });
    closed.ended(Outcome::RollbackFailed);
    let long = long_ticks(&closed, when_paged(&closed) + MINUTE, released - MINUTE);
    assert!(long.is_empty(), "{long:?}\n{}", closed.timeline());
    let finished = closed.first(|event| matches!(event, Event::Finished { .. }));
    assert!(finished.is_some_and(|at| at < released + 2 * MINUTE), "{}", closed.timeline());
}

#[test]
fn an_application_that_is_well_again_by_itself_is_never_looked_at_too_seldom_to_see_it() {
    let well = 22 * MINUTE;
    let failed =
        handed_over(DrillKind::Instance, |scenario| scenario.primary_unhealthy = Some((14_000, well)));
    failed.ended(Outcome::RollbackFailed);
    let long = long_ticks(&failed, when_paged(&failed) + MINUTE, well - MINUTE);
    assert!(long.is_empty(), "{long:?}\n{}", failed.timeline());
    let finished = failed.first(|event| matches!(event, Event::Finished { .. }));
    assert!(finished.is_some_and(|at| (well..well + 2 * MINUTE).contains(&at)), "{}", failed.timeline());
}

#[test]
fn a_run_that_stays_held_is_never_owned_between_two_ticks_and_pages_once() {
    let held = handed_over(DrillKind::Cdn, |scenario| {
        scenario.primary_unhealthy = Some((14_000, 60 * MINUTE));
        scenario.release_after = None;
    });
    assert_eq!(held.run().phase, Phase::Held, "{}", held.timeline());
    assert!(held.run().owner.is_none(), "the lease is released between two ticks: {:?}", held.run().owner);
    assert_eq!(held.pages().len(), 1, "once: {}", held.timeline());
}
