//! Drills that were given up on purpose.

use firedrill_core::{
    Outcome::{NotRecovered, Recovered},
    Timestamp,
};
use firedrill_scorecard::{
    export,
    input::{Inputs, OpenRun, ScheduledDrill},
    model::{Drill, FindingKind, Scorecard, Standing, State},
};
use serde_json::json;

use crate::common::{days, declare, inputs, kinds, now, result, result_of, scheduled, scheduled_with};

/// The bookstore, of which the drill `blue` failed 100 days ago and is declared as retired since that date, and `green` passed
/// a day ago.
fn retired(date: &str) -> Inputs {
    let green = scheduled_with("rate(28 days)", &[("/drill", json!("green"))]);
    let results = vec![
        result(now() - days(100), NotRecovered),
        result_of("staging/bookstore/green", now() - days(1), Recovered, &json!({})),
    ];
    let mut inputs = inputs(results, vec![green]);
    declare(
        &mut inputs,
        &json!({
            "application": "bookstore", "owner": "team", "dependencies": [{ "name": "compute", "critical": true }],
            "retiredDrills": [
                { "drill": "blue", "environment": "staging", "reason": "renamed to green", "date": date }
            ]
        }),
    );
    inputs
}

fn blue(scorecard: &Scorecard) -> &Drill {
    scorecard.drills.iter().find(|drill| drill.key.drill == "blue").unwrap()
}

#[test]
fn a_retired_drill_never_keeps_an_application_failing_and_is_never_hidden() {
    let scorecard = Scorecard::of(&retired("2026-11-01"), now());
    assert_eq!(scorecard.applications[0].state, State::Proven);
    assert_eq!(kinds(&scorecard, "blue"), []);
    let drill = blue(&scorecard);
    assert_eq!(drill.words, "declared as retired on 1 November 2026: renamed to green");
    assert_eq!((drill.state, drill.cadence.standing), (State::Failing, Standing::Retired));
    assert_eq!(scorecard.drills.last().unwrap().key, drill.key, "after what counts");
    // It was overdue until it was retired, and is not any more.
    let red = drill.calendar.iter().filter_map(|cell| cell.overdue_until).collect::<Vec<Timestamp>>();
    assert_eq!(red, [drill.retired.as_ref().unwrap().since]);
    assert_eq!(drill.calendar[52].overdue_since, None);
    assert!(export::csv(&scorecard).contains("renamed to green"));
}

#[test]
fn nothing_but_its_own_declaration_ever_retires_a_drill() {
    let open = |change: &dyn Fn(&mut Inputs)| {
        let mut of = retired("2026-11-28");
        change(&mut of);
        kinds(&Scorecard::of(&of, now()), "blue").contains(&FindingKind::Failed)
    };
    assert!(!open(&|_| {}), "since today");
    assert!(open(&|of| *of = retired("2026-11-29")), "from tomorrow on");
    assert!(open(&|of| of.declarations.clear()));
    let elsewhere = |of: &mut Inputs, field: &str, name: &str| {
        let mut document = serde_json::to_value(of.declarations["bookstore"].as_ref().unwrap()).unwrap();
        document["retiredDrills"][0][field] = json!(name);
        declare(of, &document);
    };
    assert!(open(&|of| elsewhere(of, "environment", "production")));
    assert!(open(&|of| elsewhere(of, "drill", "red")));
}

#[test]
fn a_retired_drill_that_still_runs_or_is_scheduled_always_counts_and_is_a_finding() {
    let text = |change: &dyn Fn(&mut Inputs)| {
        let mut of = retired("2026-11-01");
        change(&mut of);
        let scorecard = Scorecard::of(&of, now());
        assert_eq!(blue(&scorecard).retired, None);
        assert_eq!(scorecard.applications[0].state, State::Failing);
        assert!(kinds(&scorecard, "blue").contains(&FindingKind::Failed));
        let mut findings = scorecard.findings.into_iter();
        findings.find(|finding| finding.kind == FindingKind::RetiredButActive).unwrap().text
    };
    let is = "It is declared as retired since 1 November 2026, and counts nevertheless:";
    assert_eq!(
        text(&|of| of.scheduled.drills.push(scheduled("rate(28 days)"))),
        format!("{is} it is still scheduled.")
    );
    assert_eq!(
        text(&|of| of.results.push(result(now() - days(5), NotRecovered))),
        format!("{is} its last run was on 23 November 2026.")
    );
    let key = blue(&Scorecard::of(&retired("2026-11-01"), now())).key.clone();
    assert_eq!(
        text(&|of| of.open_runs.push(OpenRun { key: key.clone(), began: now() - days(1) })),
        format!("{is} a run of 27 November 2026 is under way.")
    );
    // A schedule that is disabled starts nothing.
    let mut of = retired("2026-11-01");
    of.scheduled.drills.push(ScheduledDrill { enabled: false, ..scheduled("rate(28 days)") });
    assert!(blue(&Scorecard::of(&of, now())).retired.is_some());
}

#[test]
fn a_dependency_whose_last_drill_was_retired_is_never_proven_nor_called_untried() {
    let mut of = retired("2026-11-01");
    of.scheduled.drills.clear();
    of.results.truncate(1);
    let scorecard = Scorecard::of(&of, now());
    let answer = &scorecard.applications[0];
    assert_eq!(answer.state, State::CannotTell);
    assert_eq!(
        answer.sentence,
        "bookstore: compute cannot tell, because its drill blue was retired on 1 November 2026."
    );
    // A dependency that nobody declares goes with its last drill.
    of.results[0].dependency = "cache".to_owned();
    let scorecard = Scorecard::of(&of, now());
    assert_eq!(scorecard.applications[0].sentence, "bookstore: compute never tried: it has no drill.");
}
