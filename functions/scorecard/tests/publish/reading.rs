//! What is read, all of it, and what becomes of what cannot be read.

use std::collections::BTreeSet;

use firedrill_core::{
    Outcome::{NotRecovered, Recovered},
    Phase, Timestamp, Tristate,
    failover::{AlarmState, Done, JournalEntry},
    request::Name,
    result::DrillKey,
    run::RunId,
};
use firedrill_scorecard::{
    input::Inputs,
    model::{Drill, Scorecard, Standing, State},
    ports::{EventRule, Parameter, RuleTarget, RunEvidence, Schedule},
    publish::read_inputs,
};
use futures_util::FutureExt as _;
use serde_json::json;

use crate::{
    common::{
        ALARM, FUNCTION, days, declaration, now, published, request, result, schedule, settings, subscriber,
    },
    fixture,
    world::World,
};

fn read(world: &World) -> Inputs {
    read_inputs(world, &settings(), now()).now_or_never().expect("every port answers at once")
}

fn scorecard(world: &World) -> Scorecard {
    Scorecard::of(&read(world), now())
}

fn drill<'a>(scorecard: &'a Scorecard, name: &str) -> &'a Drill {
    scorecard.drills.iter().find(|drill| drill.key.drill == name).unwrap_or_else(|| panic!("no {name}"))
}

fn incident(at: Timestamp) -> JournalEntry {
    JournalEntry {
        alarm_arn: ALARM.to_owned(),
        at,
        state: AlarmState::Alarm,
        reason: "Threshold Crossed".to_owned(),
        run_id: None,
        received_at: at,
        by: "invocation".to_owned(),
        claimed_at: at,
        called_at: Some(at),
        outcome: None,
        done: Some(Done::FailedOver),
        why: Some("the standby was well".to_owned()),
        concluded_at: Some(at),
    }
}

/// A drill of each kind that depends on one more thing being read: `proven` passed, `failing` did not, `waits` would be overdue
/// if no run were under way, `retired` if it were not declared as retired, `slower` if its schedule did not say that it has to pass
/// less often than its results do, `unscheduled` has lost its schedule, `ruled` is started by a rule, and of `twice` one schedule
/// is disabled and the other one is not.
fn world() -> World {
    let mut world = World { page_size: 2, ..World::default() };
    for (name, outcome, ago) in [
        ("proven", Recovered, 3),
        ("failing", NotRecovered, 5),
        ("waits", Recovered, 36),
        ("retired", Recovered, 200),
        ("unscheduled", Recovered, 20),
        ("ruled", Recovered, 4),
        ("twice", Recovered, 6),
        ("slower", Recovered, 40),
    ] {
        world.set_results(vec![
            result(name, now() - days(ago + 28), Recovered),
            result(name, now() - days(ago), outcome),
        ]);
        if !["retired", "unscheduled", "ruled"].contains(&name) {
            world.schedules.insert(name.to_owned(), schedule(&request(name), "rate(28 days)"));
        }
    }
    let mut slower = request("slower");
    slower["cadence"]["everyDays"] = json!(60);
    world.schedules.insert("slower".to_owned(), schedule(&slower, "rate(28 days)"));
    let disabled = Schedule { enabled: false, ..world.schedules["twice"].clone() };
    world.schedules.insert("twice-disabled".to_owned(), disabled);
    let rule = EventRule {
        arn: "arn:aws:events:eu-west-2:123456789012:rule/ruled".to_owned(),
        enabled: true,
        expression: Some("rate(28 days)".to_owned()),
    };
    let target = RuleTarget {
        arn: FUNCTION.to_owned(),
        input: None,
        input_template: Some(request("ruled").to_string()),
    };
    world.rules.insert("ruled".to_owned(), (rule, vec![target]));
    open(&mut world, "waits", now() - days(2));
    world.parameters = vec![declaration()];
    world.subscriptions = vec![subscriber(false), subscriber(false), subscriber(true)];
    world.journal = vec![incident(now() - days(9))];
    world
}

/// A run that is under way since then.
fn open(world: &mut World, drill: &str, began: Timestamp) {
    let mut recorded = fixture::in_phase(fixture::instance(), Phase::Recovering);
    recorded.run.drill = Name::try_from(drill.to_owned()).unwrap();
    recorded.run.times.scheduled = Some(began);
    recorded.run.run_id = RunId(format!("staging/bookstore/{drill}/open"));
    world.open.push(recorded.run.run_id.clone());
    let whole = (recorded.run.clone(), recorded.request, RunEvidence::default());
    world.runs.insert(recorded.run.run_id, whole);
}

