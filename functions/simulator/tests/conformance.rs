//! Conformance: one suite that every drill kind passes. A new drill is one line of the list.

use firedrill_core::kind::DrillKind;
use firedrill_simulator::conformance::Subject;

macro_rules! drills {
    ($($drill:ident: $subject:expr,)*) => {$(
        mod $drill {
            use super::*;

            #[test]
            fn never_injects_twice_and_unwinds_whatever_call_fails() {
                let played = $subject.rolls_back_whatever_call_fails().unwrap();
                println!("{played} failures");
                assert!(played > 150, "only {played} failures");
            }

            #[test]
            fn never_takes_unknown_for_yes() {
                let played = $subject.takes_no_unknown_for_yes().unwrap();
                println!("{played} looks");
                assert!(played > 100, "only {played} looks");
            }

            #[test]
            fn never_moves_anything_when_it_rolls_back_twice() {
                $subject.rolls_back_twice().unwrap();
            }
        }
    )*};
}

drills! {
    instances: Subject::of(DrillKind::Instance, |_| true),
    cdn_by_alarm: Subject::of(DrillKind::Cdn, |it| !it.metric),
    cdn_by_metric: Subject::of(DrillKind::Cdn, |it| it.metric),
    database_by_alarm: Subject::of(DrillKind::Database, |it| !it.metric && !it.restore_writer),
    database_by_metric: Subject::of(DrillKind::Database, |it| it.metric && !it.restore_writer),
    database_with_its_writer_restored: Subject::of(DrillKind::Database, |it| !it.metric && it.restore_writer),
}
