//! The answer for each application, and what is open.

use firedrill_core::Outcome::{
    self, Inconclusive, NotInjected, NotRecovered, ObjectiveMissed, Recovered, RollbackFailed, Skipped,
    Stopped,
};
use firedrill_scorecard::{
    input::Inputs,
    model::{FindingKind, Scorecard, State, Time},
};
use serde_json::json;

use crate::common::{days, declare, inputs, kinds, now, only, result, result_of, scheduled, scheduled_with};

/// The scorecard of a drill with these outcomes, a day apart, the last one yesterday.
fn after(outcomes: &[Outcome]) -> Scorecard {
    let results = outcomes.iter().rev().zip(1..).map(|(outcome, day)| result(now() - days(day), *outcome));
    Scorecard::of(&inputs(results.collect(), vec![scheduled("rate(1 day)")]), now())
}

#[test]
fn only_a_pass_ever_proves_anything() {
    for (outcomes, state, open) in [
        (&[Recovered][..], State::Proven, &[][..]),
        (&[Recovered, ObjectiveMissed], State::Failing, &[FindingKind::Failed]),
        (&[Recovered, NotRecovered], State::Failing, &[FindingKind::Failed]),
        (&[Recovered, RollbackFailed], State::Failing, &[FindingKind::Failed]),
        (&[NotRecovered, Recovered], State::Proven, &[]),
        (&[Recovered, Inconclusive], State::Proven, &[FindingKind::ToldNothing]),
        (&[Recovered, NotInjected], State::Proven, &[FindingKind::ToldNothing]),
        (&[Recovered, Stopped, Skipped], State::Proven, &[FindingKind::ToldNothing]),
        (&[NotRecovered, Inconclusive], State::Failing, &[FindingKind::Failed, FindingKind::ToldNothing]),
        (&[NotRecovered, Skipped], State::Failing, &[FindingKind::Failed]),
        (&[Inconclusive], State::CannotTell, &[FindingKind::ToldNothing]),
        (&[Stopped], State::CannotTell, &[FindingKind::ToldNothing]),
        (&[NotInjected], State::NeverTried, &[FindingKind::ToldNothing, FindingKind::NeverRun]),
        (&[Skipped], State::NeverTried, &[FindingKind::NeverRun]),
    ] {
        let scorecard = after(outcomes);
        assert_eq!(only(&scorecard).state, state, "{outcomes:?}");
        let mut kinds = kinds(&scorecard, "blue");
        kinds.retain(|kind| *kind != FindingKind::Overdue);
        kinds.sort();
        assert_eq!(kinds, open, "{outcomes:?}");
    }
}

#[test]
fn a_failure_stays_open_until_a_later_pass_of_the_same_drill() {
    let scorecard = after(&[Recovered, ObjectiveMissed, Inconclusive, NotRecovered, Skipped]);
    let finding = scorecard.findings.iter().find(|finding| finding.kind == FindingKind::Failed).unwrap();
    assert_eq!(finding.since, Some(now() - days(4)), "since the first failure");
    assert!(finding.text.contains("2 runs failed"), "{}", finding.text);
    assert_eq!(finding.reason.as_deref(), Some("as the record says"));
    assert_eq!(finding.playbook.as_ref().unwrap().owner, "team");
    // The pass of another drill of the same dependency ends nothing.
    let failed = result(now() - days(3), NotRecovered);
    let other = result_of("staging/bookstore/green", now() - days(1), Recovered, &json!({}));
    let green = scheduled_with("rate(1 day)", &[("/drill", json!("green"))]);
    let scorecard = Scorecard::of(&inputs(vec![failed, other], vec![scheduled("rate(1 day)"), green]), now());
    assert!(kinds(&scorecard, "blue").contains(&FindingKind::Failed));
    assert_eq!(scorecard.applications[0].dependencies[0].state, State::Failing);
}