#[test]
fn everything_is_read_as_it_is() {
    let scorecard = scorecard(&world());
    assert!(scorecard.unread.is_empty(), "{:?}", scorecard.unread);
    let states: Vec<(&str, State, Standing)> = ["proven", "failing", "waits", "retired", "ruled", "twice"]
        .map(|name| (name, drill(&scorecard, name)))
        .map(|(name, drill)| (name, drill.state, drill.cadence.standing))
        .to_vec();
    assert_eq!(
        states,
        [
            ("proven", State::Proven, Standing::OnTime),
            ("failing", State::Failing, Standing::Due),
            ("waits", State::Proven, Standing::Due),
            ("retired", State::Stale, Standing::Retired),
            ("ruled", State::Proven, Standing::OnTime),
            ("twice", State::Proven, Standing::OnTime),
        ]
    );
    assert_eq!(scorecard.losses[0].incidents.events, 1);
    assert_eq!(read(&world()).notices_subscribed, Tristate::Yes);
}

/// What a scorecard claims that somebody may act on.
fn claims(scorecard: &Scorecard) -> BTreeSet<String> {
    let findings = scorecard.findings.iter().map(|of| format!("finding {:?} of {}", of.kind, of.key));
    let drills = scorecard.drills.iter().flat_map(|drill| {
        let key = &drill.key;
        [
            (drill.is_overdue() == Some(true)).then(|| format!("{key} is overdue")),
            (drill.is_failing() == Some(true)).then(|| format!("{key} is failing")),
            (drill.state == State::NeverTried).then(|| format!("{key} was never tried")),
            (drill.state == State::Proven).then(|| format!("{key} is proven")),
            drill.replaced_by.is_some().then(|| format!("{key} was replaced")),
        ]
    });
    let requirements = scorecard.stages.iter().flat_map(|reached| &reached.stages);
    let requirements = requirements.flat_map(|stage| &stage.requirements);
    let absent = requirements.filter(|of| of.met == Tristate::No).map(|of| format!("{} is not met", of.id));
    findings.chain(drills.flatten()).chain(absent).collect()
}

#[test]
fn nothing_unread_is_ever_taken_for_absent() {
    let healthy = world();
    let before = claims(&scorecard(&healthy));
    let publication = published(&healthy, now());
    let (files, told) = (publication.summary.files, healthy.markers.borrow().len());
    let calls: BTreeSet<String> = healthy.calls.take().into_iter().collect();
    let reads: Vec<&String> =
        calls.iter().filter(|call| !call.starts_with("put_object") && !call.starts_with("mark")).collect();
    assert!(reads.len() > 20, "{reads:?}");
    for call in reads {
        let world = world();
        world.fail(call);
        let scorecard = scorecard(&world);
        assert!(
            scorecard.unread.iter().any(|what| what.contains("it broke")),
            "{call}: {:?}",
            scorecard.unread
        );
        let more: Vec<_> = claims(&scorecard).difference(&before).cloned().collect();
        assert!(more.is_empty(), "{call} failed, and the scorecard says {more:?}");
        let publication = published(&world, now());
        assert_eq!((publication.summary.files, publication.failures.len()), (files, 0), "{call}");
        assert!(world.markers.borrow().len() <= told, "{call}: {:?}", world.markers.borrow().keys());
        assert!(publication.summary.unread > 0, "{call}");
    }
}

#[test]
fn no_page_is_left_unread() {
    let whole = scorecard(&World { page_size: 100, ..world() });
    assert_eq!(scorecard(&World { page_size: 1, ..world() }), whole);
}

#[test]
fn a_result_that_cannot_be_read_never_leaves_an_older_pass_the_last_word() {
    let later = || json!({ "v": 2, "fin": now() - days(1) });
    let with = |items: Vec<serde_json::Value>| {
        let mut world = World::default();
        world.schedules.insert("blue".to_owned(), schedule(&request("blue"), "rate(28 days)"));
        let key = result("blue", now(), Recovered).key();
        world.results.insert(key, Box::new(move || Box::new(items.clone().into_iter())));
        world
    };
    let passed = || serde_json::to_value(result("blue", now() - days(2), Recovered)).unwrap();
    let newer = scorecard(&with(vec![later(), passed()]));
    let blue = drill(&newer, "blue");
    assert_eq!((blue.state, blue.cadence.standing), (State::CannotTell, Standing::CannotTell));
    assert_eq!(blue.words, "cannot tell, because its results cannot be read");
    assert!(
        newer.unread[0].contains("Of staging/bookstore/blue, 1 result cannot be read"),
        "{:?}",
        newer.unread
    );
    let older = scorecard(&with(vec![passed(), later()]));
    assert_eq!((drill(&older, "blue").state, older.unread.len()), (State::Proven, 1));
    // Nor does a result of another drill count for this one.
    let foreign = serde_json::to_value(result("green", now() - days(1), Recovered)).unwrap();
    assert_eq!(drill(&scorecard(&with(vec![foreign, passed()])), "blue").state, State::CannotTell);
}

