//! What is refused before anything is touched, and what is said about it.

use crate::common::run;
use firedrill_core::{
    instance::undo,
    kill_switch::Scope,
    request::{Delivery, InstanceSelector, ParseError, of_head, parse, read_leniently},
};
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "drill": "instance-blue", "application": "bookstore", "dependency": "compute", "environment": "staging",
        "mode": "stop",
        "target": {
            "region": "eu-west-2",
            "instances": { "tags": { "app": "bookstore" } },
            "blastRadius": { "count": 1 }
        },
        "steadyState": { "withinSeconds": 60, "probes": [
            { "name": "version", "http": { "url": "https://bookstore.example.com/version/" }, "count": 3 }
        ] },
        "objective": { "rtoSeconds": 60 },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "team", "severity": "sev2" }
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document
}

fn refusal(document: &Value) -> String {
    parse(document).expect_err("it was taken").to_string()
}

#[test]
fn a_whole_request_is_taken_and_only_plans_by_default() {
    let Delivery::Start(request) = parse(&good()).unwrap() else { panic!("not a request") };
    assert!(!request.execute);
    assert_eq!(request.objective.give_up_after(), 180, "three times the objective");
}

#[test]
fn an_unknown_field_is_never_ignored() {
    for (pointer, field) in [
        ("/dryRun", "dryRun"),
        ("/target/filter", "filter"),
        ("/objective/rto", "rto"),
        ("/steadyState/probes/0/timeout", "timeout"),
        ("/steadyState/probes/0/http/timeout", "timeout"),
    ] {
        let mut document = good();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), json!(1));
        let said = refusal(&document);
        assert!(said.contains(&format!("unknown field `{field}`")), "{pointer}: {said}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_field() {
    for (pointer, value, expected) in [
        ("/environment", json!("Prod!"), "environment"),
        ("/target/region", json!("europe"), "target.region"),
        ("/target/instances", json!({ "ids": [] }), "target.instances.ids"),
        ("/target/instances", json!({ "ids": ["web-1"] }), "target.instances.ids[0]"),
        ("/target/instances", json!({ "tags": {} }), "target.instances.tags"),
        ("/target/instances", json!({ "tags": { "firedrill:allowed": "true" } }), "match everything"),
        ("/target/instances", json!({ "tags": { "app": "*" } }), "wildcards"),
        ("/target/instances", json!({ "autoScalingGroup": " " }), "autoScalingGroup"),
        ("/target/blastRadius", json!({ "count": 0 }), "target.blastRadius.count"),
        ("/target/blastRadius", json!({ "percent": 101 }), "target.blastRadius.percent"),
        ("/target/availabilityZone", json!("us-east-1a"), "target.availabilityZone"),
        ("/steadyState/probes", json!([]), "steadyState.probes"),
        ("/steadyState/withinSeconds", json!(3), "steadyState.withinSeconds"),
        ("/objective/rtoSeconds", json!(0), "objective.rtoSeconds"),
        ("/objective/giveUpAfterSeconds", json!(5), "objective.giveUpAfterSeconds"),
        (
            "/detection",
            json!({ "alarmArn": "arn:aws:sns:eu-west-2:123456789012:topic" }),
            "detection.alarmArn",
        ),
        ("/detection", json!({ "alarmArn": "my-alarm" }), "is not an ARN"),
        ("/playbook/link", json!("somewhere"), "playbook.link"),
        ("/runId", json!("../../etc"), "runId"),
        ("/cadence/everyDays", json!(0), "cadence.everyDays"),
        (
            "/windows",
            json!([{ "days": ["monday"], "from": "09:00", "to": "09:00", "timeZone": "UTC" }]),
            "windows[0].to",
        ),
        (
            "/windows",
            json!([{ "days": ["monday"], "from": "25:00", "to": "09:00", "timeZone": "Mars/Olympus" }]),
            "windows[0].timeZone",
        ),
    ] {
        let said = refusal(&with(pointer, value));
        assert!(said.contains(expected), "{pointer}: expected `{expected}` in: {said}");
    }
}

