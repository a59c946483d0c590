//! Kill switches, the watchdog's heartbeat, stops and the run's deadline: what keeps a run from injecting, what ends
//! it early, and what never holds a rollback back.

use std::{cell::Cell, rc::Rc, time::Duration};

use firedrill_core::{
    Outcome, Run, Verdict,
    dispatch::DispatchError,
    kill_switch::{Scope, Switch},
    millis,
    ports::StoreError,
    run::{Phase, RunId, Stop},
};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::{
    common::{at, document, timing},
    fakes::{FakeStore, World},
};

fn id() -> RunId {
    RunId("staging/bookstore/d/r".to_owned())
}

/// The time of two looks, and of the calls of one more.
fn two_polls() -> u64 {
    millis(2 * timing().poll) + 200
}

fn switch(scope: Scope, until: Option<i64>) -> Switch {
    Switch { scope, by: "ana".to_owned(), reason: "black friday".to_owned(), until: until.map(at) }
}

/// Runs the drill to its end, and `meanwhile` beside it.
fn play(world: &World, meanwhile: impl Future<Output = ()>) -> Run {
    let document = document();
    let (answer, ()) = world.time.run(join(world.dispatch("starter", &document), meanwhile));
    answer.unwrap();
    world.table.head(&id())
}

fn nothing() -> impl Future<Output = ()> {
    std::future::ready(())
}

fn reason(run: &Run) -> &str {
    run.reason.as_deref().unwrap_or_default()
}

/// Interferes once, right before the control state is read for the last time: the intent is saved, the call not yet sent.
fn between_save_and_call(world: &World, mut interfere: impl FnMut(&FakeStore) + 'static) {
    let mut done = false;
    world.table.before_each_call(move |table, call| {
        let intended = table.heads().first().is_some_and(|run| run.phase == Phase::Injecting);
        if call == "control_state" && intended && !std::mem::replace(&mut done, true) {
            interfere(table);
        }
        None
    });
}

fn is_untouched(world: &World) -> bool {
    world.targets.injected.borrow().is_empty() && world.targets.undone.borrow().is_empty()
}

/// The run ended `stopped`, its targets are up, and its first undo call was sent within two looks of `since`.
fn stopped_and_rolled_back(world: &World, run: &Run, since: u64) {
    assert_eq!((run.verdict, run.outcome), (Some(Verdict::Stopped), Some(Outcome::Stopped)), "{run:?}");
    assert!(world.targets.down.borrow().is_empty());
    let undone = world.targets.undone.borrow()[0].0;
    assert!((since..=since + two_polls()).contains(&undone), "asked at {since}, undone at {undone}");
}

#[test]
fn without_a_switch_and_with_a_watchdog_a_run_injects_and_recovers() {
    let world = World::new();
    let run = play(&world, nothing());
    assert_eq!(run.outcome, Some(Outcome::Recovered));
    assert_eq!(world.targets.injected.borrow().len(), 1);
}

#[test]
fn nothing_is_injected_while_a_kill_switch_is_engaged() {
    let application = |name: &str| Scope::Application(name.to_owned());
    let drill = |name: &str| Scope::Drill(format!("staging/bookstore/{name}"));
    for (scope, until, keeps) in [
        (Scope::Account, None, true),
        (application("bookstore"), None, true),
        (drill("d"), None, true),
        (Scope::Account, Some(60_000), true),
        (Scope::Account, Some(-1), false),
        (application("another"), None, false),
        (drill("another"), None, false),
    ] {
        let world = World::new();
        world.table.switches.borrow_mut().push(switch(scope.clone(), until));
        let run = play(&world, nothing());
        assert_eq!(is_untouched(&world), keeps, "{scope:?} until {until:?}");
        assert_eq!(run.outcome == Some(Outcome::Skipped), keeps, "{scope:?} until {until:?}: {run:?}");
        if keeps {
            let expected = format!("gate `kill switch` is closed: engaged for {scope} by ana: black friday");
            assert!(reason(&run).starts_with(&expected), "{}", reason(&run));
        }
    }
}