/// The bookstore with a database (critical), a cache (not critical) and compute, of which nothing is declared.
fn bookstore(database: Outcome, cache: Outcome, compute: Outcome) -> Inputs {
    let of = |name: &str, outcome: Outcome| {
        result_of(&format!("staging/bookstore/{name}"), now() - days(2), outcome, &json!({ "dep": name }))
    };
    let schedule = |name: &str| {
        scheduled_with("rate(28 days)", &[("/drill", json!(name)), ("/dependency", json!(name))])
    };
    let mut inputs = inputs(
        vec![of("database", database), of("cache", cache), of("compute", compute)],
        ["database", "cache", "compute"].map(schedule).to_vec(),
    );
    declare(
        &mut inputs,
        &json!({
            "application": "bookstore", "title": "Bookstore", "owner": "team", "dependencies": [
                { "name": "database", "critical": true }, { "name": "cache", "title": "Cache", "critical": false }
            ]
        }),
    );
    inputs
}

#[test]
fn an_application_is_never_better_than_its_worst_critical_dependency() {
    let state = |inputs: &Inputs| Scorecard::of(inputs, now()).applications[0].state;
    assert_eq!(state(&bookstore(Recovered, Recovered, Recovered)), State::Proven);
    assert_eq!(state(&bookstore(NotRecovered, Recovered, Recovered)), State::Failing);
    assert_eq!(state(&bookstore(Recovered, NotRecovered, Recovered)), State::Proven, "it is not critical");
    assert_eq!(state(&bookstore(Recovered, Recovered, NotRecovered)), State::Failing, "it may be critical");
}

#[test]
fn an_application_is_never_called_stale_while_a_critical_dependency_was_never_proven() {
    let mut of = bookstore(Recovered, Recovered, Recovered);
    of.results.iter_mut().for_each(|result| result.finished = now() - days(40));
    of.results.iter_mut().for_each(|result| result.injected = Some(now() - days(40)));
    let state = |of: &Inputs| Scorecard::of(of, now()).applications[0].state;
    assert_eq!(state(&of), State::Stale);
    of.results[2].outcome = Inconclusive;
    assert_eq!(state(&of), State::CannotTell, "its run came to no verdict");
    of.results.pop();
    assert_eq!(state(&of), State::NeverTried);
    assert!(State::Proven < State::Stale && State::NeverTried < State::Failing);
}

#[test]
fn a_missing_declaration_never_makes_an_answer_better() {
    let mut of = bookstore(Recovered, Recovered, Recovered);
    for declared in [None, Some(Err("it is no JSON".to_owned()))] {
        of.declarations.clear();
        if let Some(declared) = declared {
            of.declarations.insert("bookstore".to_owned(), declared);
        }
        let scorecard = Scorecard::of(&of, now());
        let answer = &scorecard.applications[0];
        assert_eq!(answer.state, State::CannotTell);
        assert!(answer.why.is_some() && answer.sentence.contains("cannot tell"), "{}", answer.sentence);
        assert_eq!(scorecard.stages[0].reached, 0);
    }
    let mut of = bookstore(Recovered, NotRecovered, Recovered);
    of.declarations.clear();
    assert_eq!(Scorecard::of(&of, now()).applications[0].state, State::Failing, "the cache may be critical");
}

#[test]
fn the_declaration_of_another_application_never_speaks_for_this_one() {
    let mut of = bookstore(Recovered, Recovered, Recovered);
    let of_bookstore = of.declarations.remove("bookstore").unwrap();
    of.declarations.insert("search".to_owned(), of_bookstore);
    let scorecard = Scorecard::of(&of, now());
    let of_search = scorecard.applications.iter().find(|answer| answer.application == "search").unwrap();
    assert_eq!(of_search.sentence, "search: cannot tell, because its declaration is that of bookstore.");
    assert!(scorecard.applications.iter().all(|answer| answer.state == State::CannotTell));
}

#[test]
fn a_critical_dependency_without_a_drill_is_never_left_out() {
    let mut of = inputs(Vec::new(), Vec::new());
    declare(
        &mut of,
        &json!({
            "application": "search", "owner": "team", "dependencies": [{ "name": "index", "critical": true }]
        }),
    );
    let scorecard = Scorecard::of(&of, now());
    assert_eq!(scorecard.applications[0].state, State::NeverTried);
    assert_eq!(scorecard.applications[0].sentence, "search: index never tried: it has no drill.");
    assert_eq!(scorecard.coverage[0].rows[0].dependency, "index");
}

