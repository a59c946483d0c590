//! What is said to whoever sent something, when it went another way than was asked.

use std::{cell::Cell, rc::Rc};

use firedrill_core::{
    dispatch::{DispatchError, dispatch},
    instance::undo,
    ports::StoreError,
    run::{OwnerId, Phase, RunId},
};
use futures_util::future::{Either, select};
use serde_json::{Value, json};

use crate::{
    common::{document, injected, invocation, request, run, timing},
    fakes::{Hands, Machine, World},
};

/// A run that is held, and whoever has it.
fn held(world: &World, owner: Option<&str>) -> RunId {
    let mut run = run();
    run.phase = Phase::Held;
    run.owner = owner.map(|owner| OwnerId(owner.to_owned()));
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.undo[0].moves_traffic = true;
    run.injection = Some(injected(&run).into());
    world.targets.down.borrow_mut().insert(run.run_id.clone(), 0);
    world.table.put(&run, Some(request()));
    run.run_id
}

fn release(id: &RunId) -> Value {
    json!({ "release": { "runId": id, "by": "ana", "reason": "it is well again", "failBack": true } })
}

#[test]
fn a_run_whose_store_is_lost_is_never_said_to_have_injected_nothing() {
    let world = World::new();
    world.targets.served.set(Some(false));
    let lost = Cell::new(false);
    world.table.trouble(move |table, _| {
        let recovers = table.heads().first().is_some_and(|run| run.phase == Phase::Recovering);
        lost.set(lost.get() || recovers);
        lost.get().then(|| StoreError::Unknown("away".to_owned()))
    });
    let error = world.time.run(world.dispatch("starter", &document())).unwrap_err();
    assert_eq!(world.targets.injected.borrow().len(), 1);
    let said = error.to_string();
    assert_eq!(error.name(), "StoreLost", "{said}");
    assert!(
        said.contains("`staging/bookstore/d/r`") && said.contains("taken back by the watchdog"),
        "{said}"
    );
    assert!(said.contains("away") && !said.contains("nothing was injected"), "{said}");
}

#[test]
fn a_word_sent_to_the_wrong_function_is_never_written_down() {
    let world = World::new();
    let id = held(&world, None);
    let before = world.table.head(&id);
    let wrong = |_: &_, _: &_| -> Result<Hands, String> { Err("this is the CDN's".to_owned()) };
    let (machine, document, us) = (Machine::new(&world.time), release(&id), invocation("operator"));
    let error = world.time.run(dispatch(&machine, &world.table, wrong, &us, &document)).unwrap_err();
    assert_eq!(error.to_string(), "this is the CDN's; nothing was touched");
    assert!(world.table.said.borrow().is_empty(), "whoever carries the run on would hear it");
    assert_eq!(world.table.head(&id), before);
    world.time.run(world.dispatch("operator", &document)).unwrap();
    assert!(world.targets.down.borrow().is_empty(), "the right function hears it, and fails back");
}

#[test]
fn a_word_that_is_on_record_is_never_answered_as_if_it_were_not() {
    let world = World::new();
    let id = held(&world, Some("starter"));
    // Its holder goes on saving, and does not come to hearing anything.
    let holder = async {
        loop {
            world.time.sleep(timing().renew()).await;
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
    let said = error.to_string();
    assert!(
        said.contains("is being carried on by another invocation") && said.contains("is on record"),
        "{said}"
    );
    assert!(world.table.said.borrow()[&id].release.is_some());
    // Without a word there is nothing on record.
    let busy = DispatchError::Busy(id.0.clone());
    assert!(!busy.to_string().contains("record"));
}

#[test]
fn a_word_whose_consequences_cannot_be_read_is_said_to_be_on_record() {
    let world = World::new();
    let id = held(&world, Some("starter"));
    let said = Rc::new(Cell::new(false));
    world.table.trouble(move |_, call| {
        let after = said.replace(said.get() || call == "say");
        after.then(|| StoreError::Unknown("away".to_owned()))
    });
    let error = world.time.run(world.dispatch("operator", &release(&id))).unwrap_err();
    assert_eq!(error.name(), "StoreFailed");
    assert!(error.to_string().contains("is on record"), "{error}");
    assert!(world.table.said.borrow()[&id].release.is_some());
}

#[test]
fn a_request_that_is_lost_never_keeps_a_word_from_being_heard() {
    let world = World::new();
    let id = held(&world, None);
    world.table.requests.borrow_mut().clear();
    let error = world.time.run(world.dispatch("operator", &release(&id))).unwrap_err();
    assert_eq!(error.name(), "StoreFailed");
    assert!(error.to_string().contains("is on record"), "{error}");
    world.time.run(world.tick_until_nothing_is_open());
    assert!(world.targets.down.borrow().is_empty(), "the watchdog heard it");
}