#[test]
fn a_kill_switch_that_cannot_be_read_counts_as_engaged() {
    let world = World::new();
    world.table.switches.borrow_mut().push(Switch::unreadable(Scope::Account, "`until` is no time"));
    let run = play(&world, nothing());
    assert!(is_untouched(&world) && reason(&run).contains("`until` is no time"), "{}", reason(&run));

    // So does a record that cannot be read at all, for as long as it cannot.
    let world = World::new();
    world.table.before_each_call(|_, call| {
        (call == "control_state").then(|| StoreError::Unknown("away".to_owned()))
    });
    let run = play(&world, nothing());
    assert!(is_untouched(&world));
    assert_eq!(run.outcome, Some(Outcome::Skipped));
    assert!(reason(&run).contains("gate `kill switch` is unreadable"), "{}", reason(&run));
}

#[test]
fn nothing_is_injected_unless_the_watchdogs_heartbeat_is_fresh() {
    let fresh = i64::try_from(millis(timing().heartbeat_fresh)).unwrap();
    for (beat, injects) in [
        (None, false),
        (Some(at(-fresh - 1)), false),
        (Some(at(-fresh + 30_000)), true),
        (Some(at(fresh)), true),
        // A heartbeat from the future: a clock that is far off proves nothing.
        (Some(at(fresh + 60_000)), false),
    ] {
        let world = World::new();
        world.table.heartbeat.set(beat);
        let run = play(&world, nothing());
        assert_eq!(!is_untouched(&world), injects, "{beat:?}: {}", reason(&run));
        assert_eq!(reason(&run).contains("gate `watchdog` is closed"), !injects, "{}", reason(&run));
    }
}

#[test]
fn what_closes_between_the_save_and_the_call_keeps_it_from_being_sent() {
    type Interference = fn(&FakeStore);
    let interferences: [(&str, Interference); 5] = [
        ("kill switch", |table| table.switches.borrow_mut().push(switch(Scope::Account, None))),
        ("watchdog", |table| table.heartbeat.set(None)),
        ("watchdog", |table| table.heartbeat.set(Some(at(-200_000)))),
        ("stopped by ana", |table| {
            let commands = &mut *table.commands.borrow_mut();
            let commands = commands.entry(id()).or_default();
            commands.number += 1;
            commands.stop = Some(Stop { by: "ana".to_owned(), reason: "enough".to_owned() });
        }),
        ("stopped by ana", |table| {
            let stop = Stop { by: "ana".to_owned(), reason: "enough".to_owned() };
            table.application_stop.borrow_mut().insert("bookstore".to_owned(), (at(3_000), stop));
        }),
    ];
    for (why, interference) in interferences {
        let world = World::new();
        between_save_and_call(&world, interference);
        let run = play(&world, nothing());
        assert!(is_untouched(&world), "{why}: it was sent");
        assert_eq!(run.outcome, Some(Outcome::Stopped), "{why}");
        assert!(reason(&run).contains(why), "{why}: {}", reason(&run));
        assert!(world.table.first(Phase::Injecting).is_some(), "{why}: the intent was never saved");
    }
}

#[test]
fn an_unreadable_record_right_before_the_call_keeps_it_from_being_sent_until_it_can_be_read() {
    let world = World::new();
    let was_unreadable = Rc::new(Cell::new(false));
    let first = Rc::clone(&was_unreadable);
    world.table.before_each_call(move |table, call| {
        let intended = table.heads().first().is_some_and(|run| run.phase == Phase::Injecting);
        let hit = call == "control_state" && intended && !first.replace(intended || first.get());
        hit.then(|| StoreError::Unknown("away".to_owned()))
    });
    let run = play(&world, nothing());
    assert!(was_unreadable.get());
    let calls = run.injection.as_ref().unwrap().calls.len();
    assert_eq!((run.outcome, calls), (Some(Outcome::Recovered), 2), "the first was not sent, the second was");
    assert_eq!(world.targets.injected.borrow().len(), 1);
}

