//! Operator commands in an emergency: what is never refused for its form, and never missed.

use std::{cell::Cell, time::Duration};

use firedrill_core::{
    Outcome,
    kill_switch::{Scope, Switch},
    ports::StoreError,
    request::{Delivery, ParseError, StopOrder, StopWhat, SwitchOrder, parse},
    run::{Phase, RunId, Stop},
};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::{
    common::{at, document},
    fakes::World,
};

fn stop(fields: &Value) -> StopOrder {
    match parse(&json!({ "stop": fields })) {
        Ok(Delivery::Stop(order)) => order,
        other => panic!("{fields}: {other:?}"),
    }
}

fn switch(fields: &Value) -> SwitchOrder {
    match parse(&json!({ "killSwitch": fields })) {
        Ok(Delivery::KillSwitch(order)) => order,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn a_stop_is_never_refused_for_who_sent_it_or_why() {
    let chinese = "故障演练立即停止".repeat(21);
    assert!(chinese.chars().count() == 168 && chinese.len() > 500);
    let order = stop(&json!({ "runId": "a/b/c/d", "by": "<@U024BE7LH>", "reason": chinese }));
    assert_eq!(order.what, StopWhat::Run("a/b/c/d".to_owned()));
    assert_eq!((order.stop.by.as_str(), order.stop.reason), ("<@U024BE7LH>", chinese));
    assert_eq!(order.notes, Vec::<String>::new());

    for (by, reason) in [
        (json!(null), json!(" ")),
        (json!(4711), json!(["a", "b"])),
        (json!("<aws.scheduler.execution-id>"), json!("x".repeat(100_000))),
    ] {
        let order = stop(&json!({ "application": "bookstore", "by": by, "reason": reason }));
        assert_eq!(order.what, StopWhat::Application("bookstore".to_owned()));
        let Stop { by, reason } = &order.stop;
        assert!((1..=500).contains(&by.chars().count()), "{by}");
        assert!((1..=500).contains(&reason.chars().count()), "{reason}");
    }
    let cut = stop(&json!({ "runId": "a", "by": "ana", "reason": "x".repeat(501) }));
    assert!(cut.stop.reason.ends_with('…') && cut.notes[0].contains("`stop.reason` is longer"), "{cut:?}");
    let unsigned = stop(&json!("a/b/c/d"));
    assert_eq!(unsigned.what, StopWhat::Run("a/b/c/d".to_owned()));
    assert_eq!(unsigned.notes.len(), 2, "{:?}", unsigned.notes);
}

#[test]
fn an_emergency_command_is_never_refused_for_what_it_says_besides() {
    let signed =
        json!({ "runId": " a/b/c/d\n", "application": null, "by": "ana", "reason": "r", "ticket": 7 });
    let order = stop(&signed);
    assert_eq!(order.what, StopWhat::Run("a/b/c/d".to_owned()));
    assert_eq!(order.notes, ["`stop.ticket` is an unknown field, and was not read"]);
    assert_eq!(
        stop(&json!({ "application": "Bookstore " })).what,
        StopWhat::Application("bookstore".to_owned())
    );
    let beside = parse(&json!({ "stop": { "runId": "a", "by": "b", "reason": "c" }, "execute": true }));
    let Ok(Delivery::Stop(order)) = beside else { panic!("{beside:?}") };
    assert_eq!(order.notes, ["`execute` is an unknown field, and was not read"]);

    let signed =
        json!({ "engage": "true", "drill": "Staging/bookstore/d ", "until": "tomorrow", "for": "a day" });
    let order = switch(&signed);
    assert_eq!(order.switch.scope, Scope::Drill("staging/bookstore/d".to_owned()));
    assert!(order.engage && order.switch.until.is_none());
    for note in
        ["`killSwitch.for`", "`killSwitch.by` is missing", "`killSwitch.until` (\"tomorrow\") is no time"]
    {
        assert!(order.notes.iter().any(|said| said.contains(note)), "{note}: {:?}", order.notes);
    }
    // Which of the two is meant, nobody said.
    let two = json!({ "stop": { "runId": "a" }, "release": { "runId": "a", "by": "b", "reason": "c" } });
    assert!(parse(&two).unwrap_err().to_string().contains("stands alone"));
}

#[test]
fn a_kill_switch_without_a_scope_is_the_accounts_and_is_never_disengaged_by_that() {
    for nothing in [json!({ "engage": true }), json!({ "engage": true, "application": null, "drill": null })]
    {
        assert_eq!(switch(&nothing).switch.scope, Scope::Account, "{nothing}");
    }
    for unnamed in [
        json!({ "engage": false, "by": "ana", "reason": "over" }),
        json!({ "engage": false, "application": null, "by": "ana", "reason": "over" }),
        json!({ "engage": false, "drill": null, "account": null, "by": "ana", "reason": "over" }),
    ] {
        let refused = parse(&json!({ "killSwitch": unnamed })).unwrap_err();
        assert!(matches!(&refused, ParseError::Shape { field, .. } if field == "killSwitch"), "{refused}");
        assert!(refused.to_string().contains("`\"account\": true`"), "{refused}");
    }
    let named = switch(&json!({ "engage": false, "account": true, "by": "ana", "reason": "over" }));
    assert_eq!((named.engage, named.switch.scope), (false, Scope::Account));
    let misspelt = json!({ "engage": false, "aplication": "bookstore", "by": "ana", "reason": "over" });
    assert!(parse(&json!({ "killSwitch": misspelt })).is_err());
}

#[test]
fn the_accounts_switch_is_never_taken_away_by_a_command_that_names_none() {
    let world = World::new();
    let engaged =
        Switch { scope: Scope::Account, by: "ana".to_owned(), reason: "incident".to_owned(), until: None };
    world.table.switches.borrow_mut().push(engaged.clone());
    let fields = json!({ "engage": false, "application": null, "by": "a script", "reason": "over" });
    let refused = world.time.run(world.dispatch("operator", &json!({ "killSwitch": fields }))).unwrap_err();
    assert_eq!(refused.name(), "UnreadableRequest");
    assert_eq!(*world.table.switches.borrow(), [engaged]);
    let fields = json!({ "engage": false, "account": true, "by": "ana", "reason": "over" });
    let answer = world.time.run(world.dispatch("operator", &json!({ "killSwitch": fields }))).unwrap();
    assert_eq!((&answer["killSwitch"], &answer["engaged"]), (&json!("account"), &json!(false)));
    assert!(world.table.switches.borrow().is_empty());
}

fn id() -> RunId {
    RunId("staging/bookstore/d/r".to_owned())
}

fn application_stop() -> Value {
    json!({ "stop": { "application": "bookstore", "by": "ana", "reason": "enough" } })
}

#[test]
fn a_stop_of_an_application_is_never_missed_because_two_clocks_differ() {
    let world = World::new();
    world.targets.served.set(Some(false));
    // The clock of the machine that takes the stop is far behind the one on which the run began.
    world.table.before_each_call(|table, call| {
        if call == "control_state" {
            for (stated, _) in table.application_stop.borrow_mut().values_mut() {
                *stated = at(-86_400_000);
            }
        }
        None
    });
    let (document, answer) = (document(), Cell::new(Value::Null));
    let (ended, ()) = world.time.run(join(world.dispatch("starter", &document), async {
        world.until(Phase::Recovering).await;
        world.time.sleep(Duration::from_millis(700)).await;
        answer.set(world.dispatch("operator", &application_stop()).await.unwrap());
    }));
    ended.unwrap();
    assert_eq!(answer.take()["runs"][0]["then"], "the run stops and is rolled back");
    let run = world.table.head(&id());
    assert_eq!(run.outcome, Some(Outcome::Stopped), "{:?}", run.reason);
}

#[test]
fn a_stop_of_an_application_is_never_answered_as_if_every_run_had_it() {
    let world = World::new();
    let mut run = crate::common::run();
    run.phase = Phase::Recovering;
    world.table.put(&run, None);
    let mut other = run.clone();
    other.run_id = RunId("staging/bookstore/e/r".to_owned());
    world.table.put(&other, None);
    let mut first = true;
    world.table.before_each_call(move |_, call| {
        let fails = call == "record_command" && std::mem::replace(&mut first, false);
        fails.then(|| StoreError::Refused("throttled".to_owned()))
    });
    let error = world.time.run(world.dispatch("operator", &application_stop())).unwrap_err();
    assert_eq!(error.name(), "StoreFailed");
    let message = error.to_string();
    assert!(message.contains(&id().0) && message.contains("send it again"), "{message}");
    let commands = world.table.commands.borrow();
    assert!(commands.contains_key(&other.run_id) && !commands.contains_key(&id()), "{commands:?}");
}

#[test]
fn a_stop_of_an_application_never_takes_away_a_release_nor_stops_another_applications_run() {
    let world = World::new();
    let mut held = crate::common::run();
    held.phase = Phase::Held;
    world.table.put(&held, None);
    let mut other = crate::common::run();
    other.phase = Phase::Recovering;
    other.run_id = RunId("staging/library/d/r".to_owned());
    other.application = "library".to_owned().try_into().unwrap();
    world.table.put(&other, None);
    let answer = world.time.run(world.dispatch("operator", &application_stop())).unwrap();
    assert_eq!(answer["runs"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["runs"][0]["then"], "the run is being rolled back already: nothing changes");
    assert!(
        world.table.commands.borrow().is_empty(),
        "a stop would remove a release that is not applied yet"
    );
}
