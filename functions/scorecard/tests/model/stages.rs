//! The stage of resiliency at each rung, with each requirement missing in turn.

use firedrill_core::{
    Outcome::{ObjectiveMissed, Recovered},
    Tristate,
};
use firedrill_scorecard::{
    input::{DrillResult, Inputs},
    model::{Basis, Requirement, Scorecard, StageReached},
};
use serde_json::{Value, json};

use crate::common::{days, declare, inputs, now, result_of, scheduled, scheduled_with};

fn declaration() -> Value {
    let link = json!({ "link": "https://wiki.example.com/", "date": "2026-03-01" });
    let playbook = json!({ "link": "https://wiki.example.com/", "version": "2", "date": "2026-03-01" });
    json!({
        "application": "bookstore", "owner": "team",
        "dependencies": [
            { "name": "database", "critical": true, "thresholds": link, "playbook": playbook },
            { "name": "mail", "critical": false, "thresholds": link }
        ],
        "observability": link, "recoveryPlaybook": playbook, "prerequisites": link, "agreement": link,
        "exercise": link, "buildGate": link, "failoverAutomated": link
    })
}

fn of(environment: &str, days_ago: u64, fields: &Value) -> DrillResult {
    let mut item = json!({ "dep": "database", "over": [20_000, 1_000] });
    for (field, value) in fields.as_object().unwrap() {
        item[field] = value.clone();
    }
    result_of(&format!("{environment}/bookstore/db"), now() - days(days_ago), Recovered, &item)
}

/// A bookstore that has reached the last stage.
fn best() -> Inputs {
    let schedule = |environment: &str| {
        let fields = [
            ("/drill", json!("db")),
            ("/dependency", json!("database")),
            ("/environment", json!(environment)),
        ];
        scheduled_with("rate(28 days)", &fields)
    };
    let results = vec![
        of("staging", 20, &json!({})),
        of("staging", 3, &json!({ "by": "pipeline" })),
        of("production", 5, &json!({})),
    ];
    let mut inputs = inputs(results, vec![schedule("staging"), schedule("production")]);
    declare(&mut inputs, &declaration());
    inputs
}

fn stage(inputs: &Inputs) -> StageReached {
    Scorecard::of(inputs, now()).stages.remove(0)
}

fn requirement<'a>(stage: &'a StageReached, id: &str) -> &'a Requirement {
    let all = stage.stages.iter().flat_map(|stage| &stage.requirements);
    all.into_iter().find(|requirement| requirement.id == id).unwrap_or_else(|| panic!("{id}"))
}

/// The best bookstore with a declaration of which one field is taken away.
fn without(pointer: &str) -> Inputs {
    let mut document = declaration();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    let mut inputs = best();
    declare(&mut inputs, &document);
    inputs
}

/// The best bookstore, changed.
fn with(change: impl FnOnce(&mut Inputs)) -> Inputs {
    let mut inputs = best();
    change(&mut inputs);
    inputs
}

#[test]
fn everything_that_is_required_is_the_last_stage() {
    let stage = stage(&best());
    assert_eq!((stage.reached, &stage.missing[..]), (5, &[][..]), "{:#?}", stage.stages);
    let number = stage.stages.iter().map(|stage| stage.requirements.len()).sum::<usize>();
    assert_eq!((stage.stages.len(), number), (6, 18), "each one is taken away below");
}

