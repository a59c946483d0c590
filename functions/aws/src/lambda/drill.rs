//! Handler of a drill function: answers one delivery after the other.

use std::{process::ExitCode, rc::Rc, time::Duration};

use firedrill_core::{
    Request,
    dispatch::Invocation,
    engine::Engine,
    ports::{Clock, Drills, Injector, WrongFunction},
    request::WrittenDocument,
    run::OwnerId,
    timing::Timing,
};
use firedrill_drills::{Context, Harness, Procedure, Settings, WrongDrill};
use lambda_runtime::{Context as LambdaContext, LambdaEvent};
use serde_json::Value;

use super::{Failed, owner};
use crate::{
    Cloud,
    client::Connection,
    clock::{self, SystemClock},
    config::{ConfigError, DrillSettings, reserve},
    dynamodb::RunTable,
    prober::HttpProber,
};

/// What a drill function or the watchdog keeps from one invocation to the next.
#[derive(Clone, Debug)]
pub struct FunctionContext {
    /// The settings of every drill.
    pub settings: Rc<Settings>,
    /// The clients of every service.
    pub cloud: Cloud,
}

/// Builds what one kind of drill does by itself.
pub type MakeProcedure = fn(Rc<Context<Cloud, SystemClock>>) -> Result<Box<dyn Procedure>, WrongDrill>;

/// The drills of one invocation.
pub(super) struct FunctionDrills<'a> {
    pub function: &'a FunctionContext,
    pub make: MakeProcedure,
    pub clock: SystemClock,
}

impl Drills for FunctionDrills<'_> {
    type Drill = Harness<Cloud, SystemClock>;

    fn drill(&self, request: &Request) -> Result<Self::Drill, WrongFunction> {
        let FunctionContext { settings, cloud } = self.function;
        let (settings, request) = (Rc::clone(settings), Rc::new(request.clone()));
        let context = Context::new(cloud.clone(), self.clock, settings, request, fastrand::u32(..));
        let context = Rc::new(context);
        let procedure = (self.make)(Rc::clone(&context)).map_err(|wrong| WrongFunction(wrong.to_string()))?;
        Ok(Harness::new(context, procedure))
    }
}

/// Serves deliveries until Lambda ends the process. `make` builds what this kind of drill does by itself, and `injector` its
/// capability to inject.
///
/// A function with wrong settings fails every invocation, with what is wrong.
pub fn serve<I: Injector>(make: MakeProcedure, injector: fn(&Connection) -> I) -> ExitCode {
    let set_up = set_up(|_, connection| Ok(injector(connection)));
    super::run(set_up, &async |(function, injector): &(FunctionContext, I), event| {
        answer(function, make, injector, event).await
    })
}

pub(super) async fn set_up<T>(
    start: impl FnOnce(&FunctionContext, &Connection) -> Result<T, ConfigError>,
) -> Result<(FunctionContext, T), Failed> {
    let DrillSettings { table, retention, drill } =
        DrillSettings::from_env().map_err(Failed::wrong_configuration)?;
    let connection = Connection::load(drill.timing.call_deadline).await;
    let table = RunTable::new(&connection, &table, retention, drill.timing.call_deadline);
    let prober = HttpProber::from_env()
        .map_err(|error| Failed::wrong_configuration(format_args!("probes cannot be sent: {error}")))?;
    let function =
        FunctionContext { settings: Rc::new(drill), cloud: Cloud::new(&connection, table, prober) };
    let started = start(&function, &connection).map_err(Failed::wrong_configuration)?;
    Ok((function, started))
}

async fn answer(
    function: &FunctionContext,
    make: MakeProcedure,
    injector: &impl Injector,
    event: LambdaEvent<WrittenDocument>,
) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let (document, context) = event.into_parts();
    let invocation = invocation(&function.settings, &context, &clock);
    let engine = Engine {
        clock: &clock,
        store: &function.cloud.table,
        drills: &FunctionDrills { function, make, clock },
        injector: Some(injector),
        timing: function.settings.timing,
    };
    // Boxed: the future of a whole run is large, and would be moved.
    let answered = Box::pin(engine.dispatch_written(&invocation, &document)).await;
    let answer = answered.map_err(|error| Failed { name: error.name(), text: error.to_string() })?;
    if let Some(id) = answer["runId"].as_str() {
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let (phase, outcome, reason) = (text("phase"), text("outcome"), text("reason"));
        tracing::info!(runId = id, phase, outcome, reason, "this invocation no longer works on the run");
    }
    Ok(answer)
}

fn invocation(settings: &Settings, context: &LambdaContext, clock: &SystemClock) -> Invocation {
    let timing = settings.timing;
    let time_left = time_left_of(context, clock, &timing);
    Invocation {
        owner: OwnerId(owner(context)),
        request_id: context.request_id.clone(),
        ends_at: time_left.saturating_sub(reserve(&timing)),
        policy: settings.policy.clone(),
    }
}

/// How long this invocation may still run.
pub(super) fn time_left_of(context: &LambdaContext, clock: &SystemClock, timing: &Timing) -> Duration {
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
