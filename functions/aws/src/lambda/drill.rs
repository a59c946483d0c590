//! A drill function: reads its configuration, then answers one delivery after the other.

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
    config::{DrillSettings, reserve_ms},
    dynamodb::RunTable,
    probe::Prober,
};

/// What a function has for as long as it lives.
#[derive(Clone, Debug)]
pub struct FunctionContext {
    /// What the stack says.
    pub config: DrillSettings,
    /// How AWS is spoken to.
    pub connection: Connection,
    /// The record.
    pub table: RunTable,
    /// How applications are asked.
    pub prober: Prober,
}

/// Serves deliveries until Lambda ends the process. `start` sets up once what drills of this kind
/// need; `make` then builds the drill for one request.
///
/// A function that is set up wrongly answers every invocation with what is wrong.
pub fn serve<K, D: Inject>(
    start: impl FnOnce(&FunctionContext) -> K,
    make: impl Fn(&K, SystemClock, &Request) -> Result<D, String>,
) -> ExitCode {
    super::run(set_up(|home| Ok(start(context))), &async |(context, kind): &(FunctionContext, K), event| {
        answer(context, |clock, request| make(kind, clock, request), event).await
    })
}

pub(super) async fn set_up<K>(
    start: impl FnOnce(&FunctionContext) -> Result<K, String>,
) -> Result<(FunctionContext, K), Failed> {
    let wrong = Failed::wrong_configuration;
    let config = DrillSettings::from_env().map_err(|error| wrong(error.to_string()))?;
    let connection = Connection::load(config.timing.call_deadline()).await;
    let table = RunTable::new(&connection, &config.table, config.retention, config.timing.call_deadline());
    let prober = Prober::new().map_err(|error| wrong(format!("probes cannot be sent: {error}")))?;
    let context = FunctionContext { config, connection, table, prober };
    let kind = start(&context).map_err(wrong)?;
    Ok((context, kind))
}

async fn answer<D: Inject>(
    context: &FunctionContext,
    make: impl FnOnce(SystemClock, &Request) -> Result<D, String>,
    event: LambdaEvent<Value>,
) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let (document, context) = event.into_parts();
    let invocation = invocation(&context.config, &context, &clock);
    let make = |request: &Request, _: &_| make(clock, request);
    // Boxed: the future of a whole run is large, and is moved around.
    let answered = Box::pin(dispatch(&clock, &context.table, make, &invocation, &document)).await;
    let answer = answered.map_err(|error| Failed { name: error.name(), text: error.to_string() })?;
    if let Some(id) = answer["runId"].as_str() {
        let word = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let (phase, outcome, reason) = (word("phase"), word("outcome"), word("reason"));
        tracing::info!(runId = id, phase, outcome, reason, "left the run");
    }
    Ok(answer)
}

fn invocation(config: &DrillSettings, context: &Context, clock: &SystemClock) -> Invocation {
    let timing = config.timing;
    let left = time_left_of(context, clock, &timing);
    Invocation {
        owner: OwnerId(owner(context)),
        request_id: context.request_id.clone(),
        ends_at: left.saturating_sub(Duration::from_millis(reserve_ms(&timing))),
        timing,
        policy: config.policy.clone(),
    }
}

/// How long this invocation may live.
pub(super) fn time_left_of(context: &Context, clock: &SystemClock, timing: &Timing) -> Duration {
    let timeout = Duration::from_millis(timing.function_timeout_ms);
    let deadline = clock::moment(context.deadline());
    time_left(deadline.as_millis() - clock.now().as_millis(), timeout)
}

/// `cargo lambda watch` sends a deadline that is no time of day:
/// then the function's timeout counts.
fn time_left(until_deadline_ms: i64, timeout: Duration) -> Duration {
    let said = Duration::from_millis(u64::try_from(until_deadline_ms).unwrap_or(0));
    if said.is_zero() || said > timeout + Duration::from_mins(1) { timeout } else { said }
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
