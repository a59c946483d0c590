//! One suite that every drill passes. A new drill is one line of the list.

use firedrill_simulator::{Kind, conformance::Subject};

macro_rules! drills {
    ($($drill:ident: $subject:expr,)*) => {$(
        mod $drill {
            use super::*;

            #[test]
            fn never_injects_twice_and_unwinds_whatever_call_fails() {
                let played = $subject.unwinds_at_each_call().unwrap();
                println!("{played} failures");
                assert!(played > 200, "only {played} failures");
            }

            #[test]
            fn never_takes_unknown_for_yes() {
                let played = $subject.takes_no_unknown_for_a_yes().unwrap();
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
    instances: Subject::of(Kind::Instances, |_| true),
    cdn_by_alarm: Subject::of(Kind::Distribution, |it| !it.metric),
    cdn_by_metric: Subject::of(Kind::Distribution, |it| it.metric),
    database_by_alarm: Subject::of(Kind::Database, |it| !it.metric && !it.restore_writer),
    database_by_metric: Subject::of(Kind::Database, |it| it.metric && !it.restore_writer),
    database_with_its_writer_restored: Subject::of(Kind::Database, |it| !it.metric && it.restore_writer),
}
