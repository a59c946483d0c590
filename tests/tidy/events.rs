//! Events: every file of `events/` is read as what it is, and the schema matches the types.

use std::fs;

use firedrill_core::{
    Request,
    kind::DrillKind,
    request::{Delivery, Mode, StopWhat, parse},
    run::Caller,
};

use crate::{event, files, read, root};

#[test]
fn the_schema_is_never_older_than_the_types() {
    let schema = schemars::schema_for!(Request);
    let now = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let path = root().join("events/request.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert!(
        read(path) == now,
        "events/request.schema.json is out of date: run `UPDATE=1 cargo test --test tidy`"
    );
}

#[test]
fn every_event_is_read_as_what_it_is() {
    for (name, caller, execute, mode) in [
        ("instance-schedule", Caller::Schedule, true, Mode::Stop),
        ("instance-rule", Caller::Rule, true, Mode::Stop),
        ("instance-console", Caller::Direct, false, Mode::Stop),
        ("instance-local", Caller::Direct, true, Mode::Stop),
        ("cdn-schedule", Caller::Schedule, true, Mode::Alarm),
        ("cdn-rule", Caller::Rule, true, Mode::Alarm),
        ("cdn-console", Caller::Direct, false, Mode::Alarm),
        ("cdn-metric-console", Caller::Direct, false, Mode::Metric),
        ("cdn-local", Caller::Direct, true, Mode::Alarm),
        ("db-schedule", Caller::Schedule, true, Mode::Alarm),
        ("db-rule", Caller::Rule, true, Mode::Alarm),
        ("db-console", Caller::Direct, false, Mode::Alarm),
        ("db-local", Caller::Direct, true, Mode::Alarm),
    ] {
        let event = event(name);
        let Ok(Delivery::Start(request)) = parse(&event) else {
            panic!("{name}: {:?}", parse(&event));
        };
        assert_eq!((request.caller(), request.execute, request.mode), (caller, execute, mode), "{name}");
        let kind = DrillKind::of(&request.target);
        assert_eq!(name.split('-').next(), Some(kind.row().name), "{name} is not what its function drills");
        assert_eq!(request.dependency.as_str(), kind.row().dependency, "{name}");
        assert!(kind.row().modes.contains(&mode), "{name}");
    }
    for (name, expected) in [
        ("get", Delivery::Get("staging/bookstore/instance-blue/2026-12-01T10:00:00.000Z".to_owned())),
        ("list", Delivery::List("staging/bookstore/instance-blue".to_owned())),
        ("resume", Delivery::Resume("staging/bookstore/instance-blue/2026-12-01T10:00:00.000Z".to_owned())),
    ] {
        assert_eq!(parse(&event(name)), Ok(expected), "{name}");
    }
    let stops = |name| match parse(&event(name)) {
        Ok(Delivery::Stop(order)) => order.what,
        other => panic!("{name}: {other:?}"),
    };
    assert!(matches!(stops("stop"), StopWhat::Run(_)));
    assert_eq!(stops("stop-application"), StopWhat::Application("bookstore".to_owned()));
    let Ok(Delivery::KillSwitch(order)) = parse(&event("kill-switch")) else { panic!("kill-switch") };
    assert!(order.engage && order.switch.until.is_some());
    // The watchdog's schedule sends an empty document.
    assert_eq!(event("watchdog"), serde_json::json!({}));
    assert!(matches!(parse(&event("release")), Ok(Delivery::Release(release)) if !release.fail_back));
}

#[test]
fn every_event_file_is_known_to_these_tests() {
    // The events of the failover functions are tested beside the code that reads their envelopes.
    let tests = read("tests/tidy/events.rs") + &read("functions/aws/src/failover/event/tests.rs");
    for file in files().iter().filter(|file| file.starts_with("events")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        assert!(
            tests.contains(&format!("\"{name}\"")) || name == "request.schema",
            "{} is tested nowhere",
            file.display()
        );
    }
}