#[test]
fn a_stage_is_never_reached_while_one_of_its_requirements_is_missing() {
    let is_production = |result: &DrillResult| result.key().environment == "production";
    let cases: Vec<(&str, u8, Inputs)> = vec![
        ("observability", 0, without("/observability")),
        ("dependencies", 0, without("/dependencies/1/thresholds")),
        ("recovery-playbook", 0, without("/recoveryPlaybook")),
        ("dependency-playbooks", 0, without("/dependencies/0/playbook")),
        ("prerequisites", 0, without("/prerequisites")),
        ("agreement", 0, without("/agreement")),
        ("exercise", 0, without("/exercise")),
        ("tested-before-production", 1, with(|of| of.results.retain(is_production))),
        (
            "published",
            1,
            with(|of| {
                of.page_published = Tristate::No;
                of.notices_subscribed = Tristate::No;
            }),
        ),
        ("tracked", 2, with(|of| of.page_published = Tristate::No)),
        ("cadence", 2, with(|of| of.scheduled.drills.clear())),
        ("production-run", 2, with(|of| of.results.retain(|result| !is_production(result)))),
        (
            "automated-before-production",
            3,
            with(|of| of.results.push(self::of("staging", 50, &json!({ "by": "direct" })))),
        ),
        (
            "failover-semi-automated",
            3,
            with(|of| of.results.iter_mut().for_each(|result| result.time_to_fail_over = None)),
        ),
        (
            "pipeline",
            4,
            with(|of| {
                of.results.remove(1);
            }),
        ),
        ("build-gate", 4, without("/buildGate")),
        ("production-cadence", 4, with(|of| of.results[2] = self::of("production", 36, &json!({})))),
        ("failover-automated", 4, without("/failoverAutomated")),
    ];
    let complete = stage(&best());
    for id in complete.stages.iter().flat_map(|stage| &stage.requirements).map(|requirement| requirement.id) {
        assert!(cases.iter().any(|(tried, ..)| *tried == id), "{id} is never taken away");
    }
    for (id, reached, inputs) in cases {
        let stage = stage(&inputs);
        assert_eq!(stage.reached, reached, "{id}: {:#?}", stage.missing);
        let requirement = requirement(&stage, id);
        assert_eq!(requirement.met, Tristate::No, "{id}");
        let line = format!("{}: {}", requirement.what, requirement.detail);
        assert!(stage.missing.contains(&line), "{id}: {:#?}", stage.missing);
    }
}

#[test]
fn what_is_not_known_never_counts_as_met() {
    for (page, notices, reached) in [
        (Tristate::Unknown, Tristate::Unknown, 1),
        (Tristate::Unknown, Tristate::No, 1),
        (Tristate::No, Tristate::Unknown, 1),
        (Tristate::Unknown, Tristate::Yes, 2),
        (Tristate::Yes, Tristate::Unknown, 5),
    ] {
        let stage = stage(&with(|of| (of.page_published, of.notices_subscribed) = (page, notices)));
        assert_eq!(stage.reached, reached, "{page:?}, {notices:?}");
    }
    let unread = with(|of| {
        of.scheduled.drills.clear();
        of.scheduled.unread.push("the schedules could not be read".to_owned());
    });
    let stage_unread = stage(&unread);
    assert_eq!((stage_unread.reached, requirement(&stage_unread, "cadence").met), (2, Tristate::Unknown));
    let undeclared = stage(&with(|of| of.declarations.clear()));
    assert_eq!(undeclared.reached, 0);
    for stage in &undeclared.stages {
        for requirement in stage.requirements.iter().filter(|of| of.basis == Basis::Declared) {
            assert!(requirement.met != Tristate::Yes || requirement.id == "pipeline", "{}", requirement.id);
        }
    }
    // A declaration of no critical dependency proves nothing about them.
    let mut document = declaration();
    document["dependencies"][0]["critical"] = json!(false);
    assert_eq!(stage(&with(|of| declare(of, &document))).reached, 0);
}

