//! Published: what the real functions make of a run that is over: its page, notices and metrics; and the dashboard's widget.

use std::{collections::BTreeSet, fs, path::Path};

use firedrill_scorecard::render::run_path;
use libtest_mimic::Trial;
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::{
    fixture::{FIXTURE, Fixture, request, until, with},
    trials,
};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        a_run_is_never_over_without_its_page_its_notices_and_every_metric_that_the_dashboard_graphs,
        a_dashboard_is_never_answered_with_anything_but_what_it_asked_for,
    ]
}

/// An event of the repository.
fn event(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("events/{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The metrics that the publisher logged so far, by name.
fn logged(fixture: &Fixture) -> BTreeSet<String> {
    let log = fixture.aws.function_log("firedrill-publisher");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let directives = lines.filter_map(|line| line["_aws"]["CloudWatchMetrics"].as_array().cloned()).flatten();
    let metrics = directives.filter_map(|directive| directive["Metrics"].as_array().cloned()).flatten();
    metrics.filter_map(|metric| metric["Name"].as_str().map(str::to_owned)).collect()
}

/// The metrics of the namespace `Firedrill` that the deployed dashboard graphs, by name.
async fn graphed(fixture: &Fixture) -> BTreeSet<String> {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&fixture.sdk);
    let dashboard = cloudwatch.get_dashboard().dashboard_name("firedrill-drills").send().await.unwrap();
    let body = dashboard.dashboard_body.unwrap();
    let searched = Regex::new(r#"MetricName=\\"(\w+)\\""#).unwrap();
    let named = Regex::new(r#"\["Firedrill", *"(\w+)""#).unwrap();
    let found = searched.captures_iter(&body).chain(named.captures_iter(&body));
    found.map(|metric| metric[1].to_owned()).collect()
}

/// The texts that were sent to the topic of notices about this run.
async fn notices(fixture: &Fixture, run: &str) -> Vec<String> {
    let messages = fixture.aws.messages().await.unwrap().into_iter();
    let about = messages.filter(|message| message.topic == fixture.outputs["NoticesTopicArn"]);
    about.map(|message| message.message).filter(|text| text.contains(run)).collect()
}

fn a_run_is_never_over_without_its_page_its_notices_and_every_metric_that_the_dashboard_graphs() {
    with(async |fixture| {
        fixture.launch(1, &[("case", "published")]).await;
        let answer = fixture.invoke(&request("published", fixture.aws.endpoint())).await.unwrap();
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        let run = "test/published/stop-one/1";

        let bucket = &fixture.outputs["ScorecardBucketName"];
        let path = run_path(run);
        let page = until(async || fixture.aws.objects(bucket).await.unwrap().remove(&path)).await;
        assert!(page.contains(answer["reason"].as_str().unwrap()), "{page}");
        // The index is the last file of a publication.
        until(async || {
            let files = fixture.aws.objects(bucket).await.unwrap();
            files.get("index.html").filter(|index| index.contains(&path)).map(|_| ())
        })
        .await;

        let told = until(async || Some(notices(fixture, run).await).filter(|told| told.len() >= 2)).await;
        assert!(told.iter().any(|text| text.contains("recovered")), "{told:?}");
        let calls = fixture.aws.calls().await.unwrap();
        let put = calls.iter().filter(|call| {
            call.caller.as_deref() == Some("LOCALFIREDRILLNOTIFIER") && call.action == "PutEvents"
        });
        assert!(put.count() >= 2, "start and end go to the bus, too");

        let graphed = graphed(fixture).await;
        assert!(graphed.contains("timeToRecoverMs") && graphed.contains("overdueDrills"), "{graphed:?}");
        until(async || graphed.is_subset(&logged(fixture)).then_some(())).await;
    });
}

fn a_dashboard_is_never_answered_with_anything_but_what_it_asked_for() {
    with(async |fixture| {
        let asked = async |event: Value| fixture.aws.invoke("firedrill-widget", &event).await.unwrap();
        let described = asked(json!({ "describe": true })).await.payload;
        assert!(described["markdown"].as_str().unwrap().contains("application"), "{described}");
        let shown = asked(event("widget")).await;
        let html = shown.payload.as_str().expect("the widget is HTML").to_owned();
        assert!(!shown.failed && html.contains('<') && !html.contains("<script"), "{html}");
        let publish = fixture.aws.invoke("firedrill-publisher", &event("publish")).await.unwrap();
        let why = publish.payload["errorMessage"].as_str().unwrap_or_default();
        assert!(publish.failed && why.contains("has no run staging/bookstore/"), "{}", publish.payload);
        let refused = asked(json!({ "aplication": "bookstore" })).await;
        assert!(refused.failed && refused.payload["errorType"] == "UnknownRequest", "{}", refused.payload);
    });
}