#[test]
fn a_kill_switch_engaged_while_the_failure_is_in_place_stops_the_run_and_rolls_it_back() {
    for stop_takes in [0, 20] {
        let world = World::new();
        world.targets.served.set(Some(false));
        world.targets.stop_takes.set(Duration::from_secs(stop_takes));
        let since = Cell::new(0);
        let run = play(&world, async {
            world.until(Phase::Injecting).await;
            world.time.sleep(Duration::from_millis(3_300)).await;
            world.table.switches.borrow_mut().push(switch(Scope::Account, None));
            since.set(world.time.now());
        });
        stopped_and_rolled_back(&world, &run, since.get());
        assert!(reason(&run).contains("kill switch of account"), "{}", reason(&run));
    }
}

/// The two stops that an operator can give: of the run, and of its application.
fn stop_orders() -> [Value; 2] {
    [
        json!({ "stop": { "runId": id(), "by": "ana", "reason": "enough" } }),
        json!({ "stop": { "application": "bookstore", "by": "ana", "reason": "enough" } }),
    ]
}

/// Plays a run and stops it once it is in this phase; returns the run, when it was stopped, and the answer.
fn stop_in(world: &World, phase: Phase, order: &Value) -> (Run, u64, Value) {
    let stopped_at = Cell::new(0);
    let answer = Cell::new(Value::Null);
    let run = play(world, async {
        world.until(phase).await;
        world.time.sleep(Duration::from_millis(700)).await;
        answer.set(world.dispatch("operator", order).await.unwrap());
        stopped_at.set(world.time.now());
    });
    (run, stopped_at.get(), answer.take())
}

#[test]
fn a_stop_before_the_intent_is_saved_skips_the_run() {
    for order in stop_orders() {
        let world = World::new();
        // No steady state: the run goes on checking.
        world.targets.served.set(None);
        let (run, stopped_at, answer) = stop_in(&world, Phase::Checking, &order);
        assert!(is_untouched(&world));
        assert_eq!(run.outcome, Some(Outcome::Skipped));
        assert_eq!(reason(&run), "stopped by ana: enough");
        assert!(world.table.first(Phase::Finished).unwrap() <= stopped_at + two_polls());
        assert_eq!(answer["runs"][0]["then"], "nothing was touched: the run ends as skipped");
        assert_eq!(answer["runs"][0]["willBeUndone"], json!([]));
    }
}

#[test]
fn a_stop_after_the_intent_is_saved_rolls_back_within_two_polls() {
    for order in stop_orders() {
        for phase in [Phase::Injecting, Phase::Recovering] {
            let world = World::new();
            world.targets.served.set(Some(false));
            world.targets.stop_takes.set(Duration::from_secs(if phase == Phase::Injecting { 20 } else { 0 }));
            let (run, stopped_at, answer) = stop_in(&world, phase, &order);
            stopped_and_rolled_back(&world, &run, stopped_at);
            assert_eq!(reason(&run), "stopped by ana: enough");
            let of = &answer["runs"][0];
            assert_eq!(answer["stop"], json!({ "by": "ana", "reason": "enough" }));
            assert_eq!(
                (of["runId"].as_str(), of["phase"].as_str()),
                (Some(&*id().0), Some(&*phase.to_string()))
            );
            assert_eq!(of["then"], "the run stops and is rolled back");
            assert_eq!(of["willBeUndone"][0]["action"], "StartInstances");
            assert_eq!(of["willBeUndone"][0]["resources"], json!(["i-0123456789abcdef0"]));
        }
    }
}

#[test]
fn a_stop_during_the_rollback_is_recorded_and_changes_nothing_else() {
    let calm = World::new();
    calm.targets.start_takes.set(Duration::from_secs(20));
    let undisturbed = play(&calm, nothing());
    for order in stop_orders() {
        for phase in [Phase::RollingBack, Phase::Verifying] {
            let world = World::new();
            world.targets.start_takes.set(Duration::from_secs(20));
            let (run, _, answer) = stop_in(&world, phase, &order);
            assert_eq!(run.stop, Some(Stop { by: "ana".to_owned(), reason: "enough".to_owned() }), "{phase}");
            assert_eq!((run.verdict, run.outcome), (undisturbed.verdict, undisturbed.outcome), "{phase}");
            assert_eq!(world.targets.undone.borrow().len(), calm.targets.undone.borrow().len(), "{phase}");
            assert_eq!(answer["runs"][0]["then"], "the run is being rolled back already: nothing changes");
        }
    }
}