#[test]
fn the_sentence_says_the_worst_first_and_what_is_both_failing_and_overdue() {
    let mut of = bookstore(Recovered, Recovered, Recovered);
    of.results.clear();
    let add = |of: &mut Inputs, name: &str, days_ago: u64, outcome: Outcome| {
        let key = format!("staging/bookstore/{name}");
        of.results.push(result_of(&key, now() - days(days_ago), outcome, &json!({ "dep": name })));
    };
    add(&mut of, "cache", 6, Recovered);
    add(&mut of, "compute", 38, Recovered);
    add(&mut of, "database", 40, Recovered);
    add(&mut of, "database", 24, NotRecovered);
    assert_eq!(
        Scorecard::of(&of, now()).applications[0].sentence,
        "Bookstore: database failing since 4 November 2026, overdue 5 days; compute overdue 3 days; Cache proven 6 days ago."
    );
}

#[test]
fn what_never_recovered_is_never_left_out_of_the_worst_and_the_median() {
    let took = |ms: u64| json!({ "rec": [ms, 500] });
    let key = "staging/bookstore/blue";
    let results = vec![
        result_of(key, now() - days(4), Recovered, &took(10_000)),
        result_of(key, now() - days(3), ObjectiveMissed, &took(70_000)),
        result(now() - days(2), NotRecovered),
        result(now() - days(1), NotRecovered),
    ];
    let scorecard = Scorecard::of(&inputs(results, vec![scheduled("rate(1 day)")]), now());
    let figures = only(&scorecard).time_to_recover;
    assert_eq!(
        (figures.last, figures.median, figures.worst),
        (Some(Time::NotReached), Some(Time::NotReached), Some(Time::NotReached))
    );
    assert_eq!(figures.runs, 4);
}

#[test]
fn a_run_without_a_verdict_never_counts_as_passed() {
    let words = |outcomes: &[Outcome]| only(&after(outcomes)).passes.words.clone();
    assert_eq!(words(&[Recovered; 12]), "12 of 12 passed: at least 77.9 % (95 % confidence)");
    assert_eq!(
        words(&[Recovered, Inconclusive, Stopped, RollbackFailed]),
        "1 of 4 passed: at least 1.2 % (95 % confidence)"
    );
    assert_eq!(words(&[Recovered, Skipped, NotInjected]), "1 of 1 passed: at least 5 % (95 % confidence)");
    assert_eq!(words(&[Skipped]), "no run yet");
}

#[test]
fn at_most_so_many_results_of_a_drill_are_ever_used_and_the_rest_is_said() {
    let minute = std::time::Duration::from_mins(1);
    let results: Vec<_> = (0..600).map(|number| result(now() - minute * number, Recovered)).collect();
    let scorecard = Scorecard::of(&inputs(results, vec![scheduled("rate(1 minute)")]), now());
    let drill = only(&scorecard);
    assert_eq!(drill.history.len(), Inputs::MAX_RESULTS);
    assert!(drill.results_cut);
    assert_eq!(drill.history.last().unwrap().at, now());
}

#[test]
fn what_could_not_be_read_is_always_said_and_never_at_any_length() {
    let mut of = inputs(vec![result(now() - days(1), Recovered)], vec![scheduled("rate(1 day)")]);
    of.unread = (0..300).map(|number| format!("result {number} could not be read")).collect();
    let scorecard = Scorecard::of(&of, now());
    assert_eq!(scorecard.unread.len(), 101);
    assert_eq!(scorecard.unread[0], "result 0 could not be read");
    assert_eq!(scorecard.unread[100], "200 more things could not be read.");
}

#[test]
fn a_call_without_its_effect_never_counts_as_a_tried_failure() {
    let sent =
        result_of("staging/bookstore/blue", now() - days(1), NotInjected, &json!({ "inj": now() - days(1) }));
    let scorecard = Scorecard::of(&inputs(vec![sent], vec![scheduled("rate(1 day)")]), now());
    let drill = only(&scorecard);
    assert_eq!((drill.state, drill.passes.of, drill.history.len()), (State::NeverTried, 0, 0));
    assert_eq!(scorecard.losses[0].drills.events, 0);
}
