//! Results that are published: functions, stream, dashboard and declaration fit what the code does.

use std::collections::BTreeSet;

use firedrill_aws::config::scorecard::{NotifierSettings, ScorecardSettings};
use firedrill_core::result::RESULT_PREFIX;
use firedrill_local::stack::logical_id;
use firedrill_scorecard::{input::parse_declaration, metrics};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::{read, resource, root};

const PACKAGES: [&str; 3] = ["publisher", "notifier", "widget"];

#[test]
fn every_function_that_publishes_is_whole() {
    let template = read("infra/template.yaml");
    for package in PACKAGES {
        let name = logical_id(package);
        let function = resource(&template, &format!("{name}Function"));
        for line in [
            format!("CodeUri: ../functions/{package}/\n"),
            format!("Role: !GetAtt {name}Role.Arn\n"),
            format!("LogGroup: !Ref {name}LogGroup\n"),
        ] {
            assert!(function.contains(&line), "{package}: {line}");
        }
        assert!(root().join(format!("functions/{package}/src/main.rs")).is_file(), "{package}");
    }
}

#[test]
fn no_function_ever_asks_for_a_variable_that_its_template_does_not_set() {
    let template = read("infra/template.yaml");
    let variable = Regex::new(r"\n          (FIREDRILL_\w+): ").unwrap();
    for package in PACKAGES {
        let function = resource(&template, &format!("{}Function", logical_id(package)));
        let set: BTreeSet<String> =
            variable.captures_iter(&function).map(|name| name[1].to_owned()).collect();
        let asked = std::cell::RefCell::new(BTreeSet::new());
        let value = |name: &str| {
            // Lambda sets it.
            if name != "AWS_REGION" {
                asked.borrow_mut().insert(name.to_owned());
            }
            Some(match name {
                "FIREDRILL_NOTICES_TOPIC_ARN" => "arn:aws:sns:eu-west-2:123456789012:notices".to_owned(),
                "FIREDRILL_DRILL_FUNCTION_ARNS" => {
                    "arn:aws:lambda:eu-west-2:123456789012:function:a".to_owned()
                }
                "FIREDRILL_DECLARATIONS_PATH" => "/firedrill/applications".to_owned(),
                "FIREDRILL_SCORECARD_BASE_URL" => String::new(),
                _ => "10".to_owned(),
            })
        };
        if package == "notifier" {
            NotifierSettings::read(value).unwrap();
        } else {
            ScorecardSettings::read(value).unwrap();
        }
        assert_eq!(
            asked.into_inner(),
            set,
            "{package}: read by its code (left), set by its template (right)"
        );
    }
}

/// The patterns by which Lambda chooses the changes that start a function.
fn filters(package: &str) -> Vec<Value> {
    let template = read("infra/template.yaml");
    let mapping = resource(&template, &format!("StreamStarts{}", logical_id(package)));
    assert!(mapping.contains("FunctionResponseTypes: [ReportBatchItemFailures]\n"), "{mapping}");
    assert!(mapping.contains("Destination: !GetAtt UndeliveredQueue.Arn\n"), "{mapping}");
    let pattern = Regex::new(r"- Pattern: '(.+)'").unwrap();
    let found = pattern.captures_iter(&mapping).map(|found| found[1].to_owned());
    found.map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

/// Whether a change passes a pattern: each leaf is a list of values and prefixes, of which one fits (Lambda's guide, *Filter
/// rule syntax*).
fn passes(pattern: &Value, change: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, below)| passes(below, &change[name])),
        Value::Array(rules) => rules.iter().any(|rule| match rule["prefix"].as_str() {
            Some(prefix) => change.as_str().is_some_and(|value| value.starts_with(prefix)),
            None => rule == change,
        }),
        other => panic!("{other} is no pattern"),
    }
}

fn change(event: &str, pk: &str, sk: &str, new: &Value) -> Value {
    json!({ "eventName": event, "dynamodb": { "Keys": { "pk": { "S": pk }, "sk": { "S": sk } }, "NewImage": new } })
}

#[test]
fn what_is_to_be_told_always_starts_the_notifier_and_what_it_tells_of_starts_no_circle() {
    let starts =
        |package: &str, change: &Value| filters(package).iter().any(|pattern| passes(pattern, change));
    let result_key = format!("{RESULT_PREFIX}2026-11-23T19:00:00.000Z#0a1b2c3d");
    let result = change("INSERT", "drill#staging/bookstore/cdn", &result_key, &json!({}));
    let head = |event, phase: &str| {
        let new = json!({ "phase": { "S": phase } });
        change(event, "run#staging/bookstore/cdn/1", "head", &new)
    };
    let marker =
        change("INSERT", "marker#overdue#staging/bookstore/cdn", "2026-11-23T19:00:00.000Z", &json!({}));
    let journal = |state: &str| {
        let new = json!({ "state": { "S": state }, "done": { "S": "failedOver" } });
        change("MODIFY", "alarm#arn:aws:cloudwatch:us-east-1:1:alarm:a", "change#1#ALARM", &new)
    };
    for told in
        [&result, &head("INSERT", "checking"), &head("MODIFY", "checking"), &marker, &journal("ALARM")]
    {
        assert!(starts("notifier", told), "{told}");
    }
    assert!(starts("publisher", &result));
    let evidence = change("INSERT", "run#staging/bookstore/cdn/1", "evidence#1", &json!({}));
    let heartbeat = change("MODIFY", "watchdog", "heartbeat", &json!({}));
    for other in [&head("MODIFY", "injecting"), &journal("OK"), &evidence, &heartbeat] {
        assert!(!starts("notifier", other), "{other}");
    }
    // What the publisher writes itself.
    assert!(!starts("publisher", &marker));
}

