//! Evidence is bounded, and what matters most is never what is cut.

use firedrill_core::{
    CallOutcome, Phase, Tristate,
    evidence::{Evidence, MAX_ITEMS, Recorder},
};

use crate::common::{at, run};

#[test]
fn a_probe_that_flaps_in_every_tick_never_pushes_out_what_was_done() {
    let mut run = run();
    let probe = |ms: i64| Evidence::Probe {
        probe: "version".to_owned(),
        seen: if ms % 2 == 0 { Tristate::Yes } else { Tristate::No },
        from: at(ms),
        to: at(ms),
        answers: 1,
        detail: None,
    };
    for tick in 0..10 {
        let mut recorder = Recorder::new(&run, at(tick * 60_000), "tick");
        for ms in 0..1_000 {
            recorder.add(&mut run.evidence, probe(tick * 60_000 + ms));
        }
        let before = (run.evidence.written, run.evidence.cut);
        let done = [
            Evidence::Call {
                sent: None,
                answered: at(tick),
                decision: "undo 1".to_owned(),
                outcome: CallOutcome::Done,
            },
            Evidence::Phase {
                at: at(tick),
                from: Phase::RollingBack,
                to: Phase::Verifying,
                by: "tick".to_owned(),
            },
            Evidence::Paged { at: at(tick), cause: "held".to_owned(), error: None },
        ];
        let last = done.last().cloned();
        for item in done {
            recorder.add(&mut run.evidence, item);
        }
        assert_eq!((run.evidence.written, run.evidence.cut), (before.0 + 3, before.1), "tick {tick}");
        assert_eq!(recorder.waiting().last().map(|(_, item)| item), last.as_ref(), "tick {tick}");
    }
    assert!(run.evidence.cut > 5_000 && run.evidence.written < MAX_ITEMS, "{:?}", run.evidence);
}
