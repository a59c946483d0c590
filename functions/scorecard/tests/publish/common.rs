//! Requests, schedules and results to start tests from, and one hour of publishing.

use std::{collections::BTreeSet, time::Duration};

use firedrill_core::{Outcome, Timestamp, Tristate, result::DrillResult};
use firedrill_scorecard::{
    ports::{Parameter, Schedule, Subscription},
    publish::{Publication, publish},
    settings::{Links, Settings},
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::world::World;

pub const FUNCTION: &str = "arn:aws:lambda:eu-west-2:123456789012:function:firedrill-drill-instance";
pub const ALARM: &str = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:bookstore-instance";

pub fn now() -> Timestamp {
    "2026-11-28T04:00:00Z".parse().unwrap()
}

pub fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

pub fn settings() -> Settings {
    Settings {
        stack: "firedrill".to_owned(),
        drill_function_arns: vec![FUNCTION.to_owned()],
        declarations_path: "/firedrill/applications".to_owned(),
        non_production_environments: BTreeSet::from(["staging".to_owned()]),
        page_published: Tristate::Yes,
        version: "0.1.0".to_owned(),
        links: links(),
    }
}

pub fn links() -> Links {
    let base_url = Some("https://results.example.com".to_owned());
    Links { base_url, bucket: "results".to_owned(), region: "eu-west-2".to_owned() }
}

/// Publishes as of this moment. Every port answers at once.
pub fn published(world: &World, now: Timestamp) -> Publication {
    publish(world, &settings(), now).now_or_never().expect("every port answers at once")
}

/// The request of a drill of the bookstore in staging, every 28 days, with an alarm that detects the failure.
pub fn request(drill: &str) -> Value {
    json!({
        "drill": drill, "application": "bookstore", "dependency": "compute", "environment": "staging",
        "execute": true, "mode": "stop",
        "target": { "instances": {
            "region": "eu-west-2", "select": { "tags": { "app": "b" } }, "blastRadius": { "count": 1 }
        } },
        "detection": { "alarmArn": ALARM },
        "steadyState": { "probes": [
            { "name": "version", "check": { "http": { "url": "https://example.com/" } }, "count": 3 }
        ] },
        "objective": { "rtoSeconds": 60 },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "3", "owner": "team", "severity": "sev2" }
    })
}

/// An enabled schedule that sends this, created 400 days ago.
pub fn schedule(input: &Value, expression: &str) -> Schedule {
    let drill = input["drill"].as_str().unwrap();
    Schedule {
        arn: format!("arn:aws:scheduler:eu-west-2:123456789012:schedule/default/{drill}"),
        enabled: true,
        expression: expression.to_owned(),
        time_zone: None,
        starts: None,
        ends: None,
        created: Some(now() - days(400)),
        flexible_window_minutes: 0,
        target_arn: FUNCTION.to_owned(),
        input: Some(input.to_string()),
    }
}

/// A scheduled run of a drill of the bookstore in staging, which took no time.
pub fn result(drill: &str, finished: Timestamp, outcome: Outcome) -> DrillResult {
    let mut item = json!({
        "v": 1, "run": format!("staging/bookstore/{drill}/{finished}"), "dep": "compute", "mode": "stop",
        "by": "schedule", "out": outcome, "fin": finished, "rtoMs": 60_000, "days": 28, "pbVer": "3", "own": "team",
        "pb": "https://example.com/p", "why": "as the record says"
    });
    if !matches!(outcome, Outcome::Skipped | Outcome::NotInjected) {
        item["inj"] = json!(finished);
    }
    if outcome == Outcome::Recovered {
        item["rec"] = json!([30_000, 1_000]);
        item["lostMs"] = json!(30_000);
    }
    DrillResult::read(&item).unwrap()
}

/// What the bookstore declares, with a drill that was retired.
pub fn declaration() -> Parameter {
    let mut document: Value = serde_json::from_str(include_str!("../../declaration.json")).unwrap();
    document["application"] = json!("bookstore");
    document["retiredDrills"] =
        json!([{ "drill": "retired", "environment": "staging", "reason": "replaced", "date": "2026-06-01" }]);
    Parameter { name: "/firedrill/applications/bookstore".to_owned(), value: document.to_string() }
}

pub fn subscriber(confirmed: bool) -> Subscription {
    Subscription { protocol: "email".to_owned(), endpoint: "team@example.com".to_owned(), confirmed }
}
