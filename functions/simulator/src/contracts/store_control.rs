//! Store: what a run's owner reads beside the head: operator commands, stops, kill switches and the heartbeat.

use std::time::Duration;

use firedrill_core::{
    Run,
    kill_switch::{Scope, Switch},
    ports::{Begun, OperatorCommand, Store},
    request::Release,
    run::Stop,
};

use super::{Outside, StoreSubject};

/// The suite of what [`Store`] keeps of operators' commands.
///
/// # Panics
/// A promise is broken.
pub async fn commands(store: &impl Store, of: &StoreSubject, outside: &impl Outside) {
    let [run, other] = ["commanded", "left-alone"].map(|application| of.run(application, "1"));
    for run in [&run, &other] {
        assert_eq!(store.begin(run, &of.request).await, Ok(Begun::Begun));
        let state = store.control_state(run).await.unwrap();
        assert_eq!((state.commands, state.application_stop), (None, None));
    }
    let read = async |run: &Run| store.control_state(run).await.unwrap();
    let number = |command: OperatorCommand| {
        let id = run.run_id.clone();
        async move { store.record_command(&id, &command).await }
    };
    assert_eq!(number(OperatorCommand::Release(release(&run, false))).await, Ok(1));
    assert_eq!(number(OperatorCommand::Release(release(&run, true))).await, Ok(2), "each has its own number");
    let given = read(&run).await.commands.expect("they are on record");
    assert_eq!((given.number, given.release, given.stop), (2, Some(release(&run, true)), None));
    assert_eq!(number(OperatorCommand::Stop(stop("first"))).await, Ok(3));
    let given = read(&run).await.commands.expect("they are on record");
    assert_eq!(
        (given.number, given.release, given.stop),
        (3, None, Some(stop("first"))),
        "no release is left"
    );
    assert_eq!(number(OperatorCommand::Stop(stop("second"))).await, Ok(4));
    assert_eq!(number(OperatorCommand::Release(release(&run, false))).await, Ok(5));
    let given = read(&run).await.commands.expect("they are on record");
    assert_eq!(given.release, Some(release(&run, false)), "one after the stop counts");
    assert_eq!(given.stop, Some(stop("second")), "the later stop replaces the earlier one");
    assert_eq!(read(&other).await.commands, None, "each run has its own");

    let at = outside.now();
    for (reason, at) in [("first", at), ("second", at.plus_millis(5))] {
        store.stop_application(&run.application, &stop(reason), at).await.unwrap();
    }
    let stopped = Some((at.plus_millis(5), stop("second")));
    assert_eq!(read(&run).await.application_stop, stopped, "the last one");
    assert_eq!(read(&other).await.application_stop, None, "each application has its own");
}

fn stop(reason: &str) -> Stop {
    Stop { by: "ana".to_owned(), reason: reason.to_owned() }
}

fn release(run: &Run, fail_back: bool) -> Release {
    let (run_id, by, reason) = (run.run_id.0.clone(), "ana".to_owned(), "well again".to_owned());
    Release { run_id, by, reason, fail_back, given_at: None }
}

/// The suite of kill switches, and of the watchdog's heartbeat. No other suite may engage one of the account meanwhile.
///
/// # Panics
/// A promise is broken.
pub async fn switches(store: &impl Store, of: &StoreSubject, outside: &impl Outside) {
    let run = of.run("switched", "1");
    let (application, key) = (run.application.to_string(), run.drill_key());
    let ours = [Scope::Account, Scope::Application(application.clone()), Scope::Drill(key.clone())];
    for scope in &ours {
        an_engaged_switch_is_never_shortened(store, &run, scope, outside).await;
    }
    for scope in [Scope::Application("of-another".to_owned()), Scope::Drill(format!("{key}-of-another"))] {
        store.switch(&switch(&scope, "ana"), true).await.unwrap();
    }
    assert_eq!(engaged(store, &run).await, [], "those of others keep nothing from running");
    for scope in &ours {
        store.switch(&switch(scope, "ana"), true).await.unwrap();
    }
    assert_eq!(engaged(store, &run).await.len(), ours.len());
    for scope in &ours {
        store.switch(&switch(scope, "ana"), false).await.unwrap();
    }
    the_latest_heartbeat_is_read(store, &run, outside).await;
}

fn switch(scope: &Scope, by: &str) -> Switch {
    Switch { scope: scope.clone(), by: by.to_owned(), reason: "a sale".to_owned(), until: None }
}

async fn engaged(store: &impl Store, run: &Run) -> Vec<Switch> {
    store.control_state(run).await.unwrap().switches
}

async fn an_engaged_switch_is_never_shortened(
    store: &impl Store,
    run: &Run,
    scope: &Scope,
    outside: &impl Outside,
) {
    let until = |by: &str, hours: u64| {
        let ends = outside.now() + Duration::from_hours(hours);
        Switch { until: Some(ends), ..switch(scope, by) }
    };
    let (hour, day, forever) = (until("ana", 1), until("ben", 24), switch(scope, "cleo"));
    assert_eq!(store.switch(&hour, false).await, Ok(None), "none is engaged: no error");
    assert_eq!(store.switch(&day, true).await, Ok(Some(day.clone())));
    assert_eq!(engaged(store, run).await, std::slice::from_ref(&day));
    assert_eq!(store.switch(&hour, true).await, Ok(Some(day.clone())), "the answer names the one that holds");
    assert_eq!(engaged(store, run).await, std::slice::from_ref(&day));
    assert_eq!(store.switch(&forever, true).await, Ok(Some(forever.clone())), "it lasts longer");
    assert_eq!(store.switch(&day, true).await, Ok(Some(forever.clone())));
    assert_eq!(engaged(store, run).await, [forever]);
    assert_eq!(store.switch(&hour, false).await, Ok(None), "whoever engaged it");
    assert_eq!(engaged(store, run).await, []);
    assert_eq!(
        store.switch(&hour, true).await,
        Ok(Some(hour.clone())),
        "after that, a short one is the longest"
    );
    assert_eq!(store.switch(&hour, false).await, Ok(None));
}

async fn the_latest_heartbeat_is_read(store: &impl Store, run: &Run, outside: &impl Outside) {
    let now = outside.now();
    for at in [now - Duration::from_mins(1), now] {
        store.write_heartbeat(at).await.unwrap();
        assert_eq!(store.control_state(run).await.unwrap().heartbeat, Some(at));
    }
}