#[test]
fn a_probe_is_of_exactly_one_kind() {
    let two =
        json!([{ "name": "n", "http": { "url": "https://example.com" }, "tcp": { "host": "h", "port": 1 } }]);
    assert!(refusal(&with("/steadyState/probes", two)).contains("unknown field"));
    assert!(refusal(&with("/steadyState/probes", json!([{ "name": "n" }]))).contains("probes[0]"));
}

#[test]
fn an_unsubstituted_placeholder_never_becomes_an_identity() {
    let schedule = json!({
        "scheduledAt": "<aws.scheduler.scheduled-time>",
        "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
    });
    let error = parse(&with("/schedule", schedule)).unwrap_err();
    assert!(
        matches!(&error, ParseError::Placeholder { field, .. } if field == "schedule.scheduledAt"),
        "{error}"
    );
}

#[test]
fn the_words_get_list_resume_and_release_stand_alone() {
    assert_eq!(parse(&json!({ "get": "a/b/c/d" })), Ok(Delivery::Get("a/b/c/d".to_owned())));
    assert_eq!(parse(&json!({ "resume": "a/b/c/d" })), Ok(Delivery::Resume("a/b/c/d".to_owned())));
    assert_eq!(parse(&json!({ "list": "a/b/c" })), Ok(Delivery::List("a/b/c".to_owned())));
    let word = json!({ "runId": "a/b/c/d", "by": "me", "reason": "looked" });
    let Ok(Delivery::Release(release)) = parse(&json!({ "release": word })) else { panic!("not taken") };
    assert!(!release.fail_back, "nothing is moved back unless somebody says so");
    assert!(refusal(&json!({ "release": { "runId": "a" } })).contains("missing field `by`"));
    assert!(
        refusal(&json!({ "release": { "runId": "a", "by": " ", "reason": "r" } })).contains("release.by")
    );
    assert!(refusal(&json!({ "get": "a", "execute": true })).contains("stands alone"));
    assert!(refusal(&json!({ "get": 7 })).contains("expected a string"));
    assert!(refusal(&json!([1])).contains("expected a JSON object"));
}

#[test]
fn two_deliveries_of_one_event_are_one_run_and_a_plan_is_never_a_run() {
    let schedule = json!({
        "scheduledAt": "2026-11-23T10:00:00Z",
        "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
    });
    let mut document = with("/schedule", schedule);
    document["execute"] = json!(true);
    let identity = |document: &Value, request_id: &str| match parse(document).unwrap() {
        Delivery::Start(request) => request.identity(request_id).0,
        other => panic!("{other:?}"),
    };
    assert_eq!(identity(&document, "r1"), identity(&document, "r2"));
    assert_eq!(identity(&document, "r1"), "staging/bookstore/instance-blue/2026-11-23T10:00:00.000Z");
    document["execute"] = json!(false);
    assert_eq!(identity(&document, "r1"), "staging/bookstore/instance-blue/plan/r1");
}

#[test]
fn a_word_that_a_later_version_added_never_keeps_a_run_from_being_taken_back() {
    let mut stored = good();
    for (pointer, value) in [
        ("/later", json!({ "a": [1] })),
        ("/target/later", json!(true)),
        ("/objective/schedule", json!("a name that is known elsewhere")),
        ("/steadyState/probes/0/later", json!("x")),
        ("/steadyState/probes/0/http/later", json!(null)),
        ("/playbook/later", json!([])),
    ] {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        stored.pointer_mut(parent).unwrap()[key] = value;
    }
    stored["schedule"] = json!({
        "scheduledAt": "2026-12-01T10:00:00Z",
        "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
    });
    let read = read_leniently(stored).unwrap();
    assert!(read.schedule.is_some(), "what is known is kept");
    let Delivery::Start(plain) = parse(&good()).unwrap() else { panic!("not a request") };
    assert_eq!((read.target, read.steady_state), (plain.target, plain.steady_state));

    let why = read_leniently(with("/mode", json!("flood"))).unwrap_err();
    assert!(why.contains("`mode`") && why.contains("flood"), "{why}");
}