#[test]
fn a_drill_of_which_nothing_can_be_read_never_vanishes() {
    let mut world = world();
    world.schedules.clear();
    world.fail("results staging/bookstore/failing");
    let scorecard = scorecard(&world);
    assert_eq!(drill(&scorecard, "failing").state, State::CannotTell);
    assert!(scorecard.applications[0].dependencies.iter().all(|of| !of.dependency.is_empty()));
}

#[test]
fn a_run_that_has_ended_since_it_was_listed_never_keeps_a_drill_from_being_overdue() {
    let mut world = world();
    let id = world.open[0].clone();
    world.runs.get_mut(&id).unwrap().0.phase = Phase::Finished;
    assert_eq!(drill(&scorecard(&world), "waits").cadence.standing, Standing::Overdue);
    world.runs.clear();
    assert_eq!(drill(&scorecard(&world), "waits").cadence.standing, Standing::Overdue);
}

#[test]
fn only_what_starts_a_drill_function_is_ever_taken_for_its_schedule() {
    let mut world = World::default();
    for (name, target) in [
        ("plain", FUNCTION.to_owned()),
        ("alias", format!("{FUNCTION}:live")),
        ("other", format!("{FUNCTION}-2")),
        ("foreign", "arn:aws:lambda:eu-west-2:123456789012:function:backup".to_owned()),
    ] {
        let target_arn = target;
        let of_it = Schedule { target_arn, ..schedule(&request(name), "rate(28 days)") };
        world.schedules.insert(name.to_owned(), of_it);
    }
    let found: Vec<DrillKey> = scorecard(&world).drills.into_iter().map(|drill| drill.key).collect();
    let names: Vec<&str> = found.iter().map(|key| key.drill.as_str()).collect();
    assert_eq!(names, ["alias", "plain"]);
    assert!(
        !world
            .calls
            .borrow()
            .iter()
            .any(|call| call == "get_schedule other" || call == "get_schedule foreign")
    );
}

#[test]
fn what_a_rule_sends_is_never_guessed() {
    let mut world = World::default();
    let rule =
        EventRule { arn: "arn:aws:events:eu-west-2:1:rule/r".to_owned(), enabled: true, expression: None };
    let target =
        |input: Option<String>, arn: &str| RuleTarget { arn: arn.to_owned(), input, input_template: None };
    let targets = vec![
        target(Some(request("constant").to_string()), FUNCTION),
        target(None, FUNCTION),
        target(Some(request("other").to_string()), "arn:aws:lambda:eu-west-2:123456789012:function:backup"),
    ];
    world.rules.insert("r".to_owned(), (rule, targets));
    let inputs = read(&world);
    let keys: Vec<Option<String>> =
        inputs.scheduled.drills.iter().map(|of| of.key().map(|key| key.drill)).collect();
    assert_eq!(keys, [Some("constant".to_owned()), None]);
    assert!(inputs.scheduled.drills[1].request.as_ref().unwrap_err().contains("the event as it is"));
}

#[test]
fn a_declaration_of_another_application_is_never_taken() {
    let mut world = world();
    let Parameter { value, .. } = declaration();
    let names = ["/firedrill/applications/checkout", "/firedrill/applications/a/b", "/other"];
    world.parameters = names.map(|name| Parameter { name: name.to_owned(), value: value.clone() }).to_vec();
    let inputs = read(&world);
    let why = inputs.declarations["checkout"].as_ref().unwrap_err();
    assert_eq!(why, "its field `application` is `bookstore`");
    assert_eq!((inputs.declarations.len(), inputs.unread.len()), (1, 2), "{:?}", inputs.unread);
}

#[test]
fn a_subscription_that_nobody_confirmed_never_counts() {
    let mut world = world();
    world.subscriptions = vec![subscriber(false)];
    assert_eq!(read(&world).notices_subscribed, Tristate::No);
    world.fail("subscriptions");
    assert_eq!(read(&world).notices_subscribed, Tristate::Unknown);
}
