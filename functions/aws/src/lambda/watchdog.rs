//! Handler of the watchdog: one tick for each invocation.

use std::{process::ExitCode, time::Duration};

use firedrill_core::{
    Timestamp,
    engine::Engine,
    ports::{Clock, NoInjector},
    run::OwnerId,
    timing::Timing,
    watchdog::{Tick, TickSummary},
};
use firedrill_drills::metrics::{Metric, line};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::{
    Failed,
    drill::{FunctionContext, FunctionDrills, set_up, time_left_of},
    owner,
};
use crate::{
    clock::SystemClock,
    config::{ConfigError, Variables, reserve},
};

/// Serves ticks until Lambda ends the process. The event's content is not read.
#[must_use]
pub fn serve_watchdog() -> ExitCode {
    let start = |function: &FunctionContext, _: &_| {
        let stack = Variables(|name: &str| std::env::var(name).ok()).text("FIREDRILL_STACK");
        check_timeout(&function.settings.timing)?;
        stack
    };
    super::run(set_up(start), &async |(function, stack): &(FunctionContext, String), event| {
        answer(function, stack, event).await
    })
}

async fn answer(function: &FunctionContext, stack: &str, event: LambdaEvent<Value>) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let this = this_tick(function, &event.context, &clock);
    let engine: Engine<'_, _, _, _, NoInjector> = Engine {
        clock: &clock,
        store: &function.cloud.table,
        drills: &FunctionDrills { function, make: firedrill_drills::procedure, clock },
        injector: None,
        timing: function.settings.timing,
    };
    let failed = |text: String| Failed { name: "StoreFailed", text };
    let round = engine.begin_tick().await;
    let round = round.map_err(|error| failed(format!("the open runs cannot be listed: {error}")))?;
    // Now: a tick may work on runs for minutes, and the heartbeat's alarm would go off before it ends.
    println!("{}", heartbeat(round.has_beaten(), stack, clock.now().as_millis()));
    // Boxed: the future of all that one tick may do is large, and would be moved.
    let ticked = Box::pin(engine.finish_open_runs(&this, round)).await;
    for (run, why) in &ticked.failed {
        tracing::error!(runId = %run, why, "an open run could not be continued");
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

/// What a tick keeps of its time: for handing over, and for the calls that are abandoned if handing over takes too
/// long (see `firedrill_core::watchdog`).
fn kept(timing: &Timing) -> Duration {
    reserve(timing) + 3 * timing.call_deadline
}

/// Checks that a tick lasts long enough to see a lease lapse: a shorter one would write heartbeats, and finish
/// nothing.
fn check_timeout(timing: &Timing) -> Result<(), ConfigError> {
    let (takeover, kept, timeout) = (timing.takeover(), kept(timing), timing.function_timeout);
    if timeout > kept + takeover {
        return Ok(());
    }
    Err(ConfigError::TooShortToTakeOver { timeout, takeover, kept })
}

fn this_tick(function: &FunctionContext, context: &Context, clock: &SystemClock) -> Tick {
    let timing = function.settings.timing;
    Tick {
        owner: OwnerId(format!("watchdog/{}", owner(context))),
        ends_at: time_left_of(context, clock, &timing).saturating_sub(kept(&timing)),
    }
}

fn describe(ticked: &TickSummary) -> Value {
    let failed = ticked.failed.iter().map(|(run, why)| json!({ "runId": run, "why": why }));
    json!({
        "open": ticked.open, "finished": ticked.finished, "handedOver": ticked.handed_over, "busy": ticked.busy,
        "held": ticked.held, "rollbackFailed": ticked.rollback_failed, "failed": failed.collect::<Vec<_>>()
    })
}

/// The metric of the heartbeat: 1 if it is on record, else 0.
fn heartbeat(has_beaten: bool, stack: &str, at_ms: i64) -> Value {
    metrics(&[("heartbeats", u64::from(has_beaten))], stack, at_ms)
}

/// The metrics of a tick.
fn counts(ticked: &TickSummary, stack: &str, at_ms: i64) -> Value {
    let mut counts = vec![
        ("openRuns", ticked.open - ticked.finished),
        // Runs that this tick failed to continue, for any reason. A run that crashed once counts once; the alarm
        // needs several datapoints.
        ("abandonedRuns", ticked.failed.len() as u64),
    ];
    for (name, count) in [("heldRuns", ticked.held), ("rollbackFailedRuns", ticked.rollback_failed)] {
        // An unreadable run may be held. Unknown is not zero: a zero would end an alarm that is raised.
        if count > 0 || ticked.unreadable_runs == 0 {
            counts.push((name, count));
        }
    }
    metrics(&counts, stack, at_ms)
}

/// One line of metrics, from which those come that the stack's alarms watch. The stack is the only dimension: each set of
/// dimensions is billed as a metric of its own.
fn metrics(counts: &[(&'static str, u64)], stack: &str, at_ms: i64) -> Value {
    let counts: Vec<Metric> = counts.iter().map(|(name, count)| (*name, "Count", json!(count))).collect();
    line(&[("stack", stack)], &counts, Timestamp::from_millis(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_without_time_to_take_a_run_over_is_never_set_up() {
        let timing = |seconds| Timing { function_timeout: Duration::from_secs(seconds), ..Timing::DEFAULT };
        assert_eq!(check_timeout(&timing(300)), Ok(()));
        let why = check_timeout(&timing(140)).unwrap_err().to_string();
        assert!(why.contains("FIREDRILL_FUNCTION_TIMEOUT_SECONDS (140s)") && why.contains("80s"), "{why}");
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
        assert_eq!(named(&line), ["openRuns", "abandonedRuns", "heldRuns"], "what is known is published");
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
