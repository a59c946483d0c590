//! The watchdog's function: one tick for each invocation.

use std::{process::ExitCode, time::Duration};

use firedrill_core::{
    ports::Clock,
    run::OwnerId,
    timing::Timing,
    watchdog::{Tick, TickSummary, begin_tick, finish_open_runs},
};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::{
    Failed,
    drill::{FunctionContext, set_up, time_left_of},
    owner,
};
use crate::{
    clock::SystemClock,
    config::{Variables, reserve_ms},
    watchdog_drill::WatchdogDrills,
};

/// Serves ticks until Lambda ends the process. What the event says does not matter.
#[must_use]
pub fn serve_watchdog() -> ExitCode {
    let start = |context: &FunctionContext| {
        let stack = Variables(|name: &str| std::env::var(name).ok()).text("FIREDRILL_STACK");
        is_long_enough(&context.config.timing)?;
        Ok((WatchdogDrills::new(context), stack.map_err(|error| error.to_string())?))
    };
    super::run(set_up(start), &async |(context, (drills, stack)): &(
        FunctionContext,
        (WatchdogDrills, String),
    ),
                                      event| {
        answer(context, drills, stack, event).await
    })
}

async fn answer(
    context: &FunctionContext,
    drills: &WatchdogDrills,
    stack: &str,
    event: LambdaEvent<Value>,
) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let this = this_tick(context, &event.context, &clock);
    let make = |run: &_, request: Option<&_>| drills.drill_for(clock, run, request);
    let failed = |text: String| Failed { name: "StoreFailed", text };
    let round = begin_tick(&clock, &context.table).await;
    let round = round.map_err(|error| failed(format!("the open runs cannot be listed: {error}")))?;
    // At once: at the end of a tick that drives runs for minutes, its alarm would long have gone off.
    println!("{}", heartbeat(round.has_beaten(), stack, clock.now().as_millis()));
    // Boxed: the future of everything that one tick may do is large, and is moved around.
    let ticked = Box::pin(finish_open_runs(&clock, &context.table, make, &this, round)).await;
    for (run, why) in &ticked.failed {
        tracing::error!(runId = %run, why, "an open run could not be carried on");
    }
    if ticked.open > 0 {
        let TickSummary { open, finished, handed_over, busy, held, rollback_failed, .. } = ticked;
        tracing::info!(open, finished, handed_over, busy, held, rollback_failed, "looked at the open runs");
    }
    println!("{}", counts(&ticked, stack, clock.now().as_millis()));
    match &ticked.heartbeat_error {
        Some(error) => Err(failed(format!("the heartbeat is not written: {error}"))),
        None => Ok(describe(&ticked)),
    }
}

/// What a tick keeps of its time: for handing over, and for what is dropped if even that takes too long (see
/// `firedrill_core::watch`).
const fn kept_ms(timing: &Timing) -> u64 {
    reserve_ms(timing) + 3 * timing.call_deadline_ms
}

/// A tick that ends before it can have seen that a holder is gone would leave a heartbeat, and finish nothing.
fn is_long_enough(timing: &Timing) -> Result<(), String> {
    let takeover_ms = u64::try_from(timing.takeover().as_millis()).unwrap_or(u64::MAX);
    let (kept_ms, timeout_ms) = (kept_ms(timing), timing.function_timeout_ms);
    if timeout_ms > kept_ms.saturating_add(takeover_ms) {
        return Ok(());
    }
    Err(format!(
        "FIREDRILL_FUNCTION_TIMEOUT_SECONDS ({timeout_ms} ms) is too short for the watchdog: seeing that a holder is gone \
         takes {takeover_ms} ms (FIREDRILL_LEASE_MS, FIREDRILL_CALL_DEADLINE_MS and FIREDRILL_MARGIN_MS together), and \
         {kept_ms} ms are kept for handing over"
    ))
}

fn this_tick(context: &FunctionContext, context: &Context, clock: &SystemClock) -> Tick {
    let timing = context.config.timing;
    let kept = Duration::from_millis(kept_ms(&timing));
    Tick {
        owner: OwnerId(format!("watchdog/{}", owner(context))),
        ends_at: time_left_of(context, clock, &timing).saturating_sub(kept),
        timing,
    }
}

