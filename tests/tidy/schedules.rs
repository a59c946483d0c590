//! Schedules: the inputs in `infra/drills.yaml` are what `events/` shows.

use std::collections::BTreeSet;

use firedrill_core::{
    kind::DrillKind,
    request::{Delivery, Mode, parse},
};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::{event, read};

#[test]
fn what_is_scheduled_by_schedule_and_by_rule_is_the_same_drill() {
    let text = read("infra/drills.yaml");
    let drills: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("\"drill\":")).collect();
    assert!(!drills.is_empty(), "no drill is scheduled");
    let names: BTreeSet<&str> = drills.iter().map(|line| line.trim()).collect();
    assert_eq!(drills.len(), 2 * names.len(), "each drill has one schedule and one rule: {drills:?}");
}

/// The inputs in `infra/drills.yaml`, in their order.
fn inputs() -> Vec<String> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let text = read("infra/drills.yaml");
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim() == "- |" {
            let input = lines.by_ref().take_while(|inside| depth(inside) > depth(line));
            found.push(input.collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

/// One of these inputs as it is delivered: each placeholder is replaced by the parameter's default, or by the event's
/// value where the parameter has none.
fn delivered(input: &str, event: &Value, mode: &str) -> Value {
    let template = read("infra/drills.yaml");
    let line = |begin: &str| {
        let found = template.lines().find(|line| line.trim().starts_with(begin));
        found.unwrap_or_else(|| panic!("drills.yaml has no line {begin}")).trim().to_owned()
    };
    let default = |name: &str| {
        let mut lines = template.lines().skip_while(|line| *line != format!("  {name}:"));
        let value = lines.find_map(|line| line.trim().strip_prefix("Default: "));
        value.unwrap_or_else(|| panic!("drills.yaml has no parameter {name}")).to_owned()
    };
    let of = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let value = |name: &str| match name {
        "Windows" => line("[{\"days\""),
        "Detection" => line("\"detection\":"),
        "Metric" if mode == "metric" => line("\"metric\":"),
        "Metric" => String::new(),
        "CdnMode" | "DatabaseMode" => mode.to_owned(),
        "TargetRegion" => of("/target/instances/region"),
        "InstanceAlarmArn" => of("/detection/alarmArn"),
        "CdnAlarmArn" => of("/target/distribution/trigger/alarmArn"),
        "DatabaseAlarmArn" => of("/target/database/trigger/alarmArn"),
        "DistributionArn" => of("/target/distribution/arn"),
        "ClusterArn" => of("/target/database/arn"),
        "LatestStartMinutes" => default("FlexibleWindowMinutes"),
        _ => default(name),
    };
    let placeholder = Regex::new(r"\$\{(\w+)\}").unwrap();
    let mut text = input.to_owned();
    while let Some(found) = placeholder.captures(&text) {
        text = text.replace(&found[0], &value(&found[1]));
    }
    for (placeholder, field) in [
        ("<aws.scheduler.scheduled-time>", "/schedule/scheduledAt"),
        ("<aws.scheduler.schedule-arn>", "/schedule/arn"),
        ("<aws.scheduler.attempt-number>", "/schedule/attempt"),
        ("<time>", "/schedule/scheduledAt"),
        ("<arn>", "/schedule/arn"),
    ] {
        text = text.replace(placeholder, &of(field));
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// `events/{kind}-schedule.json` as it is delivered.
fn by_schedule(kind: DrillKind) -> Value {
    let mut event = event(&format!("{kind}-schedule"));
    // For editors of the file only; nothing is delivered with it.
    event.as_object_mut().unwrap().remove("$schema");
    event
}

/// What a rule delivers: the same request, but for who scheduled it.
fn by_rule(scheduled: &Value) -> Value {
    let mut event = scheduled.clone();
    let arn = scheduled["schedule"]["arn"].as_str().unwrap();
    event["schedule"] = json!({
        "scheduledAt": scheduled["schedule"]["scheduledAt"],
        "arn": arn.replace(":scheduler:", ":events:").replace(":schedule/default/", ":rule/"),
        "flexibleWindowMinutes": 0,
    });
    event
}

#[test]
fn the_example_of_a_rule_is_never_another_request_than_that_of_a_schedule() {
    let mut rule = event("instance-rule");
    rule.as_object_mut().unwrap().remove("$schema");
    assert_eq!(rule, by_rule(&by_schedule(DrillKind::Instance)));
}

#[test]
fn what_is_scheduled_is_a_request_and_the_events_show_it_as_it_is_delivered() {
    let inputs = inputs();
    let events: Vec<_> = DrillKind::ALL
        .into_iter()
        .flat_map(|kind| {
            let scheduled = by_schedule(kind);
            let by_rule = by_rule(&scheduled);
            [(kind, "schedule", scheduled), (kind, "rule", by_rule)]
        })
        .collect();
    assert_eq!(inputs.len(), events.len(), "an input without its event");
    for (input, (kind, way, event)) in inputs.iter().zip(&events) {
        let name = format!("{kind}-{way}");
        let mode = event["mode"].as_str().unwrap();
        assert_eq!(&delivered(input, event, mode), event, "drills.yaml (left), events/ (right): {name}");
        let by_metric = kind.row().modes.contains(&Mode::Metric);
        assert_eq!(input.contains("${Metric}"), by_metric, "{name}: can it inject in mode metric?");
        if by_metric {
            let parsed = parse(&delivered(input, event, "metric"));
            let Ok(Delivery::Start(request)) = parsed else { panic!("{name} in mode metric: {parsed:?}") };
            assert!(request.target.trigger().is_some_and(|trigger| trigger.metric.is_some()), "{name}");
        }
    }
}