#[test]
fn a_stop_of_a_finished_run_says_that_it_is_over_and_one_of_no_run_that_there_is_none() {
    let world = World::new();
    let [by_run, by_application] = stop_orders();
    let refused = world.time.run(world.dispatch("operator", &by_run)).unwrap_err();
    assert_eq!(refused.name(), "NoSuchRun");
    let run = play(&world, nothing());
    let answer = world.time.run(world.dispatch("operator", &by_run)).unwrap();
    assert_eq!(answer["runs"][0]["then"], "the run is finished: nothing changes");
    assert!(world.table.commands.borrow().is_empty(), "a finished run applies no command");
    let answer = world.time.run(world.dispatch("operator", &by_application)).unwrap();
    assert_eq!(answer["runs"], json!([]));
    assert_eq!(world.table.head(&id()), run);
}

#[test]
fn a_stop_of_an_application_is_answered_though_a_head_cannot_be_read() {
    let world = World::new();
    world.targets.served.set(None);
    let other = RunId("staging/bookstore/later/r".to_owned());
    world.table.put(&Run { run_id: other.clone(), ..crate::common::run() }, None);
    world.table.later.borrow_mut().insert(other.clone());
    let answer = Cell::new(Value::Null);
    let run = play(&world, async {
        world.time.sleep(Duration::from_secs(3)).await;
        answer.set(world.dispatch("operator", &stop_orders()[1]).await.unwrap());
    });
    let answer = answer.take();
    assert_eq!(run.outcome, Some(Outcome::Skipped));
    let runs = answer["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    let unreadable = runs.iter().find(|of| of["runId"] == json!(other)).unwrap();
    assert!(unreadable["unreadable"].as_str().unwrap().contains("layout 2"), "{unreadable}");
}

#[test]
fn a_stop_of_yesterday_never_stops_todays_run() {
    let world = World::new();
    let stop = Stop { by: "ana".to_owned(), reason: "yesterday".to_owned() };
    let yesterday = (at(-86_400_000), stop.clone());
    world.table.application_stop.borrow_mut().insert("bookstore".to_owned(), yesterday);
    world.table.application_stop.borrow_mut().insert("another".to_owned(), (at(0), stop));
    let run = play(&world, nothing());
    assert_eq!((run.outcome, run.stop), (Some(Outcome::Recovered), None));
}

#[test]
fn a_stop_of_an_abandoned_run_is_applied_by_the_watchdog() {
    let world = World::new();
    world.targets.served.set(Some(false));
    // The function dies while the failure is in place.
    let document = document();
    world.time.run(async {
        let function = std::pin::pin!(world.dispatch("starter", &document));
        let dies = std::pin::pin!(async {
            world.until(Phase::Recovering).await;
            world.time.sleep(Duration::from_secs(2)).await;
        });
        futures_util::future::select(function, dies).await;
    });
    let answer = world.time.run(world.dispatch("operator", &stop_orders()[0])).unwrap();
    assert_eq!(answer["runs"][0]["then"], "the run stops and is rolled back");
    world.time.run(world.tick_until_nothing_is_open());
    let run = world.table.head(&id());
    assert_eq!((run.outcome, reason(&run)), (Some(Outcome::Stopped), "stopped by ana: enough"));
    assert!(world.targets.down.borrow().is_empty());
    assert_eq!(world.targets.injected.borrow().len(), 1);
}

#[test]
fn a_run_past_its_deadline_is_rolled_back() {
    let world = World::new();
    // It goes on stopping for longer than the whole run may take.
    world.targets.stop_takes.set(Duration::from_secs(1_000));
    let mut document = document();
    document["objective"]["injectWithinSeconds"] = json!(600);
    document["objective"]["runWithinSeconds"] = json!(150);
    world.time.run(world.dispatch("starter", &document)).unwrap();
    let run = world.table.head(&id());
    stopped_and_rolled_back(&world, &run, 150_000);
    assert!(reason(&run).contains("the deadline of the whole run"), "{}", reason(&run));
}

#[test]
fn nothing_that_is_engaged_closed_or_unreadable_ever_holds_a_rollback_back() {
    for unreadable in [false, true] {
        let world = World::new();
        world.targets.start_takes.set(Duration::from_secs(5));
        let run = play(&world, async {
            world.until(Phase::RollingBack).await;
            for scope in [Scope::Account, Scope::Application("bookstore".to_owned())] {
                world.table.switches.borrow_mut().push(switch(scope, None));
            }
            world.table.heartbeat.set(None);
            let stop = Stop { by: "ana".to_owned(), reason: "enough".to_owned() };
            world.table.application_stop.borrow_mut().insert("bookstore".to_owned(), (at(3_600_000), stop));
            if unreadable {
                let away = StoreError::Unknown("away".to_owned());
                world.table.before_each_call(move |_, call| (call == "control_state").then(|| away.clone()));
            }
        });
        assert_eq!(run.outcome, Some(Outcome::Recovered));
        assert!(world.targets.down.borrow().is_empty());
    }
}

#[test]
fn a_kill_switch_is_engaged_and_disengaged_by_one_operator_command() {
    let world = World::new();
    let order = |engage: bool| {
        json!({ "killSwitch": {
            "engage": engage, "application": "bookstore", "by": "ana", "reason": "sale",
            "until": "2027-01-01T00:00:00Z"
        } })
    };
    let answer = world.time.run(world.dispatch("operator", &order(true))).unwrap();
    assert_eq!(
        answer,
        json!({ "killSwitch": "application bookstore", "engaged": true, "until": "2027-01-01T00:00:00.000Z", "by": "ana" })
    );
    assert_eq!(play(&world, nothing()).outcome, Some(Outcome::Skipped));
    let again = World::new();
    again.time.run(again.dispatch("operator", &order(true))).unwrap();
    again.time.run(again.dispatch("operator", &order(false))).unwrap();
    assert_eq!(play(&again, nothing()).outcome, Some(Outcome::Recovered));
}

/// Engages or disengages the kill switch of the account.
fn engage(world: &World, engage: bool, by: &str, until: Option<&str>) -> Result<Value, DispatchError> {
    let mut order =
        json!({ "killSwitch": { "engage": engage, "by": by, "account": true, "reason": "sale" } });
    if let Some(until) = until {
        order["killSwitch"]["until"] = json!(until);
    }
    world.time.run(world.dispatch("operator", &order))
}

#[test]
fn a_switch_that_is_over_already_is_never_engaged() {
    let world = World::new();
    let past = Some("2026-11-22T00:00:00Z");
    let error = engage(&world, true, "ana", past).unwrap_err();
    assert_eq!(error.name(), "InvalidRequest");
    let message = error.to_string();
    assert!(message.contains("`killSwitch.until` (2026-11-22T00:00:00.000Z) is over already"), "{message}");
    assert!(world.table.switches.borrow().is_empty(), "it was written");
    // Disengaging one with the same `until` is allowed.
    engage(&world, true, "ana", None).unwrap();
    assert_eq!(engage(&world, false, "ana", past).unwrap()["engaged"], false);
    assert!(world.table.switches.borrow().is_empty());
}

#[test]
fn an_engaged_switch_is_never_shortened_by_another_one() {
    let (soon, late) = (Some("2026-12-01T00:00:00.000Z"), Some("2026-12-02T00:00:00.000Z"));
    for (first, second, holds) in
        [(None, soon, None), (late, soon, late), (soon, soon, soon), (soon, late, late), (soon, None, None)]
    {
        let world = World::new();
        let answer = engage(&world, true, "ana", first).unwrap();
        assert!(answer.get("note").is_none(), "{answer}");
        let answer = engage(&world, true, "ben", second).unwrap();
        let by = if holds == first { "ana" } else { "ben" };
        assert_eq!((&answer["engaged"], &answer["by"]), (&json!(true), &json!(by)), "{first:?} {second:?}");
        assert_eq!(answer["until"], json!(holds), "{first:?} {second:?}");
        assert_eq!(answer.get("note").is_some(), by == "ana", "{answer}");
        let switches = world.table.switches.borrow().clone();
        assert_eq!((switches.len(), switches[0].by.as_str()), (1, by), "{switches:?}");
        engage(&world, false, "ben", None).unwrap();
        assert!(world.table.switches.borrow().is_empty(), "any operator may disengage it");
    }
}