fn describe(ticked: &TickSummary) -> Value {
    let failed = ticked.failed.iter().map(|(run, why)| json!({ "runId": run, "why": why }));
    json!({
        "open": ticked.open, "finished": ticked.finished, "handedOver": ticked.handed_over, "busy": ticked.busy,
        "held": ticked.held, "rollbackFailed": ticked.rollback_failed, "failed": failed.collect::<Vec<_>>()
    })
}

/// That the watchdog is there.
fn heartbeat(has_beaten: bool, stack: &str, at_ms: i64) -> Value {
    metrics(&[("heartbeats", u64::from(has_beaten))], stack, at_ms)
}

/// What a tick came to.
fn counts(ticked: &TickSummary, stack: &str, at_ms: i64) -> Value {
    let mut counts = vec![
        ("openRuns", ticked.open - ticked.finished),
        // Whose carrying-on failed in this tick, for whatever reason: one that crashed once is counted once, and the
        // alarm wants more than that.
        ("abandonedRuns", ticked.failed.len() as u64),
    ];
    for (name, count) in [("heldRuns", ticked.held), ("rollbackFailedRuns", ticked.rollback_failed)] {
        // A run that nobody can read may be one of them. Unknown is not zero: it would close an alarm that is up.
        if count > 0 || ticked.unreadable_runs == 0 {
            counts.push((name, count));
        }
    }
    metrics(&counts, stack, at_ms)
}

/// One line in the embedded metric format, from which CloudWatch makes the metrics that the stack's alarms watch
/// (user guide, *Specification: Embedded metric format*). Each set of dimensions costs money: the stack is the only one.
fn metrics(counts: &[(&str, u64)], stack: &str, at_ms: i64) -> Value {
    let named: Vec<Value> = counts.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": at_ms,
            "CloudWatchMetrics": [{ "Namespace": "Firedrill", "Dimensions": [["stack"]], "Metrics": named }]
        },
        "stack": stack
    });
    for (name, count) in counts {
        line[*name] = json!(count);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_without_time_to_take_a_run_over_is_never_set_up() {
        let timing = |function_timeout_ms| Timing { function_timeout_ms, ..Timing::DEFAULT };
        assert_eq!(is_long_enough(&timing(300_000)), Ok(()));
        let why = is_long_enough(&timing(140_000)).unwrap_err();
        assert!(
            why.contains("FIREDRILL_FUNCTION_TIMEOUT_SECONDS (140000 ms)") && why.contains("80000 ms"),
            "{why}"
        );
    }

    #[test]
    fn every_metric_that_is_named_has_a_value_and_a_run_that_was_finished_is_not_open() {
        let ticked = TickSummary { open: 3, finished: 1, rollback_failed: 1, ..TickSummary::default() };
        let line = counts(&ticked, "firedrill", 1_795_460_400_123);
        assert_eq!(named(&line), ["openRuns", "abandonedRuns", "heldRuns", "rollbackFailedRuns"]);
        assert_eq!((&line["openRuns"], &line["rollbackFailedRuns"]), (&json!(2), &json!(1)));
        assert_eq!(line["stack"], "firedrill");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["stack"]]));
        for beaten in [true, false] {
            let line = heartbeat(beaten, "firedrill", 1_795_460_400_123);
            assert_eq!((named(&line), &line["heartbeats"]), (vec!["heartbeats"], &json!(u8::from(beaten))));
        }
    }

    #[test]
    fn a_run_that_nobody_can_read_is_never_counted_as_neither_held_nor_failed() {
        let ticked = TickSummary { open: 2, unreadable_runs: 1, held: 1, ..TickSummary::default() };
        let line = counts(&ticked, "firedrill", 1_795_460_400_123);
        assert_eq!(named(&line), ["openRuns", "abandonedRuns", "heldRuns"], "what is known is told");
        assert_eq!(line["heldRuns"], 1);
        assert!(line.get("rollbackFailedRuns").is_none(), "{line}");
    }

    /// The metrics of a line, each of which has a value.
    fn named(line: &Value) -> Vec<&str> {
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        let names = metrics.iter().map(|metric| metric["Name"].as_str().unwrap());
        names.inspect(|name| assert!(line[*name].is_u64(), "{name}")).collect()
    }
}
