//! Runs: a drill once, a plan, and each way in.

use crate::{fixture::FIXTURE, standins::assert_requests_fit_the_schema, trials};
use libtest_mimic::Trial;
use std::collections::BTreeSet;

use firedrill_local::{
    Bookstore,
    bookstore::{BookstoreOptions, What},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::fixture::{DRILL, Fixture, request, until, with};

/// The request on the bookstore's blue instance, with its HTTP probe.
fn on_bookstore(url: &str) -> Value {
    let mut request = request("bookstore", "http://127.0.0.1:1");
    request["target"]["instances"]["select"] = json!({ "tags": { "app": "bookstore", "color": "blue" } });
    request["steadyState"]["probes"] = json!([{
        "name": "version answers", "check": { "http": { "url": format!("{url}/version/"), "status": 200, "deadlineMs": 10_000 } },
        "count": 3, "holdForSeconds": 1
    }]);
    request
}

async fn evidence(fixture: &Fixture, run_id: &str) -> Vec<Value> {
    let table = aws_sdk_dynamodb::Client::new(&fixture.sdk);
    let key = aws_sdk_dynamodb::types::AttributeValue::S(format!("run#{run_id}"));
    let mut pages = table
        .query()
        .table_name(&fixture.table)
        .key_condition_expression("pk = :p AND begins_with(sk, :e)")
        .expression_attribute_values(":p", key)
        .expression_attribute_values(":e", aws_sdk_dynamodb::types::AttributeValue::S("evidence#".into()))
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        let kind = item.values().find_map(|value| match value {
            aws_sdk_dynamodb::types::AttributeValue::M(map) => map.get("kind").cloned(),
            _ => None,
        });
        let kind = item.get("kind").cloned().or(kind);
        found.push(kind.map_or(Value::Null, |kind| json!(kind.as_s().unwrap())));
    }
    found
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        one_event_delivered_three_times_at_once_is_one_run_timed_as_the_bookstore_knows_it,
        a_plan_never_changes_anything_but_our_own_table,
        every_event_of_the_repository_fits_the_schema_and_is_answered,
        a_table_that_is_missing_is_one_clear_error_and_nothing_is_touched,
        what_cannot_be_read_is_one_clear_error_and_leaves_no_record,
    ]
}

fn one_event_delivered_three_times_at_once_is_one_run_timed_as_the_bookstore_knows_it() {
    with(async |fixture| {
        let blue = fixture.launch(1, &[("app", "bookstore"), ("color", "blue")]).await;
        fixture.launch(1, &[("app", "bookstore"), ("color", "green")]).await;
        let shop = Bookstore::open(
            &fixture.aws,
            // Long enough to be seen by a function that has to wait for a processor.
            &BookstoreOptions { failover_ms: 8_000, ..BookstoreOptions::default() },
        )
        .unwrap();
        let event = on_bookstore(&shop.url());
        let answers =
            join_all([fixture.invoke(&event), fixture.invoke(&event), fixture.invoke(&event)]).await;
        let answers: Vec<Value> = answers.into_iter().map(Result::unwrap).collect();
        let ids: BTreeSet<&str> = answers.iter().map(|answer| answer["runId"].as_str().unwrap()).collect();
        assert_eq!(ids, BTreeSet::from(["test/bookstore/stop-one/1"]));
        let answer = fixture.invoke(&json!({ "get": "test/bookstore/stop-one/1" })).await.unwrap();
        assert_eq!(
            (&answer["outcome"], &answer["impaired"]),
            (&json!("recovered"), &json!(true)),
            "{answer:#}"
        );
        assert_eq!(answer["targets"], json!(blue));

        let calls = fixture.mutations_of(&blue).await;
        let actions: Vec<&str> = calls.iter().map(|call| call.action.as_str()).collect();
        assert_eq!(actions, ["StopInstances", "StartInstances"], "each exactly once");
        assert_eq!(fixture.states(&blue).await, ["running"]);

        // The record's times against the bookstore's truth.
        let truth = shop.truth();
        let recovered = truth.iter().find(|truth| truth.what == What::Recovered).unwrap().at_ms;
        let sent: firedrill_core::Timestamp =
            answer["times"]["injected"]["at"].as_str().unwrap().parse().unwrap();
        let took = answer["timeToRecover"]["ms"].as_i64().unwrap();
        let resolution = answer["timeToRecover"]["resolutionMs"].as_i64().unwrap();
        let really = recovered - sent.as_millis();
        // Never earlier than the truth, and later by no more than the recorded resolution: on a busy machine a look
        // takes longer.
        assert!(took >= really, "{took} ms by the record, {really} ms in truth");
        assert!(
            took - resolution <= really,
            "{took} ms by the record, {really} ms in truth: outside of the resolution of {resolution} ms"
        );
        assert!(answer["answers"]["failed"].as_u64().unwrap() > 0);

        let kinds = evidence(fixture, "test/bookstore/stop-one/1").await;
        for kind in ["selection", "targets", "probe", "phase", "call", "gate"] {
            assert!(kinds.contains(&json!(kind)), "no evidence of kind {kind}: {kinds:?}");
        }
        let listed = fixture.invoke(&json!({ "list": "test/bookstore/stop-one" })).await.unwrap();
        assert_eq!(listed["runs"][0]["runId"], "test/bookstore/stop-one/1");
    });
}