#[test]
fn no_alarm_and_no_dashboard_ever_asks_for_a_metric_that_nobody_publishes() {
    let template = read("infra/template.yaml");
    let published = read("functions/scorecard/src/metrics.rs");
    let dashboard = resource(&template, "DrillsDashboard");
    let searched = Regex::new(r#"SEARCH\('\{(\w+),([\w,]+)\} MetricName=\\"(\w+)\\"'"#).unwrap();
    let mut of_drills = BTreeSet::new();
    for found in searched.captures_iter(&dashboard) {
        assert_eq!(&found[1], metrics::NAMESPACE);
        assert_eq!(found[2].split(',').collect::<Vec<_>>(), metrics::DRILL_DIMENSIONS);
        of_drills.insert(found[3].to_owned());
    }
    let expected = ["daysSinceLastPass", "objectiveMs", "timeToRecoverMs"];
    assert_eq!(of_drills.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let of_stack = Regex::new(r#"\["Firedrill", "(\w+)", "stack", "\$\{AWS::StackName\}""#).unwrap();
    let of_stack: BTreeSet<String> =
        of_stack.captures_iter(&dashboard).map(|found| found[1].to_owned()).collect();
    assert_eq!(of_stack.len(), 3, "{of_stack:?}");
    for metric in of_drills.iter().chain(&of_stack) {
        assert!(published.contains(&format!("\"{metric}\"")), "nobody publishes {metric}");
    }
    for (alarm, metric) in [("OverdueDrillsAlarm", "overdueDrills"), ("FailingDrillsAlarm", "failingDrills")]
    {
        let alarm = resource(&template, alarm);
        assert!(alarm.contains(&format!("MetricName: {metric}\n")) && of_stack.contains(metric), "{alarm}");
    }
}

#[test]
fn the_dashboard_is_a_document_and_links_to_every_alarm_that_tells_people() {
    let template = read("infra/template.yaml");
    let dashboard = resource(&template, "DrillsDashboard");
    let body = dashboard.split("DashboardBody: !Sub |\n").nth(1).expect("there is no DashboardBody");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let widgets = body["widgets"].as_array().unwrap();
    let kinds: Vec<&str> = widgets.iter().map(|widget| widget["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "custom");
    assert_eq!(widgets[0]["properties"]["endpoint"], "${WidgetFunction.Arn}");
    assert!(
        kinds[1..].iter().all(|kind| *kind == "alarm" || *kind == "metric"),
        "each is seen without being allowed"
    );
    let tells = Regex::new(r"\n  (\w+Alarm):\n    Type: AWS::CloudWatch::\w*Alarm\n").unwrap();
    for found in tells.captures_iter(&template) {
        let is_shown = dashboard.contains(&format!("\"${{{}.Arn}}\"", &found[1]));
        let tells = resource(&template, &found[1]).contains("AlarmActions:");
        assert!(is_shown || !tells, "{} is not on the dashboard", &found[1]);
    }
}

#[test]
fn what_drills_yaml_declares_is_a_declaration_of_what_it_drills() {
    let drills = read("infra/drills.yaml");
    let parameter = resource(&drills, "BookstoreDeclaration");
    assert!(parameter.contains("Name: !Sub \"${ApplicationsPath}/bookstore\"\n"), "{parameter}");
    let value = parameter.split("Value: |\n").nth(1).unwrap();
    assert!(value.len() < 4_096, "a parameter of the standard tier holds 4 KB");
    let declaration = parse_declaration(value).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&*declaration.application, "bookstore");
    let drilled = Regex::new(r#""dependency": "([a-z-]+)""#).unwrap();
    let drilled: BTreeSet<&str> =
        drilled.captures_iter(&drills).map(|found| found.get(1).unwrap().as_str()).collect();
    let declared: BTreeSet<&str> = declaration.critical().map(|dependency| &*dependency.name).collect();
    assert_eq!(declared, drilled);
    let path = "/firedrill/applications";
    assert!(resource(&drills, "ApplicationsPath").contains(&format!("Default: {path}\n")));
    assert!(
        read("infra/template.yaml")
            .contains("FIREDRILL_DECLARATIONS_PATH: !Sub \"/${NamePrefix}/applications\"\n")
    );
}
