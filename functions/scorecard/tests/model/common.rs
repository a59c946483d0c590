//! A request, its schedule and results to start tests from.

use std::{collections::BTreeSet, time::Duration};

use firedrill_core::{Outcome, Request, Timestamp, Tristate};
use firedrill_scorecard::{
    input::{DrillResult, Inputs, Scheduled, ScheduledDrill, parse_declaration},
    model::{Drill, FindingKind, Scorecard},
};
use serde_json::{Value, json};

/// The present of every test, unless it says otherwise.
pub fn now() -> Timestamp {
    moment("2026-11-28T04:00:00Z")
}

pub fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many days of 24 hours.
pub fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// The request of the drill `staging/bookstore/blue`, every 28 days.
pub fn request() -> Value {
    json!({
        "drill": "blue", "application": "bookstore", "dependency": "compute", "environment": "staging",
        "execute": true, "mode": "stop",
        "target": { "instances": {
            "region": "eu-west-2", "select": { "tags": { "app": "b" } }, "blastRadius": { "count": 1 }
        } },
        "steadyState": { "probes": [
            { "name": "version", "check": { "http": { "url": "https://example.com/" } }, "count": 3 }
        ] },
        "objective": { "rtoSeconds": 60 },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "3", "owner": "team", "severity": "sev2" }
    })
}

pub fn read(request: &Value) -> Box<Request> {
    ScheduledDrill::request_in(&request.to_string()).unwrap()
}

/// A schedule of that request, created 400 days ago, that begins its rate then.
pub fn scheduled(expression: &str) -> ScheduledDrill {
    ScheduledDrill {
        arn: "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/blue".to_owned(),
        enabled: true,
        expression: Some(expression.to_owned()),
        time_zone: None,
        starts: None,
        ends: None,
        created: Some(now() - days(400)),
        flexible_window_minutes: 0,
        request: Ok(read(&request())),
    }
}

/// A schedule of that request with some of its fields changed.
pub fn scheduled_with(expression: &str, fields: &[(&str, Value)]) -> ScheduledDrill {
    let mut document = request();
    for (pointer, value) in fields {
        *document.pointer_mut(pointer).unwrap() = value.clone();
    }
    ScheduledDrill { request: Ok(read(&document)), ..scheduled(expression) }
}

/// A result of that drill, which took no time: its cadence counts from this moment.
pub fn result(finished: Timestamp, outcome: Outcome) -> DrillResult {
    result_of("staging/bookstore/blue", finished, outcome, &json!({}))
}

/// A result of another drill, or with other fields.
pub fn result_of(key: &str, finished: Timestamp, outcome: Outcome, fields: &Value) -> DrillResult {
    let touched = !matches!(outcome, Outcome::Skipped | Outcome::NotInjected);
    let mut item = json!({
        "v": 1, "run": format!("{key}/{finished}"), "dep": "compute", "mode": "stop", "by": "schedule", "out": outcome,
        "fin": finished, "rtoMs": 60_000, "days": 28, "pbVer": "3", "own": "team", "pb": "https://example.com/p",
        "why": "as the record says"
    });
    if touched {
        item["inj"] = json!(finished);
    }
    if outcome == Outcome::Recovered {
        item["rec"] = json!([30_000, 1_000]);
        item["lostMs"] = json!(30_000);
    }
    for (field, value) in fields.as_object().unwrap() {
        item[field] = value.clone();
    }
    DrillResult::read(&item).unwrap()
}

/// What was read, of these results and schedules alone.
pub fn inputs(results: Vec<DrillResult>, drills: Vec<ScheduledDrill>) -> Inputs {
    Inputs {
        results,
        scheduled: Scheduled { drills, unread: Vec::new() },
        non_production_environments: BTreeSet::from(["staging".to_owned()]),
        page_published: Tristate::Yes,
        notices_subscribed: Tristate::Yes,
        ..Inputs::default()
    }
}

/// Adds what an application declares.
pub fn declare(inputs: &mut Inputs, document: &Value) {
    let declaration = parse_declaration(&document.to_string()).unwrap();
    inputs.declarations.insert(declaration.application.to_string(), Ok(declaration));
}

/// The only drill of a scorecard.
pub fn only(scorecard: &Scorecard) -> &Drill {
    let [drill] = &scorecard.drills[..] else { panic!("{} drills", scorecard.drills.len()) };
    drill
}

/// The kinds of what is open for the drill of this name.
pub fn kinds(scorecard: &Scorecard, drill: &str) -> Vec<FindingKind> {
    scorecard
        .findings
        .iter()
        .filter(|finding| finding.key.drill == drill)
        .map(|finding| finding.kind)
        .collect()
}
