//! Entry points: everything that reaches Firedrill from outside, as bytes, through the code that reads it in production.
//!
//! Each takes any bytes. What must never happen is a panic: one of the code, or one of the assertions here. The fuzzers call
//! them with what they make up, and a test of the simulator with every document that was kept.

use std::{fmt::Debug, time::Duration};

use firedrill_core::{
    Observation, Phase, Run,
    dispatch::{DispatchError, Invocation, new_run},
    evidence::Evidence,
    failover::{AlarmState, JournalEntry},
    gate::Policy,
    kill_switch::Switch,
    kind::DrillKind,
    report::report,
    request::{Delivery, Release, WrittenDocument, parse_written, read_leniently},
    run::{LAYOUT, MAX_HEAD_BYTES, OwnerId, Stop},
    step,
    timing::Timing,
};
use firedrill_simulator::{
    FailoverCase, Stage,
    failover_case::{Attempt, Resource},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The most bytes of an answer or of an error: DynamoDB, SNS and whoever reads it take that much.
const MAX_ANSWER: usize = 64 * 1024;
/// The time that a schedule or a rule fills in, shortly before the simulated world begins.
const SCHEDULED_AT: &str = "2026-11-23T10:00:00Z";

/// What is fuzzed: it takes any bytes.
pub type EntryPoint = fn(&[u8]);

/// Every entry point, by the name of its fuzzer and of the folder of what was kept.
pub const ALL: [(&str, EntryPoint); 5] = [
    ("request", request),
    ("command", command),
    ("schedule", schedule),
    ("alarm", alarm),
    ("record", record),
];

/// A request, as an operator or a program sends it.
pub fn request(bytes: &[u8]) {
    let Some(document) = written(bytes) else { return };
    check_head(&document);
    dispatch(document);
}

/// A command of an operator, while a run is held.
pub fn command(bytes: &[u8]) {
    let Some(document) = written(bytes) else { return };
    play(DrillKind::Instance, async move |stage| {
        let (run, request) = stage.run_of(0);
        stage.put(&Run { phase: Phase::Held, ..run }, Some(&request));
        bounded(&stage.dispatch_written("operator", &document).await);
    });
}

/// What a schedule or a rule delivers: as it stands there, and with its placeholders filled in.
pub fn schedule(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let filled_in = text
        .replace("<aws.scheduler.scheduled-time>", SCHEDULED_AT)
        .replace(
            "<aws.scheduler.schedule-arn>",
            "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s",
        )
        .replace("<aws.scheduler.execution-id>", "d32c5kddcf5bb8c3")
        .replace("<aws.scheduler.attempt-number>", "1")
        .replace("<time>", SCHEDULED_AT)
        .replace("<rule>", "arn:aws:events:eu-west-2:123456789012:rule/r");
    for text in [text, &filled_in] {
        let Some(document) = written(text.as_bytes()) else { return };
        check_head(&document);
        dispatch(document);
    }
}

/// An alarm's change in any of its three shapes: what the failover functions read of it, decide and do.
pub fn alarm(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(bytes) else { return };
    for resource in [Resource::Distribution, Resource::Cluster] {
        let mut case = FailoverCase::of(resource);
        let change = case.change(AlarmState::Alarm, "");
        match case.invoke(&change, &event) {
            Attempt::Answered(answer) => assert_short(&answer.to_string()),
            Attempt::Failed(error) => assert_short(&error.text),
            Attempt::Killed => panic!("the function did not end in time"),
        }
        case.pages().iter().for_each(|page| assert_short(page));
        case.journal().iter().for_each(|entry| drop(written_again(entry)));
    }
}

/// An item of the record, whichever it is: it is read, and what was read is written again.
pub fn record(bytes: &[u8]) {
    let Ok(item) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(request) = read_leniently(&item) {
        assert_eq!(read_leniently(&written_again(&request)).as_ref(), Ok(&request));
    }
    read_again::<Evidence>(&item);
    read_again::<JournalEntry>(&item).inspect(|entry| assert_short(&entry.describe()));
    read_again::<Release>(&item);
    read_again::<Stop>(&item);
    read_again::<Switch>(&item).inspect(|switch| assert_short(&switch.to_string()));
    // A head of another layout is not read.
    if item["layout"] == LAYOUT
        && let Some(run) = read_again::<Run>(&item)
    {
        continued(run);
    }
}

/// A run that is on record is continued: by the watchdog, and as far as nothing is seen.
fn continued(run: Run) {
    assert_short(&written_again(&report(&run)).to_string());
    let _ = run.outgrows();
    let _ = step(&run, &Observation::default(), Stage::moment(0));
    let kind = DrillKind::of(&run.recorded.target);
    play(kind, async move |stage| {
        stage.put(&run, Some(&run.recorded_request()));
        let tick = stage.tick("watchdog", Duration::from_secs(280)).await;
        for (id, why) in tick.unwrap().failed {
            assert!(!why.contains("panicked"), "{id}: {why}");
        }
    });
}

/// A document as Lambda's runtime reads it.
fn written(bytes: &[u8]) -> Option<WrittenDocument> {
    serde_json::from_slice(bytes).ok()
}

/// The head of a request that is taken is within its size, or the request is refused for it. What was read and is written
/// again is the same.
fn check_head(document: &WrittenDocument) {
    let Ok(Delivery::Start(request)) = parse_written(document) else { return };
    let again = WrittenDocument::from(written_again(&*request));
    assert_eq!(parse_written(&again).as_ref(), Ok(&Delivery::Start(request.clone())));
    let invocation = Invocation {
        request_id: "fuzzer".to_owned(),
        owner: OwnerId("fuzzer".to_owned()),
        ends_at: Duration::ZERO,
        policy: Policy::default(),
    };
    let run = new_run(&request, &invocation, &Timing::DEFAULT, Stage::moment(0));
    assert!(run.outgrows().is_some() || run.bytes() <= MAX_HEAD_BYTES, "{} bytes", run.bytes());
    assert_eq!(read_again::<Run>(&written_again(&run)), Some(run));
}

/// Dispatches a document to the drill function that it is for, until the run has ended or was handed over.
fn dispatch(document: WrittenDocument) {
    let kind = match parse_written(&document) {
        Ok(Delivery::Start(request)) => DrillKind::of(&request.target),
        _ => DrillKind::Instance,
    };
    play(kind, async move |stage| {
        bounded(&stage.dispatch_written("starter", &document).await);
        for head in stage.heads() {
            assert!(head.bytes() <= MAX_HEAD_BYTES, "{} bytes", head.bytes());
            read_again::<Run>(&written_again(&head));
        }
    });
}

fn play<F: AsyncFnOnce(Stage) + 'static>(kind: DrillKind, act: F) {
    Stage::play(
        kind,
        |_| {},
        async move |stage: Stage| {
            stage.set_heartbeat(Some(Stage::moment(0)));
            act(stage).await;
        },
    );
}

/// What the caller gets is short.
fn bounded(answered: &Result<Value, DispatchError>) {
    match answered {
        Ok(answer) => assert_short(&answer.to_string()),
        Err(error) => assert_short(&error.to_string()),
    }
}

fn assert_short(text: &str) {
    let beginning: String = text.chars().take(300).collect();
    assert!(text.len() <= MAX_ANSWER, "{} bytes: {beginning}…", text.len());
}

/// What can be read of this item; written, and read again, it is the same.
fn read_again<T: DeserializeOwned + Serialize + PartialEq + Debug>(item: &Value) -> Option<T> {
    let read: T = serde_json::from_value(item.clone()).ok()?;
    let again: T = serde_json::from_value(written_again(&read)).expect("what was written can be read");
    assert_eq!(read, again);
    Some(read)
}

fn written_again(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("what was read can be written")
}
