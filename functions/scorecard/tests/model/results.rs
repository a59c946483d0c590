//! The small item that is kept of each run.

use std::time::Duration;

use firedrill_core::{
    ClockName, Measured, Outcome, Phase, Request, Run, Timestamp, Verdict,
    dispatch::{Invocation, new_run},
    gate::Policy,
    report::Took,
    request::Mode,
    run::{Caller, OwnerId, RunId},
    timing::Timing,
};
use firedrill_scorecard::input::{DrillResult, MAX_RESULT_BYTES, Sender, UnreadableResult};
use serde_json::{Value, json};

use crate::common::{now, read, request};

/// A run of this request that injected after 10 s, recovered after 40 s, and was over after 100 s.
fn run(request: &Request) -> Run {
    let invocation = Invocation {
        request_id: "r".to_owned(),
        owner: OwnerId("o".to_owned()),
        ends_at: Duration::from_secs(170),
        policy: Policy::default(),
    };
    let mut run = new_run(request, &invocation, &Timing::DEFAULT, now());
    let at = |seconds: u64| now() + Duration::from_secs(seconds);
    run.phase = Phase::Finished;
    run.verdict = Some(Verdict::Recovered);
    run.outcome = Some(Outcome::Recovered);
    run.reason = Some("recovery began 30000 ms after the injection".to_owned());
    run.impaired = Some(true);
    run.times.injected = Some(Measured::ours(at(10), 0));
    run.times.detected = Some(Measured { at: at(25), clock: ClockName::CloudWatch, resolution_ms: 1_000 });
    run.times.recovered = Some(Measured::ours(at(40), 2_000));
    run.times.rollback_started_at = Some(at(45));
    run.times.rolled_back = Some(Measured::ours(at(65), 1_000));
    run.times.steady_again = Some(at(90));
    run.times.finished = Some(at(100));
    run
}

fn result(run: &Run) -> DrillResult {
    DrillResult::of(run).unwrap()
}

#[test]
fn a_result_says_what_the_run_says_and_is_read_back_whole() {
    let result = result(&run(&read(&request())));
    assert_eq!(result.key().to_string(), "staging/bookstore/blue");
    assert_eq!(result.time_to_recover, Some(Took { ms: 30_000, resolution_ms: 2_000 }));
    assert_eq!(result.time_to_detect.map(|took| took.ms), Some(15_000));
    assert_eq!(result.time_to_fail_over, None);
    assert_eq!((result.time_to_roll_back_ms, result.restored_after_ms), (Some(20_000), Some(80_000)));
    assert_eq!(
        (result.objective_ms, result.impaired_ms, result.every_days),
        (60_000, Some(30_000), Some(28))
    );
    assert_eq!((result.sender, result.mode), (Sender::Direct, Mode::Stop));
    let written = serde_json::to_value(&result).unwrap();
    assert_eq!(DrillResult::read(&written).unwrap(), result);
    assert!(result.bytes() < 600, "{}", result.bytes());
}

#[test]
fn a_plan_and_an_open_run_never_have_a_result_and_a_skipped_one_always_has() {
    let request = read(&request());
    let mut run = run(&request);
    run.outcome = Some(Outcome::Planned);
    assert_eq!(DrillResult::of(&run), None);
    run.outcome = Some(Outcome::RollbackFailed);
    run.phase = Phase::Verifying;
    assert_eq!(DrillResult::of(&run), None, "it is still being rolled back");
    run.phase = Phase::Finished;
    run.outcome = Some(Outcome::Skipped);
    assert!(DrillResult::of(&run).is_some());
}

#[test]
fn what_users_lost_is_never_zero_because_it_is_unknown() {
    let request = read(&request());
    let lost = |change: &dyn Fn(&mut Run)| {
        let mut run = run(&request);
        change(&mut run);
        DrillResult::of(&run).unwrap().impaired_ms
    };
    assert_eq!(lost(&|run| run.impaired = None), None);
    assert_eq!(lost(&|run| run.impaired = Some(false)), Some(0));
    // What never recovered was away until the steady state was back.
    assert_eq!(lost(&|run| run.times.recovered = None), Some(80_000));
    let never_back = |run: &mut Run| {
        run.times.recovered = None;
        run.times.steady_again = None;
    };
    assert_eq!(lost(&never_back), None);
    assert_eq!(lost(&|run| run.times.injected = None), Some(0));
}

#[test]
fn a_rollback_that_failed_never_hides_the_verdict() {
    let request = read(&request());
    let mut run = run(&request);
    run.outcome = Some(Outcome::RollbackFailed);
    let result = DrillResult::of(&run).unwrap();
    assert_eq!((result.outcome, result.verdict()), (Outcome::RollbackFailed, Some(Verdict::Recovered)));
}