fn a_plan_never_changes_anything_but_our_own_table() {
    with(async |fixture| {
        let ids = fixture.launch(2, &[("case", "plan")]).await;
        let mut plan = request("plan", fixture.aws.endpoint());
        plan["execute"] = json!(false);
        let answer = fixture.invoke(&plan).await.unwrap();
        assert_eq!(answer["outcome"], "planned", "{answer:#}");
        assert_eq!(answer["couldRun"], true, "{answer:#}");
        assert_eq!(answer["plan"]["targets"].as_array().unwrap().len(), 1);
        let permissions = answer["plan"]["permissions"].as_array().unwrap();
        let proof = |action: &str| {
            permissions.iter().find(|p| p["action"] == action).map(|p| p["proof"].clone()).unwrap_or_default()
        };
        assert_eq!(proof("ec2:StopInstances"), "proven", "{permissions:?}");
        assert!(permissions.iter().any(|p| p["proof"] == "not checked"), "what was not asked is not proven");
        assert_eq!(fixture.states(&ids).await, ["running", "running"]);
        assert!(fixture.mutations_of(&ids).await.is_empty());
        let calls = fixture.aws.calls().await.unwrap();
        let others = calls.iter().filter(|call| {
            call.caller.as_deref() == Some(DRILL)
                && call.mutating
                && call.service != "dynamodb"
                && call.resource.iter().any(|r| ids.iter().any(|id| r.contains(id.as_str())))
        });
        assert_eq!(others.count(), 0);
        // A plan appears in no list of runs.
        let runs = fixture.invoke(&json!({ "list": "test/plan/stop-one" })).await.unwrap();
        assert_eq!(runs["runs"], json!([]));
    });
}

fn every_event_of_the_repository_fits_the_schema_and_is_answered() {
    assert_requests_fit_the_schema();
    with(async |fixture| {
        let read = |name: &str| -> Value {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("events/{name}.json"));
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let ids = fixture.launch(3, &[("case", "events")]).await;
        for (number, name) in
            ["instance-schedule", "instance-rule", "instance-console", "instance-local"].iter().enumerate()
        {
            let mut event = read(name);
            let own = request("events", fixture.aws.endpoint());
            // The resources of this fixture; everything else as in the file.
            for field in ["target", "steadyState", "environment"] {
                event[field] = own[field].clone();
            }
            event["application"] = json!(format!("events-{number}"));
            event.as_object_mut().unwrap().remove("detection");
            event.as_object_mut().unwrap().remove("windows");
            if event.get("schedule").is_some() {
                event["schedule"]["scheduledAt"] = json!(
                    firedrill_core::Timestamp::from_millis(firedrill_local::clock::epoch_ms()).to_string()
                );
            }
            let answer = fixture.invoke(&event).await.unwrap();
            let expected = if *name == "instance-console" { "planned" } else { "recovered" };
            assert_eq!(answer["outcome"], expected, "{name}: {answer:#}");
        }
        assert_eq!(fixture.states(&ids).await, ["running"; 3]);
        let (kind, message) = fixture.invoke(&read("get")).await.unwrap_err();
        assert_eq!(kind, "NoSuchRun", "{message}");
        for word in ["resume", "release"] {
            assert_eq!(fixture.invoke(&read(word)).await.unwrap_err().0, "NoSuchRun", "{word}");
        }
        assert_eq!(fixture.invoke(&read("list")).await.unwrap()["runs"], json!([]));
    });
}

fn a_table_that_is_missing_is_one_clear_error_and_nothing_is_touched() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "no-table")]).await;
        fixture
            .fault(json!({
                "id": "no-table", "caller": DRILL, "service": "dynamodb", "action": "TransactWriteItems",
                "contains": "test/no-table/", "kind": "error", "when": "before", "times": -1,
                "code": "ResourceNotFoundException", "status": 400, "message": "Requested resource not found"
            }))
            .await;
        let request = request("no-table", fixture.aws.endpoint());
        until(async || {
            let (kind, message) = fixture.invoke(&request).await.unwrap_err();
            assert_eq!(kind, "StoreFailed", "{message}");
            assert!(message.contains("nothing was injected"), "{message}");
            // On a busy machine the table's refusal may come too late.
            let refused = !message.contains("no answer within");
            assert!(!refused || message.contains("ResourceNotFoundException"), "{message}");
            refused.then_some(())
        })
        .await;
        assert!(fixture.mutations_of(&ids).await.is_empty());
    });
}

fn what_cannot_be_read_is_one_clear_error_and_leaves_no_record() {
    with(async |fixture| {
        let mut unknown = request("unknown-field", fixture.aws.endpoint());
        unknown["dryRun"] = json!(true);
        let (kind, message) = fixture.invoke(&unknown).await.unwrap_err();
        assert_eq!(kind, "InvalidRequest");
        assert!(message.contains("`dryRun` is an unknown field"), "{message}");
        let mut shapeless = request("no-target", fixture.aws.endpoint());
        shapeless.as_object_mut().unwrap().remove("target");
        let (kind, message) = fixture.invoke(&shapeless).await.unwrap_err();
        assert_eq!(kind, "UnreadableRequest");
        assert!(message.contains("target"), "{message}");
        let mut raw = request("placeholder", fixture.aws.endpoint());
        raw["runId"] = json!("<aws.scheduler.execution-id>");
        assert_eq!(fixture.invoke(&raw).await.unwrap_err().0, "UnsubstitutedPlaceholder");
        let mut arn = request("bad-arn", fixture.aws.endpoint());
        arn["detection"] = json!({ "alarmArn": "arn:aws:sns:us-east-1:123456789012:x" });
        assert_eq!(fixture.invoke(&arn).await.unwrap_err().0, "InvalidRequest");
        let runs = fixture.invoke(&json!({ "list": "test/unknown-field/stop-one" })).await.unwrap();
        assert_eq!(runs["runs"], json!([]));
    });
}
