//! The page of a run: each outcome, each phase.

use firedrill_core::{
    Outcome, Phase, Tristate, Verdict, evidence::Evidence, gate::GateAnswer, run::StepState,
};
use firedrill_scorecard::render::{Published, RunRecord, run_page};

use crate::{
    dom::{Element, Page},
    fixture::{
        Recorded, at, awaiting, begun, database, evidence::answers, finished, in_phase, instance, planned,
    },
    html::{checked_page, text_of},
};

const VERDICTS: [(Verdict, &str); 7] = [
    (Verdict::Recovered, "Passed"),
    (Verdict::ObjectiveMissed, "Objective missed"),
    (Verdict::NotRecovered, "Not recovered"),
    (Verdict::NotInjected, "Not injected"),
    (Verdict::Stopped, "Stopped"),
    (Verdict::Skipped, "Skipped"),
    (Verdict::Inconclusive, "Inconclusive"),
];

const PHASES: [Phase; 8] = [
    Phase::Pending,
    Phase::Checking,
    Phase::Injecting,
    Phase::Recovering,
    Phase::RollingBack,
    Phase::Verifying,
    Phase::Held,
    Phase::Finished,
];

/// The source of the page of a run.
pub fn source(recorded: &Recorded) -> String {
    let Recorded { run, request, evidence } = recorded;
    let record = RunRecord { run, request: Some(request), evidence };
    run_page(record, Published { as_of: at(3_600), version: "0.1.0" }).expect("a page is written")
}

fn page(recorded: &Recorded) -> Page {
    checked_page(&source(recorded))
}

#[test]
fn no_outcome_is_ever_shown_as_another() {
    for (verdict, word) in VERDICTS {
        for request in [database(), instance()] {
            let page = page(&finished(request, verdict));
            let shown = text_of(&page, ".verdict .state");
            assert!(shown.ends_with(word), "{verdict:?} is shown as {shown}");
        }
    }
}

#[test]
fn only_a_pass_looks_like_one() {
    for (verdict, _) in VERDICTS {
        let page = page(&finished(database(), verdict));
        assert_eq!(
            page.all(".verdict .state.ok").len(),
            usize::from(verdict == Verdict::Recovered),
            "{verdict:?}"
        );
    }
}

#[test]
fn a_run_in_no_phase_is_without_a_page() {
    for phase in PHASES {
        for request in [database(), instance()] {
            let page = page(&in_phase(request, phase));
            if phase != Phase::Finished {
                assert_eq!(page.all(".verdict .state.ok").len(), 0, "{phase:?} looks like a pass");
            }
        }
    }
}