#[test]
fn a_request_that_is_lost_never_keeps_its_run_from_being_taken_back() {
    let mut run = run();
    let ids = ["i-0123456789abcdef0".to_owned()];
    run.undo = undo(&ids, "eu-west-2", "", "aws").into();
    let lost = of_head(&run).unwrap();
    let target = lost.target.instances().unwrap();
    assert_eq!(
        (target.region.as_str(), &target.instances),
        ("eu-west-2", &InstanceSelector::Ids(ids.to_vec()))
    );
    assert!(lost.steady_state.probes.is_empty(), "they are lost: nobody makes them up");
    run.undo[0].service = "later".to_owned();
    assert!(of_head(&run).unwrap_err().contains("cannot be read"));
}

#[test]
fn a_word_that_cannot_be_meant_is_refused_with_its_field() {
    let signed = |mut fields: Value| {
        for field in ["by", "reason"] {
            if fields.get(field).is_none() {
                fields[field] = json!("ana");
            }
        }
        fields
    };
    for (word, fields, expected) in [
        ("stop", signed(json!({})), "`stop`: names exactly one of `runId` and `application`"),
        ("stop", signed(json!({ "runId": "a", "application": "b" })), "exactly one of"),
        ("stop", signed(json!({ "runId": "" })), "`stop.runId`"),
        ("stop", signed(json!({ "application": " " })), "`stop.application`"),
        (
            "stop",
            signed(json!({ "application": "Bookstore" })),
            "`stop.application`: `Bookstore` is not a name",
        ),
        ("stop", signed(json!({ "runId": 7 })), "`stop.runId`"),
        ("stop", json!({ "runId": "a", "reason": "r" }), "missing field `by`"),
        ("stop", json!({ "runId": "a", "by": "b" }), "missing field `reason`"),
        ("stop", signed(json!({ "runId": "a", "by": " " })), "`stop.by`"),
        ("stop", signed(json!({ "runId": "a", "reason": "x".repeat(501) })), "`stop.reason`"),
        ("stop", signed(json!({ "runId": "a", "drill": "d" })), "unknown field `drill`"),
        ("stop", json!("a"), "`stop"),
        ("killSwitch", signed(json!({})), "missing field `engage`"),
        ("killSwitch", signed(json!({ "engage": "yes" })), "`killSwitch.engage`"),
        (
            "killSwitch",
            signed(json!({ "engage": true, "application": "a", "drill": "a/b/c" })),
            "`killSwitch`",
        ),
        ("killSwitch", signed(json!({ "engage": true, "application": "" })), "`killSwitch.application`"),
        (
            "killSwitch",
            signed(json!({ "engage": true, "application": "Bookstore" })),
            "`killSwitch.application`: `Bookstore` is not a name",
        ),
        ("killSwitch", signed(json!({ "engage": true, "drill": "d" })), "`killSwitch.drill`"),
        ("killSwitch", signed(json!({ "engage": true, "drill": "a/b/c/d" })), "`killSwitch.drill`"),
        (
            "killSwitch",
            signed(json!({ "engage": true, "drill": "Staging/bookstore/d" })),
            "`killSwitch.drill`: `Staging` is not a name",
        ),
        (
            "killSwitch",
            signed(json!({ "engage": true, "drill": "staging/bookstore/d " })),
            "`killSwitch.drill`: `d ` is not a name",
        ),
        ("killSwitch", signed(json!({ "engage": true, "drill": "a//d" })), "`killSwitch.drill`"),
        ("killSwitch", signed(json!({ "engage": true, "until": "tomorrow" })), "`killSwitch.until`"),
        ("killSwitch", json!({ "engage": true, "reason": "r" }), "missing field `by`"),
        ("killSwitch", signed(json!({ "engage": true, "reason": "" })), "`killSwitch.reason`"),
        ("killSwitch", signed(json!({ "engage": true, "runId": "a" })), "unknown field `runId`"),
    ] {
        let document = json!({ word: fields });
        let said = parse(&document).expect_err(&format!("{document} was taken")).to_string();
        assert!(said.contains(expected), "{document}: expected {expected} in: {said}");
    }
    let more = json!({ "stop": signed(json!({ "runId": "a" })), "execute": true });
    assert!(parse(&more).unwrap_err().to_string().contains("stands alone"));
    let Ok(Delivery::KillSwitch(order)) = parse(&json!({ "killSwitch": signed(json!({ "engage": true })) }))
    else {
        panic!("not taken")
    };
    assert_eq!(order.switch.scope, Scope::Account, "without a name everything is meant");
}
