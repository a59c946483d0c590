//! What the fuzzers of `tests/fuzz` look for, on every document that was kept, and on long ones that are not worth keeping.

#[path = "../../../tests/fuzz/src/entry_points.rs"]
mod entry_points;

use std::{fs, panic::catch_unwind, path::Path};

use firedrill_core::{
    Outcome, Phase, Run, Timestamp,
    failover::{AlarmChange, AlarmState},
    kind::DrillKind,
};
use firedrill_simulator::{Shape, Stage};
use serde_json::{Value, json};

#[test]
fn no_document_that_was_found_by_fuzzing_panics_or_is_answered_at_length() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let mut failed = Vec::new();
    for (name, entry_point) in entry_points::ALL {
        let files = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("corpus/{name}: {error}"));
        let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "corpus/{name} is empty");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            if catch_unwind(|| entry_point(&bytes)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// `document`, and so many fields that nothing reads.
fn with_unknown_fields(mut document: Value) -> Value {
    let fields = document.as_object_mut().unwrap();
    fields.extend((0..5_000).map(|number| (format!("{number:0>20}"), json!(number))));
    document
}

#[test]
fn no_command_is_ever_answered_with_all_that_it_said() {
    let signed = json!({ "runId": "test/bookstore/simulated/1", "by": "ana", "reason": "enough" });
    let mut release = signed.clone();
    release["runId"] = json!("x".repeat(90_000));
    let switch = json!({ "engage": true, "account": true, "by": "ana", "reason": "sale" });
    for document in [
        json!({ "release": release }),
        json!({ "stop": with_unknown_fields(signed.clone()) }),
        with_unknown_fields(json!({ "stop": signed })),
        json!({ "killSwitch": with_unknown_fields(switch.clone()) }),
        with_unknown_fields(json!({ "killSwitch": switch })),
    ] {
        entry_points::command(document.to_string().as_bytes());
    }
}

#[test]
fn no_event_of_an_alarm_is_ever_answered_or_recorded_with_all_that_it_said() {
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore";
    let change = |alarm_arn: &str, reason: &str| AlarmChange {
        alarm_arn: alarm_arn.to_owned(),
        at: Stage::moment(1_000),
        state: AlarmState::Alarm,
        reason: reason.to_owned(),
    };
    let long = "x".repeat(90_000);
    let changes = [
        change(&long, ""),
        change(arn, &long),
        change(arn, &format!("Firedrill run [{long}] forces it")),
        change(&format!("{arn}{}", "\u{1}".repeat(1_500)), &"\u{1}".repeat(90_000)),
    ];
    let mut events: Vec<Value> =
        changes.iter().flat_map(|change| Shape::ALL.map(|shape| shape.event(change))).collect();
    let message = Shape::Topic.event(&change(arn, ""));
    let text = message["Records"][0]["Sns"]["Message"].as_str().unwrap();
    for (from, to) in [("ALARM", long.as_str()), ("{", "no JSON"), ("2026", long.as_str())] {
        let mut event = message.clone();
        event["Records"][0]["Sns"]["Message"] = json!(text.replace(from, to));
        events.push(event);
    }
    let other = Shape::Topic.event(&change(&format!("{arn}-other"), &"\u{1}".repeat(1_000)));
    for record in [json!({}), json!(7), message["Records"][0].clone(), other["Records"][0].clone()] {
        let count = 400_000 / (record.to_string().len() + 1);
        events.push(json!({ "Records": vec![record; count] }));
    }
    let mut by_rule = Shape::Rule.event(&change(arn, ""));
    for field in ["source", "detail-type", "resources", "time"] {
        let mut event = by_rule.clone();
        event[field] = json!(long);
        events.push(event);
    }
    by_rule["detail"]["state"]["value"] = json!(long);
    events.push(by_rule);
    for event in events {
        entry_points::alarm(event.to_string().as_bytes());
    }
}

#[test]
fn no_list_of_runs_is_ever_longer_than_an_answer() {
    Stage::play(
        DrillKind::Instance,
        |_| {},
        async |at: Stage| {
            let (begun, request) = at.run_of(0);
            let key = begun.drill_key();
            for number in 0..100 {
                let mut run =
                    Run { phase: Phase::Finished, reason: Some("x".repeat(1_000)), ..begun.clone() };
                run.run_id.0 = format!("{key}/{number}");
                run.outcome = Some(Outcome::Recovered);
                run.times.started = Some(Timestamp::from_millis(number));
                at.put(&run, Some(&request));
            }
            let answer = at.dispatch("operator", &json!({ "list": key })).await.unwrap();
            let listed = answer["runs"].as_array().unwrap();
            let left_out = answer["leftOut"].as_u64().unwrap();
            assert_eq!(listed.len() as u64 + left_out, 100, "what is left out is said");
            assert!(listed.len() > 20 && answer.to_string().len() < 64 * 1024, "{}", listed.len());
            assert_eq!(listed[0]["runId"], format!("{key}/99"), "the newest first");
        },
    );
}