#[test]
fn a_run_that_waits_for_a_person_never_hides_what_to_do() {
    for held in [true, false] {
        let recorded = awaiting(database(), held);
        let page = page(&recorded);
        let urgent = text_of(&page, ".urgent");
        assert!(urgent.contains(r#""release""#) && urgent.contains(&recorded.run.run_id.0), "{urgent}");
        // Before all that explains it.
        let first = text_of(&page, "main section, main h2");
        assert!(first.starts_with("A person has to act"), "{first}");
    }
}

#[test]
fn a_failed_rollback_never_looks_like_the_verdict_beside_it() {
    let mut recorded = finished(database(), Verdict::Recovered);
    recorded.run.outcome = Some(Outcome::RollbackFailed);
    recorded.run.missing = Some("undo step 1".to_owned());
    let page = page(&recorded);
    assert!(text_of(&page, ".verdict").contains("Rollback failed"));
    assert!(text_of(&page, ".restored").contains("Missing when its time was over: undo step 1"));
}

#[test]
fn what_is_not_back_is_never_shown_as_restored_nor_the_reverse() {
    let shown = |recorded: &Recorded| text_of(&page(recorded), ".restored .state");
    assert_eq!(shown(&finished(database(), Verdict::NotRecovered)), "✓ Restored");
    assert_eq!(shown(&finished(database(), Verdict::Skipped)), "– Not touched");
    assert_eq!(shown(&awaiting(database(), true)), "✕ Not restored");
    assert_eq!(shown(&awaiting(database(), false)), "✕ Not restored");
    assert_eq!(shown(&in_phase(database(), Phase::Verifying)), "! Not restored yet");
    // The undo came too late, and it came: what was missing for a time stays on record.
    let mut late = finished(database(), Verdict::Recovered);
    late.run.outcome = Some(Outcome::RollbackFailed);
    late.run.missing = Some("undo step 1".to_owned());
    assert_eq!(shown(&late), "✓ Restored");
    late.run.undo_mut()[0].progress.state = StepState::LeftToOperators;
    assert_eq!(shown(&late), "✕ Not restored");
    let mut unknown = finished(database(), Verdict::Recovered);
    unknown.run.times.steady_again = None;
    assert_eq!(shown(&unknown), "? Cannot tell");
}

#[test]
fn what_to_do_never_stands_below_the_details() {
    for (verdict, _) in VERDICTS {
        let page = page(&finished(instance(), verdict));
        let first = page.all("main h2")[0].text();
        assert_eq!(first, "What to do", "{verdict:?}");
        assert!(text_of(&page, "main section").contains("team-bookstore"), "{verdict:?}");
    }
}

#[test]
fn a_time_to_recover_that_was_not_measured_is_never_left_blank() {
    let figure = |verdict| {
        let page = page(&finished(instance(), verdict));
        page.all(".figures div")[0].text()
    };
    assert_eq!(figure(Verdict::NotRecovered), "Time to recover not reached waited for 15 min");
    assert_eq!(figure(Verdict::Inconclusive), "Time to recover cannot tell");
    let running = page(&in_phase(instance(), Phase::Recovering));
    assert_eq!(running.all(".figures div")[0].text(), "Time to recover not yet");
}

#[test]
fn what_is_shown_is_what_the_record_has() {
    let page = page(&finished(database(), Verdict::ObjectiveMissed));
    let verdict = text_of(&page, ".verdict");
    assert!(
        verdict.contains("served 7 min 22 s after the injection (resolution 3.2 s); the objective is 5 min"),
        "{verdict}"
    );
    assert!(verdict.contains("That is 2 min 22 s too long"), "{verdict}");
    let figures = text_of(&page, ".figures");
    for figure in
        ["Time to recover 7 min 22 s resolution 3.2 s", "Time to detect 42 s resolution 1 s", "436 of 631"]
    {
        assert!(figures.contains(figure), "{figure}: {figures}");
    }
    let moments = text_of(&page, "table");
    assert!(
        moments.contains("Failed over: seen in AWS +49 s 2026-11-22 10:01:09.000 UTC RDS 1 s"),
        "{moments}"
    );
}

#[test]
fn a_run_whose_request_is_lost_still_has_its_playbook() {
    let recorded = finished(database(), Verdict::NotRecovered);
    let record = RunRecord { run: &recorded.run, request: None, evidence: &recorded.evidence };
    let page = checked_page(&run_page(record, Published { as_of: at(0), version: "0.1.0" }).unwrap());
    let playbook = recorded.run.recorded.playbook.link.as_str();
    assert_eq!(page.all(&format!("a[href='{playbook}']")).len(), 1);
    assert!(!text_of(&page, "main").contains("must pass every"), "a cadence that nobody knows");
}

#[test]
fn what_cannot_be_told_is_never_drawn_as_a_failure() {
    for (verdict, label) in [
        (Verdict::NotRecovered, Some("No recovery seen")),
        (Verdict::Inconclusive, Some("Recovery cannot be told")),
        (Verdict::Stopped, Some("Recovery cannot be told")),
        (Verdict::NotInjected, None),
    ] {
        let mut recorded = finished(database(), verdict);
        recorded.evidence.clear();
        let page = page(&recorded);
        let rows = text_of(&page, ".time-row");
        assert!(label.is_none_or(|label| rows.contains(label)), "{verdict:?}: {rows}");
        let red = page.all(".time-row path.f-bad").len();
        assert_eq!(red, usize::from(verdict == Verdict::NotRecovered), "{verdict:?}: {rows}");
    }
}

#[test]
fn a_plan_never_looks_like_a_run() {
    let page = page(&planned(instance()));
    assert!(text_of(&page, ".verdict").contains("Planned"));
    let plan = text_of(&page, "main");
    for part in ["A run could not start now", "is a Spot instance", "Not checked", "ec2:StopInstances"] {
        assert!(plan.contains(part), "{part}");
    }
    assert!(text_of(&page, "main").contains("Nothing was injected"));
}

#[test]
fn five_thousand_pieces_of_evidence_never_make_a_page_of_megabytes() {
    let mut recorded = finished(database(), Verdict::Recovered);
    let flapping = |n: u64| {
        answers(
            &format!("probe {}", n % 40),
            [Tristate::Yes, Tristate::No][(n / 40 % 2) as usize],
            [n, n + 1],
        )
    };
    recorded.evidence.extend((0..5_000).map(flapping));
    recorded.run.evidence.written = 6_000;
    recorded.run.evidence.cut = 123;
    let source = source(&recorded);
    assert!(source.len() < 300_000, "{} bytes", source.len());
    let page = checked_page(&source);
    let log = text_of(&page, "main");
    assert!(
        log.contains("Not shown here: ") && log.contains("of “probe”") && log.contains("123 items"),
        "left out in silence"
    );
    assert!(log.contains("more probes are not shown here"));
    // What decides is still there.
    assert!(log.contains("inject 1: AWS answered that it succeeded"));
}

#[test]
fn a_label_never_leaves_the_chart() {
    let page = page(&finished(database(), Verdict::NotRecovered));
    for label in page.all("svg.axis text") {
        let x: f64 = label.attr("x").unwrap().trim_end_matches('%').parse().unwrap();
        assert!((0.0..=100.0).contains(&x));
        let anchor = label.attr("text-anchor").unwrap();
        assert!(x < 94.0 || anchor == "end", "{x} {anchor}");
        assert!(x > 6.0 || anchor == "start", "{x} {anchor}");
    }
}

#[test]
fn a_run_without_any_time_is_still_a_page() {
    let mut recorded = begun(instance());
    recorded.run.times = firedrill_core::run::Times::default();
    recorded.run.phase = Phase::Pending;
    recorded.evidence.clear();
    assert!(text_of(&page(&recorded), "main").contains("not begun"));
}

#[test]
fn an_answer_of_a_probe_is_never_drawn_as_another() {
    let page = page(&finished(database(), Verdict::Recovered));
    let row = page.all(".time-row").into_iter().find(|row| row.text().starts_with("books answer")).unwrap();
    assert!(row.text().ends_with("289 answers, 92 no, 3 unknown"), "{}", row.text());
    for (class, heights) in [("f-ok", [13, 18]), ("f-bad", [3, 18]), ("f-mute", [10, 12])] {
        let path = row.all(&format!("path.{class}"))[0];
        let path = path.attr("d").unwrap();
        assert!(path.contains(&format!(" {}H", heights[0])), "{class}: {path}");
        assert!(path.contains(&format!("V{}H", heights[1])), "{class}: {path}");
    }
}

#[test]
fn an_open_step_of_the_undo_is_never_shown_as_done() {
    let states = |recorded: &Recorded| text_of(&page(recorded), "[aria-label=Undo] .state");
    assert_eq!(states(&awaiting(database(), true)), "✕ Open");
    let mut done = finished(database(), Verdict::Recovered);
    assert_eq!(states(&done), "✓ Done");
    done.run.undo_mut()[0].progress.state = StepState::LeftToOperators;
    assert_eq!(states(&done), "! Left to operators");
    let restored = text_of(&page(&done), ".restored");
    assert!(restored.contains("1 step of the undo was left to operators"), "{restored}");
}

#[test]
fn a_gate_or_a_hop_that_could_not_be_read_is_never_shown_as_open() {
    let mut recorded = finished(database(), Verdict::Skipped);
    for (gate, open) in [("window", Tristate::No), ("kill switch", Tristate::Unknown)] {
        recorded.evidence.push(Evidence::Gate { at: at(2), answer: GateAnswer::new(gate, open, "why") });
    }
    let gates: Vec<String> =
        page(&recorded).all("[aria-label=Gates] tbody tr").into_iter().map(Element::text).collect();
    assert_eq!(gates[..2], ["kill switch ? Cannot be read why", "window ✕ Closed why"]);
    let wiring = text_of(&page(&finished(database(), Verdict::Recovered)), "[aria-label=Wiring] .state");
    assert_eq!(wiring, "✓ There ✓ There ? Cannot be read");
}