#[test]
fn what_is_declared_is_never_shown_as_proven() {
    let stage = stage(&best());
    for requirement in stage.stages.iter().flat_map(|stage| &stage.requirements) {
        let is_linked = requirement.link.is_some();
        assert!(!is_linked || requirement.basis == Basis::Declared, "{}", requirement.id);
        assert_eq!(requirement.link.is_some(), requirement.date.is_some(), "{}", requirement.id);
    }
    // Nobody can prove that a pipeline sent a run.
    assert_eq!(requirement(&stage, "pipeline").basis, Basis::Declared);
    assert_eq!(requirement(&stage, "failover-semi-automated").basis, Basis::Proven);
    let mut document = declaration();
    document["failoverSemiAutomated"] = json!({ "link": "https://wiki.example.com/", "date": "2026-03-01" });
    let declared = self::stage(&with(|of| {
        of.results.iter_mut().for_each(|result| result.time_to_fail_over = None);
        declare(of, &document);
    }));
    let semi = requirement(&declared, "failover-semi-automated");
    assert_eq!((semi.met, semi.basis), (Tristate::Yes, Basis::Declared));
}

#[test]
fn an_old_playbook_and_a_day_to_come_never_count() {
    let met = |pointer: &str, id: &str, date: &str| {
        let mut document = declaration();
        *document.pointer_mut(pointer).unwrap() = json!(date);
        requirement(&stage(&with(|of| declare(of, &document))), id).met
    };
    let recovery = |date| met("/recoveryPlaybook/date", "recovery-playbook", date);
    assert_eq!(recovery("2025-11-28"), Tristate::Yes, "a year ago today");
    assert_eq!(recovery("2025-11-27"), Tristate::No);
    assert_eq!(recovery("2026-11-29"), Tristate::No, "tomorrow");
    let of_database = |date| met("/dependencies/0/playbook/date", "dependency-playbooks", date);
    assert_eq!((of_database("2025-11-28"), of_database("2025-11-27")), (Tristate::Yes, Tristate::No));
    assert_eq!(met("/agreement/date", "agreement", "2026-11-29"), Tristate::No);
    assert_eq!(met("/dependencies/0/thresholds/date", "dependencies", "2026-11-29"), Tristate::No);
}

#[test]
fn the_cadence_of_a_stage_is_never_stretched_by_a_request() {
    let aged = |days_ago: u64| {
        with(|of| {
            of.results =
                vec![self::of("staging", days_ago, &json!({})), self::of("production", days_ago, &json!({}))];
        })
    };
    assert_eq!(requirement(&stage(&aged(35)), "cadence").met, Tristate::Yes);
    assert_eq!(requirement(&stage(&aged(36)), "cadence").met, Tristate::No);
    // A request may promise less; the stage asks for as much.
    let slow = with(|of| {
        for scheduled in &mut of.scheduled.drills {
            scheduled.expression = Some("rate(60 days)".to_owned());
        }
    });
    assert_eq!(requirement(&stage(&slow), "cadence").met, Tristate::No);
    // What passed in production is not yet scheduled there.
    let disabled = with(|of| of.scheduled.drills[1].enabled = false);
    assert_eq!(requirement(&stage(&disabled), "production-cadence").met, Tristate::No);
    // A drill that failed last has not passed.
    let failed = with(|of| {
        for environment in ["staging", "production"] {
            let key = format!("{environment}/bookstore/db");
            of.results.push(result_of(&key, now() - days(1), ObjectiveMissed, &json!({ "dep": "database" })));
        }
    });
    assert_eq!(stage(&failed).reached, 2);
}

#[test]
fn a_year_after_the_last_one_a_production_run_no_longer_counts() {
    let last =
        |days_ago: u64| stage(&with(|of| of.results[2] = self::of("production", days_ago, &json!({}))));
    assert_eq!(requirement(&last(365), "production-run").met, Tristate::Yes);
    assert_eq!(requirement(&last(366), "production-run").met, Tristate::No);
    // An environment that is not listed counts as production.
    let unlisted = with(|of| {
        of.results[2] = self::of("live", 5, &json!({}));
        of.scheduled.drills.push(scheduled("rate(28 days)"));
    });
    assert_eq!(requirement(&stage(&unlisted), "production-run").met, Tristate::Yes);
}
