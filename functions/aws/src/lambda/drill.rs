//! Handler of a drill function: answers one delivery after the other.

use std::{process::ExitCode, time::Duration};

use firedrill_core::{
    Request,
    dispatch::{Invocation, dispatch},
    ports::{Clock, Inject},
    run::OwnerId,
    timing::Timing,
};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;

use super::{Failed, owner};
use crate::{
    client::Connection,
    clock::{self, SystemClock},
    config::{ConfigError, DrillSettings, reserve},
    dynamodb::RunTable,
    probe::Prober,
    wrong_drill::WrongDrill,
};

/// What a drill function or the watchdog keeps from one invocation to the next.
#[derive(Clone, Debug)]
pub struct FunctionContext {
    /// The settings that the stack's template sets.
    pub config: DrillSettings,
    /// The connection to AWS.
    pub connection: Connection,
    /// The table that holds every run.
    pub table: RunTable,
    /// Asks the probes of applications.
    pub prober: Prober,
}

/// Serves deliveries until Lambda ends the process. `start` builds once what drills of this kind share;
/// `make` then builds the drill for one request.
///
/// A function with wrong settings fails every invocation, with what is wrong.
pub fn serve<K, D: Inject>(
    start: impl FnOnce(&FunctionContext) -> K,
    make: impl Fn(&K, SystemClock, &Request) -> Result<D, WrongDrill>,
) -> ExitCode {
    super::run(
        set_up(|function| Ok(start(function))),
        &async |(function, kind): &(FunctionContext, K), event| {
            answer(function, |clock, request| make(kind, clock, request), event).await
        },
    )
}

pub(super) async fn set_up<K>(
    start: impl FnOnce(&FunctionContext) -> Result<K, ConfigError>,
) -> Result<(FunctionContext, K), Failed> {
    let config = DrillSettings::from_env().map_err(Failed::wrong_configuration)?;
    let connection = Connection::load(config.timing.call_deadline).await;
    let table = RunTable::new(&connection, &config.table, config.retention, config.timing.call_deadline);
    let prober = Prober::new()
        .map_err(|error| Failed::wrong_configuration(format_args!("probes cannot be sent: {error}")))?;
    let function = FunctionContext { config, connection, table, prober };
    let kind = start(&function).map_err(Failed::wrong_configuration)?;
    Ok((function, kind))
}

async fn answer<D: Inject>(
    function: &FunctionContext,
    make: impl FnOnce(SystemClock, &Request) -> Result<D, WrongDrill>,
    event: LambdaEvent<Value>,
) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let (document, context) = event.into_parts();
    let invocation = invocation(&function.config, &context, &clock);
    let make = |request: &Request, _: &_| make(clock, request).map_err(|error| error.to_string());
    // Boxed: the future of a whole run is large, and would be moved.
    let answered = Box::pin(dispatch(&clock, &function.table, make, &invocation, &document)).await;
    let answer = answered.map_err(|error| Failed { name: error.name(), text: error.to_string() })?;
    if let Some(id) = answer["runId"].as_str() {
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let (phase, outcome, reason) = (text("phase"), text("outcome"), text("reason"));
        tracing::info!(runId = id, phase, outcome, reason, "this invocation no longer works on the run");
    }
    Ok(answer)
}

fn invocation(config: &DrillSettings, context: &Context, clock: &SystemClock) -> Invocation {
    let timing = config.timing;
    let time_left = time_left_of(context, clock, &timing);
    Invocation {
        owner: OwnerId(owner(context)),
        request_id: context.request_id.clone(),
        ends_at: time_left.saturating_sub(reserve(&timing)),
        timing,
        policy: config.policy.clone(),
    }
}

/// How long this invocation may still run.
pub(super) fn time_left_of(context: &Context, clock: &SystemClock, timing: &Timing) -> Duration {
    let timeout = timing.function_timeout;
    let deadline = clock::moment(context.deadline());
    time_left(deadline.as_millis() - clock.now().as_millis(), timeout)
}

/// The time until the deadline, or the function's timeout where the deadline is no time of day, as
/// `cargo lambda watch` sends it.
fn time_left(until_deadline_ms: i64, timeout: Duration) -> Duration {
    let left = Duration::from_millis(u64::try_from(until_deadline_ms).unwrap_or(0));
    if left.is_zero() || left > timeout + Duration::from_mins(1) { timeout } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_no_time_of_day_is_replaced_by_the_timeout() {
        let timeout = Duration::from_mins(15);
        assert_eq!(time_left(600_000, timeout), Duration::from_mins(10));
        assert_eq!(
            time_left(-1_795_000_000_000, timeout),
            timeout,
            "seconds, or milliseconds since the start"
        );
        assert_eq!(time_left(1_795_000_000_000_000, timeout), timeout, "nanoseconds");
        assert_eq!(time_left(0, timeout), timeout);
    }
}