#[test]
fn a_pipeline_is_never_guessed() {
    let sender = |run_id: Option<&str>, caller: Caller| {
        let mut request = read(&request());
        request.run_id = run_id.map(str::to_owned);
        let mut run = run(&request);
        run.caller = caller;
        DrillResult::of(&run).unwrap().sender
    };
    assert_eq!(sender(None, Caller::Direct), Sender::Direct);
    assert_eq!(sender(Some("by-hand"), Caller::Direct), Sender::Direct);
    assert_eq!(sender(Some("pipeline-build-17"), Caller::Direct), Sender::Pipeline);
    assert_eq!(sender(None, Caller::Schedule), Sender::Schedule);
    assert_eq!(sender(None, Caller::Rule), Sender::Rule);
}

/// The longest request: of what a result keeps, everything as long as it may be.
fn longest(filler: &str) -> Value {
    let mut document = request();
    let name = "n".repeat(40);
    let text = filler.repeat(200 / filler.chars().count());
    for field in ["drill", "application", "dependency", "environment"] {
        document[field] = json!(name);
    }
    document["runId"] = json!("pipeline-".to_owned() + &"x".repeat(71));
    document["cadence"]["everyDays"] = json!(366);
    document["objective"]["rtoSeconds"] = json!(86_400);
    document["objective"]["revenuePerMinute"] = json!(u32::MAX);
    document["playbook"] = json!({
        "link": format!("https://example.com/{}", "p".repeat(2_000)),
        "version": text, "owner": text, "severity": text
    });
    document
}

#[test]
fn a_result_never_takes_more_than_a_kilobyte_whatever_is_in_it() {
    for filler in ["x", "\"", "\\", "\u{1}", "\n", "é", "故", "🔥", "\u{202e}", "<script>"] {
        for link in ["https://example.com/p".to_owned(), format!("https://example.com/{}", "p".repeat(2_000))]
        {
            let mut document = longest(filler);
            document["playbook"]["link"] = json!(link);
            // A control character is taken for a text like any other.
            let mut request: Request = serde_json::from_value(document).unwrap();
            request.run_id = Some("pipeline-".to_owned() + &"x".repeat(71));
            let mut run = run(&request);
            run.run_id = RunId(format!("{0}/{0}/{0}/{1}", "n".repeat(40), "x".repeat(80)));
            run.mode = Mode::Metric;
            run.outcome = Some(Outcome::RollbackFailed);
            run.verdict = Some(Verdict::ObjectiveMissed);
            run.reason = Some(filler.repeat(5_000));
            stretch(&mut run);
            let result = DrillResult::of(&run).unwrap();
            let item = serde_json::to_value(&result).unwrap();
            assert!(result.bytes() <= MAX_RESULT_BYTES, "{filler:?}: {} bytes: {item}", result.bytes());
            assert_eq!(DrillResult::read(&item).unwrap(), result);
            let kept = result.playbook_link.as_ref();
            assert!(kept.is_none_or(|kept| *kept == link && kept.len() < 100), "half a URL is none: {item}");
        }
    }
}

/// As long as times may be: from the first moment to the last.
fn stretch(run: &mut Run) {
    let last = Measured { at: Timestamp::LAST, clock: ClockName::CloudWatch, resolution_ms: u64::MAX };
    let times = &mut run.times;
    times.injected = Some(Measured::ours(Timestamp::FIRST, u64::MAX));
    times.scheduled = Some(Timestamp::FIRST);
    (times.detected, times.failed_over, times.recovered, times.rolled_back) =
        (Some(last), Some(last), Some(last), Some(last));
    times.rollback_started_at = Some(Timestamp::FIRST);
    (times.steady_again, times.finished) = (Some(Timestamp::LAST), Some(Timestamp::LAST));
}

#[test]
fn what_is_no_result_is_never_read_as_one() {
    let good = serde_json::to_value(result(&run(&read(&request())))).unwrap();
    let with = |field: &str, value: Value| {
        let mut item = good.clone();
        item[field] = value;
        DrillResult::read(&item)
    };
    assert_eq!(with("v", json!(2)), Err(UnreadableResult::Layout(2)));
    assert!(matches!(with("run", json!("staging/bookstore")), Err(UnreadableResult::RunId(_))));
    assert!(matches!(with("run", json!("//blue/1")), Err(UnreadableResult::RunId(_))));
    assert!(matches!(with("out", json!("fine")), Err(UnreadableResult::Shape(_))));
    assert!(matches!(DrillResult::read(&json!({})), Err(UnreadableResult::Shape(_))));
    assert!(with("later", json!("what a later version adds")).is_ok());
}
