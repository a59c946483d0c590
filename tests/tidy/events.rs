//! What is sent, and how it is read.

use std::fs;

use firedrill_core::{
    Request,
    failover::{AlarmState, FailoverTarget, changes, configured, run_of},
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
        let kind = match name.split_once('-').unwrap().0 {
            "instance" => "instances",
            "cdn" => "distributionArn",
            _ => "clusterArn",
        };
        assert!(!event["target"][kind].is_null(), "{name} is not what the function of its name drills");
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
    // What a tick of the watchdog is sent says nothing.
    assert_eq!(event("watchdog"), serde_json::json!({}));
    assert!(matches!(parse(&event("release")), Ok(Delivery::Release(release)) if !release.fail_back));
}

#[test]
fn every_change_of_an_alarm_is_read_and_its_alarm_is_in_the_configuration() {
    let drill = "staging/bookstore/database-failover/2026-12-15T10:00:00.000Z";
    for (name, config, state, run) in [
        ("failover-cdn-sns", "failover-cdn-config", AlarmState::Alarm, None),
        // Metric math: no `metricStat` beside the expression.
        ("failover-cdn-alarm", "failover-cdn-config", AlarmState::Alarm, None),
        // A composite alarm: no metrics at all.
        ("failover-cdn-eventbridge", "failover-cdn-config", AlarmState::Alarm, None),
        // Forced by a drill.
        ("failover-db-sns", "failover-db-config", AlarmState::Alarm, Some(drill)),
        ("failover-db-alarm", "failover-db-config", AlarmState::Alarm, None),
        // CloudWatch takes the forced state back: without the drill's name.
        ("failover-db-eventbridge", "failover-db-config", AlarmState::Ok, None),
    ] {
        let read = changes(&event(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [change] = &read[..] else { panic!("{name}: {read:?}") };
        assert_eq!(change.state, state, "{name}");
        assert_eq!(run_of(&change.reason).map(|id| id.to_string()).as_deref(), run, "{name}");
        let configs =
            configured(&event(config).to_string()).unwrap_or_else(|error| panic!("{config}: {error}"));
        let found = configs.iter().find(|(config, _)| config.alarm_arn.as_str() == change.alarm_arn);
        let (_, resource) = found.unwrap_or_else(|| panic!("{config} does not know {}", change.alarm_arn));
        let distribution = matches!(resource, FailoverTarget::Distribution { .. });
        assert_eq!(distribution, name.starts_with("failover-cdn"), "{name}: {resource:?}");
    }
}

#[test]
fn every_event_file_is_known_to_these_tests() {
    let this = read("tests/tidy/events.rs");
    for file in files().iter().filter(|file| file.starts_with("events")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        assert!(
            this.contains(&format!("\"{name}\"")) || name == "request.schema",
            "{} is tested nowhere",
            file.display()
        );
    }
}
