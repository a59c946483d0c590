//! Operators: they stop, release, and engage kill switches.

use firedrill_core::{Outcome, Phase, Verdict, kind::DrillKind};
use firedrill_simulator::{Event, PlannedCommand, Scope};

use super::played::played;

#[test]
fn a_stop_is_never_missed() {
    for kind in DrillKind::ALL {
        for stop in [PlannedCommand::Stop, PlannedCommand::StopApplication] {
            let stopped = played(kind, |scenario| scenario.commands = vec![(8_000, stop)]);
            stopped.ended(Outcome::Stopped);
        }
    }
}

#[test]
fn nothing_is_injected_while_a_kill_switch_is_engaged() {
    for scope in [Scope::Account, Scope::Application, Scope::Drill] {
        let skipped = played(DrillKind::Instance, |scenario| {
            scenario.commands = vec![(0, PlannedCommand::Engage { scope, lasts: None })];
        });
        skipped.was_refused(Outcome::Skipped, "kill switch");
    }
    let other = played(DrillKind::Instance, |scenario| {
        scenario.commands = vec![(0, PlannedCommand::Engage { scope: Scope::AnotherDrill, lasts: None })];
    });
    other.ended(Outcome::Recovered);
}

#[test]
fn traffic_is_never_moved_back_onto_a_primary_that_really_failed() {
    for fail_back in [true, false] {
        let held = played(DrillKind::Cdn, |scenario| {
            scenario.primary_unhealthy = Some((14_000, 200_000));
            scenario.commands = vec![(300_000, PlannedCommand::Release { fail_back })];
        });
        assert!(held.phases().contains(&Phase::Held), "{:?}\n{}", held.phases(), held.timeline());
        assert_eq!(held.run().phase, Phase::Finished);
        assert_eq!(held.pages().len(), 1, "once per cause: {}", held.timeline());
        for part in [
            "The standby keeps serving",
            "The primary itself is not healthy: 503",
            "{\"release\": {\"runId\": \"test/bookstore/simulated/",
            "\"failBack\": true",
            "Playbook: https://example.com/p",
        ] {
            assert!(held.pages()[0].contains(part), "no {part} in: {}", held.pages()[0]);
        }
        let back = held.first(|event| *event == Event::MovedBack);
        assert_eq!(back.is_some(), fail_back, "{}", held.timeline());
        assert!(back.is_none_or(|at| at > 250_000), "only after the operator's word: {}", held.timeline());
    }
}

#[test]
fn a_run_whose_rollback_failed_is_closed_only_by_an_operator_or_by_its_restoration() {
    let closed = played(DrillKind::Instance, |scenario| {
        scenario.undo_refused = Some((0, 3_000_000));
        scenario.commands = vec![(900_000, PlannedCommand::Release { fail_back: false })];
    });
    closed.ended(Outcome::RollbackFailed);
    closed.learned(Verdict::Recovered);
}
