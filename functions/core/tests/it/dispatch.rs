//! Dispatch: what a caller is answered when a delivery could not be carried out as asked.

use std::{cell::Cell, rc::Rc};

use firedrill_core::{
    dispatch::DispatchError,
    instance::undo,
    ports::StoreError,
    run::{OwnerId, Phase, RunId},
};
use futures_util::future::{Either, select};
use serde_json::{Value, json};

use crate::{
    common::{document, injected, invocation, request, run, timing},
    fakes::{FakeDrills, Machine, World},
};

/// A run that is held, and its owner.
fn held(world: &World, owner: Option<&str>) -> RunId {
    let mut run = run();
    run.phase = Phase::Held;
    run.owner = owner.map(|owner| OwnerId(owner.to_owned()));
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.undo_mut()[0].moves_traffic = true;
    run.injection = Some(injected(&run).into());
    world.targets.down.borrow_mut().insert(run.run_id.clone(), 0);
    world.table.put(&run, Some(request()));
    run.run_id
}

fn release(id: &RunId) -> Value {
    json!({ "release": { "runId": id, "by": "ana", "reason": "the primary is healthy again", "failBack": true } })
}

#[test]
fn a_run_whose_store_is_lost_is_never_said_to_have_injected_nothing() {
    let world = World::new();
    world.targets.served.set(Some(false));
    let lost = Cell::new(false);
    world.table.before_each_call(move |table, _| {
        let recovers = table.heads().first().is_some_and(|run| run.phase == Phase::Recovering);
        lost.set(lost.get() || recovers);
        lost.get().then(|| StoreError::Unknown("away".to_owned()))
    });
    let error = world.time.run(world.dispatch("starter", &document())).unwrap_err();
    assert_eq!(world.targets.injected.borrow().len(), 1);
    let message = error.to_string();
    assert_eq!(error.name(), "StoreLost", "{message}");
    assert!(
        message.contains("`staging/bookstore/d/r`") && message.contains("rolled back by the watchdog"),
        "{message}"
    );
    assert!(message.contains("away") && !message.contains("nothing was injected"), "{message}");
}

#[test]
fn a_release_sent_to_the_wrong_function_is_never_recorded() {
    let world = World::new();
    let id = held(&world, None);
    let before = world.table.head(&id);
    let machine = Machine::new(&world.time);
    let drills = FakeDrills { wrong: Some("this is the CDN's"), ..world.drills(&machine) };
    let (document, us) = (release(&id), invocation("operator"));
    let error = world.time.run(world.engine(&machine, &drills).dispatch(&us, &document)).unwrap_err();
    assert_eq!(error.to_string(), "this is the CDN's; nothing was touched");
    assert!(world.table.commands.borrow().is_empty(), "the run's owner would apply it");
    assert_eq!(world.table.head(&id), before);
    world.time.run(world.dispatch("operator", &document)).unwrap();
    assert!(world.targets.down.borrow().is_empty(), "the right function applies it, and fails back");
}

#[test]
fn a_recorded_release_is_never_answered_as_if_it_were_not() {
    let world = World::new();
    let id = held(&world, Some("starter"));
    // Its holder keeps renewing the lease, and never applies a command.
    let holder = async {
        loop {
            world.time.sleep(timing().renew).await;
            let mut run = world.table.head(&id);
            run.version += 1;
            world.table.put(&run, None);
        }
    };
    let document = release(&id);
    let answered = world.time.run(async {
        match select(Box::pin(world.dispatch("operator", &document)), Box::pin(holder)).await {
            Either::Left((answered, _)) => answered,
            Either::Right(((), _)) => unreachable!("the holder never ends"),
        }
    });
    let error = answered.unwrap_err();
    assert_eq!(error.name(), "Busy");
    let message = error.to_string();
    assert!(
        message.contains("is owned by another invocation") && message.contains("is on record"),
        "{message}"
    );
    assert!(world.table.commands.borrow()[&id].release.is_some());
    // Without a command there is nothing on record.
    let busy = DispatchError::Busy(id.0.clone());
    assert!(!busy.to_string().contains("record"));
}

#[test]
fn a_release_whose_effect_cannot_be_read_is_answered_as_recorded() {
    let world = World::new();
    let id = held(&world, Some("starter"));
    let is_recorded = Rc::new(Cell::new(false));
    world.table.before_each_call(move |_, call| {
        let after = is_recorded.replace(is_recorded.get() || call == "record_command");
        after.then(|| StoreError::Unknown("away".to_owned()))
    });
    let error = world.time.run(world.dispatch("operator", &release(&id))).unwrap_err();
    assert_eq!(error.name(), "StoreFailed");
    assert!(error.to_string().contains("is on record"), "{error}");
    assert!(world.table.commands.borrow()[&id].release.is_some());
}

#[test]
fn a_lost_request_never_keeps_a_release_from_being_applied() {
    let world = World::new();
    let id = held(&world, None);
    world.table.requests.borrow_mut().clear();
    let error = world.time.run(world.dispatch("operator", &release(&id))).unwrap_err();
    assert_eq!(error.name(), "StoreFailed");
    assert!(error.to_string().contains("is on record"), "{error}");
    world.time.run(world.tick_until_nothing_is_open());
    assert!(world.targets.down.borrow().is_empty(), "the watchdog applied it");
}
