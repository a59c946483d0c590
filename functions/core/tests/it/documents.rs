//! Documents as they were written: what stands there twice, is of another form, or is too large, is never guessed at.

use firedrill_core::{
    Decision, Observation, PreparedInjection, Readiness, Tristate,
    dispatch::new_run,
    instance::undo,
    request::{Delivery, ParseError, Problem, parse, parse_written},
    run::{Datapoints, Phase, Trigger},
    step,
};
use serde_json::{Value, json};

use crate::common::{answer, at, document, invocation, run, timing};

fn written(text: &str) -> Result<Delivery, ParseError> {
    parse_written(&serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// The problems for which it is refused.
fn problems(refused: Result<Delivery, ParseError>) -> Vec<Problem> {
    match refused {
        Err(ParseError::Invalid(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document
}

#[test]
fn a_field_that_stands_twice_is_never_overwritten() {
    let whole = document().to_string();
    assert!(written(&whole).is_ok());
    for (field, value) in [
        ("execute", "false"),
        ("execute", "true"),
        ("environment", r#""production""#),
        ("mode", r#""stop""#),
        ("target", "{}"),
    ] {
        // Before the others, and after them.
        let (rest, unclosed) = (&whole[1..], &whole[..whole.len() - 1]);
        for text in [format!("{{\"{field}\": {value}, {rest}"), format!("{unclosed}, \"{field}\": {value}}}")]
        {
            let said = problems(written(&text));
            assert_eq!(said[0].field, field, "{said:?}");
            assert!(said[0].what.contains("twice"), "{said:?}");
        }
    }
    let inside = whole.replace(r#""count":1"#, r#""count":1,"count":250"#);
    assert_ne!(inside, whole);
    assert_eq!(problems(written(&inside))[0].field, "target.instances.blastRadius.count");
}

#[test]
fn of_a_command_only_who_and_why_may_stand_twice_and_only_in_an_emergency() {
    let who = r#""by": "ana", "by": "ben", "reason": "r""#;
    assert!(written(&format!(r#"{{"stop": {{"runId": "a", {who}}}}}"#)).is_ok());
    assert!(written(&format!(r#"{{"killSwitch": {{"engage": true, {who}}}}}"#)).is_ok());
    for unclear in [
        format!(r#"{{"stop": {{"runId": "a", "runId": "b", {who}}}}}"#),
        format!(r#"{{"stop": {{"runId": "a", {who}}}, "stop": {{"runId": "b", {who}}}}}"#),
        format!(r#"{{"killSwitch": {{"engage": true, "engage": false, {who}}}}}"#),
        format!(r#"{{"killSwitch": {{"engage": false, "account": true, {who}}}}}"#),
        format!(r#"{{"release": {{"runId": "a", {who}}}}}"#),
        r#"{"get": "a", "get": "b"}"#.to_owned(),
    ] {
        assert!(problems(written(&unclear))[0].what.contains("twice"), "{unclear}");
    }
}

#[test]
fn a_list_is_never_taken_for_an_object() {
    for (pointer, list, field) in [
        ("/objective", json!([60]), "objective"),
        ("/cadence", json!([28]), "cadence"),
        ("/playbook", json!(["https://example.com/p", "1", "o", "s"]), "playbook"),
        (
            "/steadyState/probes/0/check",
            json!({ "tcp": ["example.com", 80] }),
            "steadyState.probes[0].check.tcp",
        ),
        (
            "/target/instances",
            json!(["eu-west-2", { "tags": { "app": "b" } }, { "count": 1 }]),
            "target.instances",
        ),
        ("/detection", json!(["arn:aws:cloudwatch:eu-west-2:1:alarm:a"]), "detection"),
    ] {
        let refused = parse(&with(pointer, list)).expect_err(pointer);
        let said = refused.to_string();
        // A list that is too short is refused when it is read.
        let named = said.contains(&format!("`{field}` expected an object, found an array"))
            || matches!(&refused, ParseError::Shape { field: at, .. } if at.starts_with(field));
        assert!(named, "{pointer}: {said}");
    }
    let whole = json!([]);
    assert!(parse(&whole).unwrap_err().to_string().contains("expected a JSON object"));
    assert!(parse(&with("/mode", json!({ "stop": null }))).is_err());
}

#[test]
fn null_is_never_taken_for_an_absent_field() {
    for field in ["runId", "schedule", "detection", "$schema"] {
        let said = parse(&with(&format!("/{field}"), Value::Null)).unwrap_err().to_string();
        assert!(said.contains(&format!("`{field}` is null: leave it out")), "{said}");
    }
    for (pointer, field) in [
        ("/objective/giveUpAfterSeconds", "objective.giveUpAfterSeconds"),
        ("/target/instances/seed", "target.instances.seed"),
        ("/target/instances/availabilityZone", "target.instances.availabilityZone"),
    ] {
        let said = parse(&with(pointer, Value::Null)).unwrap_err().to_string();
        assert!(said.contains(&format!("`{field}` is null")), "{said}");
    }
    // A value that a probe expects may be null.
    let probe = json!({ "pointer": "/error", "equals": null });
    assert!(parse(&with("/steadyState/probes/0/check/http/json", probe)).is_ok());
}

#[test]
fn no_text_and_no_list_is_without_a_bound_and_no_error_quotes_more_than_a_line() {
    let long = "x".repeat(60_000);
    for (pointer, value, field) in [
        ("/$schema", json!(long), "$schema"),
        ("/playbook/link", json!(format!("https://example.com/{long}")), "playbook.link"),
        ("/environment", json!(long), "environment"),
        ("/runId", json!(long), "runId"),
        ("/steadyState/probes/0/name", json!(long), "steadyState.probes[0].name"),
        ("/windows", json!(vec![json!({}); 300]), "windows"),
        ("/target/instances/select/tags/app", json!(long), "target.instances.select.tags.app"),
        ("/unknown", json!([long]), "unknown[0]"),
    ] {
        let said = parse(&with(pointer, value)).expect_err(pointer).to_string();
        assert!(said.contains(&format!("`{field}` has ")), "{pointer}: {said}");
        assert!(said.len() < 2_000 && !said.contains('\n'), "{pointer}: {} bytes", said.len());
    }
    for (pointer, value) in [
        ("/environment", json!("Prod\n!".repeat(300))),
        ("/runId", json!("é".repeat(2_000))),
        ("/mode", json!("m".repeat(2_000))),
        ("/target/instances/region", json!("r".repeat(2_000))),
    ] {
        let said = parse(&with(pointer, value)).expect_err(pointer).to_string();
        assert!(said.len() < 1_000 && !said.contains('\n'), "{pointer}: {said}");
    }
    let many: serde_json::Map<String, Value> = (0..99).map(|n| (format!("unknown{n}"), json!(1))).collect();
    let mut document = document();
    document.as_object_mut().unwrap().extend(many);
    let said = parse(&document).unwrap_err();
    let ParseError::Invalid(named) = &said else { panic!("{said}") };
    assert!(named.len() <= 51 && said.to_string().len() < 5_000, "{said}");
    // Together they are too much, though each is not.
    let texts: Vec<Value> = (0..60).map(|_| json!("x".repeat(2_000))).collect();
    let said = parse(&with("/unknown", json!(texts))).unwrap_err().to_string();
    assert!(said.contains("at most 100000"), "{said}");
}

#[test]
fn a_text_is_measured_in_characters() {
    let owner = "故障演练".repeat(50);
    assert!(parse(&with("/playbook/owner", json!(owner))).is_ok(), "200 characters");
    assert!(parse(&with("/playbook/owner", json!(format!("{owner}x")))).is_err());
    let release =
        |reason: &str| parse(&json!({ "release": { "runId": "a", "by": "<@U024BE7LH>", "reason": reason } }));
    assert!(release(&"故障".repeat(250)).is_ok());
    assert!(release(&"故障".repeat(251)).is_err());
}

#[test]
fn what_no_service_takes_is_refused_with_its_field() {
    let http = |field: &str, value: Value| {
        let mut check = json!({ "http": { "url": "https://example.com/" } });
        check["http"][field] = value;
        parse(&with("/steadyState/probes/0/check", check))
    };
    for name in ["x-env", "X_Env", "x.env", "!#$%&'*+-.^_`|~09"] {
        assert!(http("header", json!({ "name": name, "value": "a b" })).is_ok(), "{name}");
    }
    for name in ["", "x env", "x:env", "é", "x\n", "(x)", "x/y"] {
        assert!(http("header", json!({ "name": name, "value": "v" })).is_err(), "{name:?}");
    }
    for value in ["a\nb", " a", "a\u{0}"] {
        assert!(http("header", json!({ "name": "x", "value": value })).is_err(), "{value:?}");
    }
    for pointer in ["", "/", "/a/b", "/a~0b", "/~1~0", "//", "/é"] {
        assert!(http("json", json!({ "pointer": pointer, "equals": 1 })).is_ok(), "{pointer}");
    }
    for pointer in ["a", "/a~", "/~2", "/a~b", "#/a"] {
        let said = http("json", json!({ "pointer": pointer, "equals": 1 })).expect_err(pointer).to_string();
        assert!(said.contains("json.pointer"), "{pointer}: {said}");
    }
}

#[test]
fn a_value_is_taken_as_cloudwatch_takes_it() {
    let metric = |value: &str| {
        let trigger = format!(
            r#"{{"alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:Bookstore CDN down", "metric": {{"value": {value}}}}}"#
        );
        let trigger: Value = serde_json::from_str(&trigger).unwrap();
        let mut document = with("/mode", json!("metric"));
        document["target"] = json!({ "distribution": {
            "arn": "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE", "trigger": trigger,
            "primaryProbe": { "tcp": { "host": "primary.example.com", "port": 443 } }
        } });
        parse(&document)
    };
    for value in ["0", "0.0", "-0.0", "1", "-1.5", "2e108", "-2e108", "1e-108"] {
        assert!(metric(value).is_ok(), "{value}: {:?}", metric(value));
    }
    for value in ["1e109", "-1e300", "1e-109", "-1e-200"] {
        let said = metric(value).expect_err(value).to_string();
        assert!(said.contains("trigger.metric.value") && said.contains("CloudWatch"), "{value}: {said}");
    }
}

#[test]
fn a_probe_of_aws_whose_answers_come_too_rarely_to_hold_is_refused() {
    let probe = |count: u32| {
        let mut document = with("/steadyState/withinSeconds", json!(120));
        document["steadyState"]["probes"][0] =
            json!({ "name": "group", "check": { "groupAtStrength": "g" }, "count": count });
        parse(&document)
    };
    assert!(probe(24).is_ok(), "24 answers take 116 s");
    let said = probe(25).unwrap_err().to_string();
    assert!(said.contains("`steadyState.withinSeconds` is too short for a probe that needs 121 s"), "{said}");
}

#[test]
fn a_window_in_no_time_zone_is_refused() {
    for zone in ["Etc/Unknown", "Europe/Atlantis"] {
        let window = json!([{ "days": ["sunday"], "from": "01:15", "to": "01:45", "timeZone": zone }]);
        let said = parse(&with("/windows", window)).unwrap_err().to_string();
        assert!(said.contains("windows[0].timeZone"), "{said}");
    }
}

#[test]
fn a_request_whose_head_could_outgrow_its_size_is_seen_before_it_begins() {
    let ids: Vec<String> = (0..230).map(|n| format!("i-{n:017x}")).collect();
    let mut document = document();
    document["target"]["instances"]["select"] = json!({ "ids": ids });
    document["target"]["instances"]["blastRadius"] = json!({ "count": 230 });
    let probes = |n: usize| json!({ "name": format!("probe number {n}"), "check": { "tcp": { "host": "h", "port": 1 } } });
    document["steadyState"]["probes"] = json!((0..18).map(probes).collect::<Vec<_>>());
    let Ok(Delivery::Start(parsed)) = parse(&document) else { panic!("{:?}", parse(&document)) };
    let begun = new_run(&parsed, &invocation("starter"), &timing(), at(0));
    assert!(begun.outgrows().is_some(), "{}", begun.bytes());
}

/// What was prepared, with so many datapoints.
fn prepared(planned: u32) -> PreparedInjection {
    let datapoints = Datapoints {
        namespace: "Bookstore".to_owned(),
        metric: "connectivity".to_owned(),
        dimensions: [("Host".to_owned(), "cdn".to_owned())].into(),
        unit: None,
        value: 0.into(),
        storage_resolution: 60,
        every: std::time::Duration::from_secs(6),
        planned,
        needed: 2,
        window: std::time::Duration::from_mins(5),
    };
    let trigger = Trigger {
        alarm_arn: "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn".to_owned(),
        automation: "the failover function".to_owned(),
        acts_for: std::time::Duration::from_mins(2),
        datapoints: Some(datapoints),
        database: None,
        steady_within_ms: None,
        acts_on_rise_ms: None,
    };
    let undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws");
    PreparedInjection { trigger: Some(trigger), undo }
}

#[test]
fn more_datapoints_than_the_head_can_hold_are_never_begun_with() {
    for (planned, begins) in [(20, true), (2_000, false)] {
        let mut run = run();
        let rule = run.limits.probes[0].clone();
        run.streaks.resize_with(1, Default::default);
        for ms in [0, 1_000, 2_000, 3_000] {
            run.streaks[0].push(&answer(ms, Tristate::Yes), &rule);
        }
        let gates = vec![firedrill_core::gate::GateAnswer {
            gate: "g".to_owned(),
            open: Tristate::Yes,
            why: String::new(),
        }];
        let prepared = Some(Readiness::Ready(prepared(planned).into()));
        let observed = Observation { gates, prepared, ..Observation::default() };
        let (next, decision) = step(&run, &observed, at(3_500));
        assert_eq!(decision == Decision::Inject(1), begins, "{planned}: {:?}", next.reason);
        if !begins {
            assert_eq!(next.phase, Phase::Finished);
            assert!(next.reason.as_ref().unwrap().contains("2000 injecting calls"), "{:?}", next.reason);
            assert!(next.undo.is_empty() && next.injection.is_none());
        }
    }
}
