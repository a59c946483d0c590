//! A database's alarm that sees its failover cut connections: it goes off once more, by itself.

use firedrill_core::{Outcome, Phase, Verdict, kind::DrillKind};
use firedrill_simulator::{Event, Scenario};

use super::played::{Played, played};

/// A failover that cuts connections for twenty seconds, which the alarm sees.
fn cut(change: impl FnOnce(&mut Scenario)) -> Played {
    played(DrillKind::Database, |scenario| {
        scenario.failover.outage = 20_000;
        scenario.failover.alarm_sees_cuts = true;
        scenario.failover.cool_down = 90_000;
        scenario.failover.drops_within = 90_000;
        change(scenario);
    })
}

fn risen(event: &Event) -> bool {
    *event == Event::RealAlarm
}

fn finished(event: &Event) -> bool {
    matches!(event, Event::Finished { .. })
}

#[test]
fn a_rise_that_the_drills_own_failover_caused_never_ends_nor_holds_the_run() {
    for restore_writer in [false, true] {
        let own = cut(|scenario| scenario.failover.restore_writer = restore_writer);
        own.ended(Outcome::Recovered);
        assert!(own.count(risen) > 0, "{}", own.timeline());
        assert!(!own.phases().contains(&Phase::Held), "{}", own.timeline());
        assert_eq!(own.pages(), Vec::<String>::new());
        let (risen, end) = (own.first(risen), own.first(finished));
        assert!(risen < end, "the alarm could go off after the run: {}", own.timeline());
    }
}

#[test]
fn a_rise_after_which_the_application_does_not_become_well_is_never_the_runs_own() {
    for restore_writer in [false, true] {
        let real = cut(|scenario| {
            scenario.failover.restore_writer = restore_writer;
            scenario.failover.standby_broken = true;
            scenario.give_up_after = 200_000;
        });
        real.learned(Verdict::Stopped);
        assert!(real.reason().contains("real incident"), "{}", real.reason());
        assert_eq!(real.phases().contains(&Phase::Held), restore_writer, "{}", real.timeline());
        assert!(!real.pages().is_empty(), "{}", real.timeline());
    }
}

#[test]
fn a_run_is_never_over_while_a_late_message_of_a_rise_that_it_caused_may_move_the_writer() {
    for (seed, restore_writer) in (0..40).flat_map(|seed| [(seed, false), (seed, true)]) {
        let late = cut(|scenario| {
            scenario.seed = seed;
            scenario.failover.restore_writer = restore_writer;
            // Messages of the alarm take longer than the database refuses a second failover.
            scenario.failover.delivery_takes = 60_000;
            (scenario.failover.cool_down, scenario.failover.drops_within) = (30_000, 30_000);
        });
        let moved = |event: &Event| matches!(event, Event::FailedOver { .. });
        let (last, end) = (late.last(moved), late.first(finished));
        assert!(end.is_none_or(|end| last < Some(end)), "seed {seed}: {}", late.timeline());
    }
}

#[test]
fn a_calm_run_never_waits_for_messages_of_a_rise_that_did_not_happen() {
    let calm = cut(|scenario| {
        scenario.failover.restore_writer = true;
        scenario.failover.alarm_sees_cuts = false;
    });
    calm.ended(Outcome::Recovered);
    let trigger = calm.run().trigger.as_ref().expect("the run had a trigger");
    let (back, end) = (calm.first(|event| *event == Event::MovedBack), calm.first(finished));
    let waited = end.zip(back).map(|(end, back)| end - back);
    assert!(waited < trigger.acts_on_rise_ms, "{waited:?}: {}", calm.timeline());
}
