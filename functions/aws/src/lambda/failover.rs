//! A failover function: reads its configuration, then handles one change of an alarm after the other.

use std::process::ExitCode;

use lambda_runtime::LambdaEvent;
use serde_json::Value;

use super::{Failed, owner};
use crate::{
    client::Connection,
    clock::SystemClock,
    dynamodb::RunTable,
    failover::{self, Failover, FailoverContext, FailoverSettings, Unanswered},
    pager::Pager,
};

/// Serves events until Lambda ends the process. An event with a change that was not concluded fails, so
/// that whoever sent it sends it again.
///
/// A function that is set up wrongly answers every invocation with what is wrong.
#[must_use]
pub fn serve_failover<F: Failover>() -> ExitCode {
    super::run(set_up(), &async |(context, table, failovers): &(FailoverContext, RunTable, Vec<F>), event| {
        answer(context, table, failovers, event).await
    })
}

async fn set_up<F: Failover>() -> Result<(FailoverContext, RunTable, Vec<F>), Failed> {
    let wrong = Failed::wrong_configuration;
    let settings = FailoverSettings::from_env().map_err(wrong)?;
    let connection = Connection::load(settings.call_deadline).await;
    let table = RunTable::new(&connection, &settings.table, settings.retention, settings.call_deadline);
    let pager = Pager::new(&connection, settings.topic_arn.as_ref());
    let context = FailoverContext { settings, connection, pager };
    let configured = context.settings.failovers.iter();
    let failovers: Result<Vec<F>, String> =
        configured.map(|(config, resource)| F::configured(&context, config, resource)).collect();
    let failovers = failovers.map_err(|what| wrong(format!("FIREDRILL_FAILOVERS: {what}")))?;
    Ok((context, table, failovers))
}

async fn answer<F: Failover>(
    context: &FailoverContext,
    table: &RunTable,
    failovers: &[F],
    event: LambdaEvent<Value>,
) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let (event, context) = event.into_parts();
    let by = owner(&context);
    // Boxed: the future of everything that may be done about a change is large, and is moved around.
    let answered = Box::pin(failover::answer(&clock, table, context, failovers, &event, &by)).await;
    answered.map_err(|Unanswered { name, text }| Failed { name, text })
}
