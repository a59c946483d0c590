//! Events: every file of `events/` is read as what it is, and the schema matches the types.

use std::{collections::BTreeSet, fs};

use firedrill_core::{
    kind::DrillKind,
    request::{Delivery, Document, Mode, StopWhat, parse},
    run::Caller,
};
use regex_lite::Regex;
use serde_json::Value;

use crate::{event, files, read, root};

#[test]
fn the_schema_is_never_older_than_the_types() {
    let schema = schemars::schema_for!(Document);
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
        ("cdn-console", Caller::Direct, false, Mode::Alarm),
        ("cdn-metric-console", Caller::Direct, false, Mode::Metric),
        ("db-schedule", Caller::Schedule, true, Mode::Alarm),
        ("db-console", Caller::Direct, false, Mode::Alarm),
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
fn the_request_in_the_readme_is_never_another_than_the_event_that_it_names() {
    let readme = read("README.md");
    let shown = readme.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let shown: serde_json::Value = serde_json::from_str(shown).unwrap();
    assert_eq!(
        shown,
        event("instance-schedule"),
        "the README's request is not events/instance-schedule.json"
    );
}

#[test]
fn every_event_file_is_known_to_these_tests() {
    // The events of the failover functions are tested beside the code that reads their envelopes, those of the publisher and
    // the widget on local AWS.
    let tests = [
        "tests/tidy/events.rs",
        "functions/drills/src/failover/event/tests.rs",
        "tests/local_aws/published.rs",
    ];
    let tests: String = tests.map(read).concat();
    for file in files().iter().filter(|file| file.starts_with("events") && !file.ends_with("README.md")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        assert!(
            tests.contains(&format!("\"{name}\"")) || name == "request.schema",
            "{} is tested nowhere",
            file.display()
        );
    }
}

#[test]
fn every_document_of_ours_names_the_schema_that_an_editor_completes_it_from() {
    for file in files().iter().filter(|file| file.starts_with("events") && !file.ends_with("README.md")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        let document = event(&name);
        match name.rsplit('-').next().unwrap() {
            // The schema itself.
            "request.schema" => {}
            // A parameter of the stack: an array, which has no place for a `$schema`.
            "config" => assert!(document.is_array(), "{name}"),
            // AWS's own envelopes of an alarm's change, what a dashboard asks the widget, the empty document of the watchdog's
            // schedule; and the publisher's, which refuses every field but its own.
            "sns" | "alarm" | "eventbridge" | "widget" | "watchdog" | "publish" => {
                assert_eq!(document.get("$schema"), None, "{name} has no place for it");
            }
            _ => assert_eq!(document["$schema"], "./request.schema.json", "{name}"),
        }
    }
}

/// Every property below this schema: where it is, its name, its schema and its description. A variant of an enum is an
/// object of one property and is described as a whole.
fn properties<'a>(at: &str, schema: &'a Value, found: &mut Vec<(String, &'a str, &'a Value, &'a str)>) {
    match schema {
        Value::Object(keywords) => {
            let own = keywords.get("properties").and_then(Value::as_object);
            for (name, property) in own.into_iter().flatten() {
                let whole = own.is_some_and(|own| own.len() == 1).then_some(schema);
                let mut described = [Some(property), whole].into_iter().flatten();
                let description = described.find_map(|of| of["description"].as_str());
                found.push((format!("{at}.{name}"), name, property, description.unwrap_or_default()));
            }
            for (key, below) in keywords {
                properties(&format!("{at}.{key}"), below, found);
            }
        }
        Value::Array(values) => {
            for (index, below) in values.iter().enumerate() {
                properties(&format!("{at}[{index}]"), below, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_property_of_the_schema_says_its_bounds_its_default_and_its_unit() {
    let schema = event("request.schema");
    let mut found = Vec::new();
    properties("", &schema, &mut found);
    assert!(found.len() > 80, "only {} properties", found.len());
    let number = Regex::new(r"[0-9]+(\.[0-9]+)?").unwrap();
    let bounds = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"];
    let bounds = bounds.into_iter().chain(["minProperties", "maxProperties", "default"]);
    let mut wrong = Vec::new();
    for (at, name, property, description) in found {
        if description.is_empty() {
            wrong.push(format!("{at} has no description"));
        }
        let numbers: BTreeSet<&str> = number.find_iter(description).map(|found| found.as_str()).collect();
        for bound in bounds.clone() {
            let Some(value) = property[bound].as_number() else { continue };
            let is_of_the_type = matches!((bound, value.as_u64()), ("minimum", Some(0)))
                || matches!((bound, value.as_u64()), ("maximum", Some(4_294_967_295)));
            if !is_of_the_type && !numbers.contains(&*value.to_string()) {
                wrong.push(format!("{at}: {bound} {value} is not in: {description}"));
            }
        }
        for (end, unit) in
            [("Seconds", "second"), ("Ms", "millisecond"), ("Minutes", "minute"), ("Days", "day")]
        {
            if name.ends_with(end) && !description.to_lowercase().contains(unit) {
                wrong.push(format!("{at}: {unit} is not in: {description}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
