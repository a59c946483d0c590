//! People's words: an emergency command is heard whatever the clocks show, and protection goes only by name.

use firedrill_core::{Outcome, kind::DrillKind};
use firedrill_simulator::{Event, PlannedCommand, Scope};

use super::played::played;

#[test]
fn a_stop_of_an_application_is_never_missed_because_a_clock_is_behind() {
    for kind in DrillKind::ALL {
        for behind in [11_000, 15_000, 3_600_000] {
            let stopped = played(kind, |scenario| {
                scenario.stops_by_a_clock_behind = behind;
                scenario.commands = vec![(9_000, PlannedCommand::StopApplication)];
            });
            stopped.ended(Outcome::Stopped);
        }
    }
}

#[test]
fn the_accounts_kill_switch_is_never_taken_away_by_a_command_that_names_none() {
    let engaged = PlannedCommand::Engage { scope: Scope::Account, lasts: None };
    for kind in DrillKind::ALL {
        let skipped = played(kind, |scenario| {
            scenario.commands = vec![(0, engaged), (500, PlannedCommand::DisengageUnnamed)];
        });
        skipped.was_refused(Outcome::Skipped, "kill switch");
        let taken_away = skipped.first(|event| matches!(event, Event::Switched { engaged: false, .. }));
        assert_eq!(taken_away, None, "{}", skipped.timeline());
    }
}

#[test]
fn a_bad_entry_of_the_failover_functions_configuration_never_keeps_a_drill_from_its_alarm() {
    for kind in [DrillKind::Cdn, DrillKind::Database] {
        let recovered = played(kind, |scenario| scenario.failover.wrong_entry = true);
        recovered.ended(Outcome::Recovered);
    }
}

#[test]
fn long_texts_never_keep_a_run_from_being_recorded_to_its_end() {
    for kind in DrillKind::ALL {
        for command in [PlannedCommand::Stop, PlannedCommand::StopApplication] {
            let stopped = played(kind, |scenario| {
                scenario.long_texts = true;
                scenario.commands = vec![(9_000, command)];
            });
            stopped.ended(Outcome::Stopped);
            let largest = stopped.run().bytes();
            assert!(largest < 16 * 1_024, "{kind:?}: {largest} bytes");
        }
    }
}
