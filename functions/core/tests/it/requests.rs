//! What is refused before anything is touched, and what is said about it.

use firedrill_core::{
    Run,
    dispatch::new_run,
    kill_switch::Scope,
    request::{Delivery, ParseError, parse, read_leniently},
};
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "drill": "instance-blue", "application": "bookstore", "dependency": "compute", "environment": "staging",
        "mode": "stop",
        "target": {
            "instances": {
                "region": "eu-west-2",
                "select": { "tags": { "app": "bookstore" } },
                "blastRadius": { "count": 1 }
            }
        },
        "steadyState": { "withinSeconds": 60, "probes": [
            { "name": "version", "check": { "http": { "url": "https://bookstore.example.com/version/" } }, "count": 3 }
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
    assert_eq!(
        request.objective.give_up_after().as_secs(),
        300,
        "three times the objective, and five minutes"
    );
}

/// A document of every kind of target, with everything that can be in it.
fn full(kind: &str) -> Value {
    let probe = json!({ "name": "version", "check": { "http": {
        "url": "https://bookstore.example.com/version/", "header": { "name": "x-env", "value": "blue" },
        "json": { "pointer": "/v", "equals": { "any": ["thing"] } }
    } } });
    let trigger = json!({ "alarmArn": ALARM, "metric": { "value": 0 } });
    let identity =
        json!({ "url": "https://cdn.example.com/s", "json": "/cdn", "primary": "p", "standby": "s" });
    let primary = json!({ "tcp": { "host": "primary.example.com", "port": 443 } });
    let mut document = good();
    document["steadyState"]["probes"] = json!([probe]);
    document["stopConditions"] = json!([{ "alarmArn": STOP }, { "probe": {
        "name": "checkout", "check": { "http": { "url": "https://checkout.example.com/" } }
    } }]);
    document["windows"] =
        json!([{ "days": ["monday"], "from": "09:00", "to": "16:00", "timeZone": "Europe/London" }]);
    document["schedule"] = json!({
        "scheduledAt": "2026-12-01T10:00:00Z",
        "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
    });
    document["target"] = match kind {
        "instances" => document["target"].clone(),
        "distribution" => json!({ "distribution": {
            "arn": "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE",
            "trigger": trigger, "identity": identity, "primaryProbe": primary
        } }),
        _ => json!({ "database": {
            "arn": "arn:aws:rds:eu-west-2:123456789012:cluster:bookstore",
            "trigger": trigger, "restoreWriter": true, "primaryProbe": primary
        } }),
    };
    if kind == "instances" {
        document["detection"] = json!({ "alarmArn": ALARM });
    } else {
        document["mode"] = json!("metric");
    }
    document
}

const ALARM: &str = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:bookstore";
const STOP: &str = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:checkout";

/// The pointers to every object of this document whose fields Firedrill reads.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    // Any tag, and any JSON value, is the caller's own.
    if at.ends_with("/tags") || at.ends_with("/equals") {
        return;
    }
    match value {
        Value::Object(fields) => {
            // An enum is written as an object of one field: another one beside it is no unknown field of a struct.
            let is_enum = ["/target", "/check", "/primaryProbe", "/select", "/blastRadius"]
                .iter()
                .any(|name| at.ends_with(name));
            if !is_enum {
                found.push(at.to_owned());
            }
            for (key, inner) in fields {
                objects(inner, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                objects(inner, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn an_unknown_field_at_any_depth_is_never_ignored_nor_keeps_a_run_from_being_rolled_back() {
    for kind in ["instances", "distribution", "database"] {
        let document = full(kind);
        let Ok(Delivery::Start(plain)) = parse(&document) else { panic!("{:?}", parse(&document)) };
        let mut places = Vec::new();
        objects(&document, "", &mut places);
        assert!(places.len() > 12, "{places:?}");
        for place in places {
            let mut unknown = document.clone();
            unknown.pointer_mut(&place).unwrap()["later"] = json!({ "a": [1] });
            let field = format!("{place}/later").trim_start_matches('/').replace('/', ".");
            let field = with_indexes(&field);
            let refused = refusal(&unknown);
            assert!(refused.contains(&format!("`{field}` is an unknown field")), "{place}: {refused}");
            assert_eq!(read_leniently(&unknown).as_ref(), Ok(&*plain), "{place}");
        }
    }
}

/// `probes.0.check` as it is written: `probes[0].check`.
fn with_indexes(field: &str) -> String {
    field.split('.').fold(String::new(), |all, part| match part.parse::<usize>() {
        Ok(index) => format!("{all}[{index}]"),
        Err(_) if all.is_empty() => part.to_owned(),
        Err(_) => format!("{all}.{part}"),
    })
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_field() {
    for (pointer, value, expected) in [
        ("/environment", json!("Prod!"), "environment"),
        ("/target/instances/region", json!("europe"), "target.instances.region"),
        ("/target/instances/select", json!({ "ids": [] }), "target.instances.select.ids"),
        ("/target/instances/select", json!({ "ids": ["web-1"] }), "target.instances.select.ids[0]"),
        ("/target/instances/select", json!({ "tags": {} }), "target.instances.select.tags"),
        ("/target/instances/select", json!({ "tags": { "firedrill:allowed": "true" } }), "match everything"),
        ("/target/instances/select", json!({ "tags": { "app": "*" } }), "wildcards"),
        ("/target/instances/select", json!({ "autoScalingGroup": " " }), "autoScalingGroup"),
        ("/target/instances/blastRadius", json!({ "count": 0 }), "target.instances.blastRadius.count"),
        ("/target/instances/blastRadius", json!({ "percent": 101 }), "target.instances.blastRadius.percent"),
        ("/target/instances/availabilityZone", json!("us-east-1a"), "target.instances.availabilityZone"),
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
    let two = json!([{ "name": "n", "check": { "http": { "url": "https://example.com" }, "tcp": { "host": "h", "port": 1 } } }]);
    assert!(refusal(&with("/steadyState/probes", two)).contains("steadyState.probes[0].check"));
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
fn a_command_is_taken_with_the_schema_that_an_editor_completes_it_from() {
    let signed = |field: &str, value: Value| json!({ field: value, "by": "me", "reason": "looked" });
    for (word, value) in [
        ("get", json!("a/b/c/d")),
        ("list", json!("a/b/c")),
        ("resume", json!("a/b/c/d")),
        ("release", signed("runId", json!("a/b/c/d"))),
        ("stop", signed("runId", json!("a/b/c/d"))),
        ("killSwitch", signed("engage", json!(true))),
    ] {
        let alone = json!({ word: value });
        let with_schema = json!({ "$schema": "./request.schema.json", word: value });
        assert!(parse(&alone).is_ok(), "{alone}");
        assert_eq!(parse(&with_schema), parse(&alone), "{word}");
        let more = json!({ "$schema": "./request.schema.json", word: value, "execute": true });
        if ["stop", "killSwitch"].contains(&word) {
            // An emergency command is taken: `commands` tests what is said about the rest.
            assert!(parse(&more).is_ok(), "{word}");
            continue;
        }
        let said = refusal(&more);
        assert!(said.contains("`execute`") && said.contains("stands alone"), "{said}");
    }
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
fn a_stop_condition_is_either_an_alarm_or_a_probe() {
    let stop = |condition: Value| parse(&with("/stopConditions", json!([condition]))).map(drop);
    let probe = json!({ "name": "up", "check": { "tcp": { "host": "a.example", "port": 1 } } });
    assert_eq!(stop(json!({ "alarmArn": STOP, "allowInsufficientData": true })), Ok(()));
    for wrong in [
        json!({}),
        json!({ "alarmArn": STOP, "probe": probe }),
        json!({ "probe": probe, "allowInsufficientData": true }),
        json!({ "alarmArn": STOP, "allowInsufficientData": "yes" }),
        json!({ "alarmArn": STOP, "allowInsuficientData": true }),
    ] {
        let why = stop(wrong.clone()).expect_err(&wrong.to_string()).to_string();
        assert!(why.contains("stopConditions[0]"), "{why}");
    }
}

#[test]
fn a_run_id_is_never_taken_beside_a_schedule_which_it_would_end_after_one_run() {
    let mut document = full("instances");
    document["runId"] = json!("nightly");
    let why = refusal(&document);
    assert!(why.contains("`runId` stands beside `schedule`"), "{why}");
    document.as_object_mut().unwrap().remove("schedule");
    assert!(parse(&document).is_ok());
}

#[test]
fn what_this_version_does_not_understand_is_named_and_never_guessed() {
    let why = read_leniently(&with("/mode", json!("flood"))).unwrap_err();
    assert!(why.field == "mode" && why.what.contains("flood"), "{why}");
}

#[test]
fn a_run_whose_request_is_lost_is_never_rolled_back_without_its_probes_and_its_primary() {
    let invocation = crate::common::invocation("starter");
    for kind in ["instances", "distribution", "database"] {
        let Ok(Delivery::Start(request)) = parse(&full(kind)) else { panic!("{kind}") };
        let run = new_run(&request, &invocation, &crate::common::timing(), crate::common::at(0));
        // As it comes back from the record.
        let run: Run = serde_json::from_value(serde_json::to_value(&run).unwrap()).unwrap();
        let recorded = run.recorded_request();
        assert_eq!(recorded.target, request.target, "the primary's and the identity probe are in it");
        assert_eq!(recorded.steady_state, request.steady_state);
        assert_eq!(recorded.playbook, request.playbook);
        assert!(!recorded.execute, "nothing is ever started with it");
        let names = |run: &Run| run.limits.probes.iter().map(|rule| rule.probe.clone()).collect::<Vec<_>>();
        assert_eq!(
            names(&new_run(&recorded, &invocation, &crate::common::timing(), crate::common::at(0))),
            names(&run),
            "the same streaks"
        );
    }
}

#[test]
fn a_request_that_would_not_fit_into_the_head_of_its_run_is_refused() {
    let probe = |n: usize| {
        json!({ "name": format!("probe {n}"), "check": { "http": {
        "url": format!("https://bookstore.example.com/{}", "x".repeat(600))
    } } })
    };
    let probes: Vec<Value> = (0..20).map(probe).collect();
    let refused = refusal(&with("/steadyState/probes", json!(probes)));
    assert!(refused.contains("`target` takes") && refused.contains("at most 8192"), "{refused}");
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
        ("stop", signed(json!({ "application": "book store" })), "`book store` is not a name"),
        ("stop", signed(json!({ "runId": 7 })), "`stop.runId`"),
        ("stop", signed(json!({ "aplication": "bookstore" })), "exactly one of"),
        ("stop", json!(["a"]), "`stop`: expected an object, found an array"),
        ("killSwitch", signed(json!({})), "missing field `engage`"),
        ("killSwitch", signed(json!({ "engage": "yes" })), "`killSwitch.engage`"),
        ("killSwitch", json!([true, "bookstore"]), "`killSwitch`: expected an object, found an array"),
        (
            "killSwitch",
            signed(json!({ "engage": true, "application": "a", "drill": "a/b/c" })),
            "`killSwitch`",
        ),
        ("killSwitch", signed(json!({ "engage": true, "application": "" })), "`killSwitch.application`"),
        ("killSwitch", signed(json!({ "engage": true, "account": false })), "`killSwitch.account`"),
        (
            "killSwitch",
            signed(json!({ "engage": true, "application": "book store" })),
            "`killSwitch.application`: `book store` is not a name",
        ),
        ("killSwitch", signed(json!({ "engage": true, "drill": "d" })), "`killSwitch.drill`"),
        ("killSwitch", signed(json!({ "engage": true, "drill": "a/b/c/d" })), "`killSwitch.drill`"),
        ("killSwitch", signed(json!({ "engage": true, "drill": "a//d" })), "`killSwitch.drill`"),
        (
            "killSwitch",
            signed(json!({ "engage": true, "aplication": "bookstore" })),
            "`killSwitch.aplication` is an unknown field",
        ),
        ("killSwitch", json!({ "engage": false, "account": true, "reason": "r" }), "missing field `by`"),
        (
            "killSwitch",
            signed(json!({ "engage": false, "application": "bookstore", "reason": "" })),
            "`killSwitch.reason`",
        ),
        (
            "killSwitch",
            signed(json!({ "engage": false, "application": "bookstore", "drills": "d" })),
            "`killSwitch.drills` is an unknown field",
        ),
    ] {
        let document = json!({ word: fields });
        let said = parse(&document).expect_err(&format!("{document} was taken")).to_string();
        assert!(said.contains(expected), "{document}: expected {expected} in: {said}");
    }
    let Ok(Delivery::KillSwitch(order)) = parse(&json!({ "killSwitch": signed(json!({ "engage": true })) }))
    else {
        panic!("not taken")
    };
    assert_eq!(order.switch.scope, Scope::Account, "without a name everything is meant");
}
