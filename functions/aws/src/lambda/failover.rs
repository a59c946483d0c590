//! Handler of a failover function: handles the changes of alarms, one event after the other.

use std::process::ExitCode;

use lambda_runtime::LambdaEvent;
use serde_json::Value;

use super::{Failed, owner};
use crate::{
    client::Connection,
    clock::SystemClock,
    dynamodb::RunTable,
    failover::{self, Failover, FailoverContext, FailoverSettings, FailoverSettingsError, Unanswered},
    pager::Pager,
};

/// Serves events until Lambda ends the process. An event with a change that was not concluded fails, so that SNS or
/// Lambda delivers it again.
///
/// A function with wrong settings fails every invocation, with what is wrong.
#[must_use]
pub fn serve_failover<F: Failover>() -> ExitCode {
    super::run(set_up(), &async |(function, table, failovers): &(FailoverContext, RunTable, Vec<F>),
                                 event| {
        answer(function, table, failovers, event).await
    })
}

async fn set_up<F: Failover>() -> Result<(FailoverContext, RunTable, Vec<F>), Failed> {
    let settings = FailoverSettings::from_env().map_err(Failed::wrong_configuration)?;
    let connection = Connection::load(settings.call_deadline).await;
    let table = RunTable::new(&connection, &settings.table, settings.retention, settings.call_deadline);
    let pager = Pager::new(&connection, settings.topic_arn.as_ref());
    let function = FailoverContext { settings, connection, pager };
    let configured = function.settings.failovers.iter();
    let failovers = configured
        .map(|(rule, target)| F::configured(&function, rule, target).map_err(FailoverSettingsError::Rule))
        .collect::<Result<Vec<F>, _>>()
        .map_err(Failed::wrong_configuration)?;
    Ok((function, table, failovers))
}

async fn answer<F: Failover>(
    function: &FailoverContext,
    table: &RunTable,
    failovers: &[F],
    event: LambdaEvent<Value>,
) -> Result<Value, Failed> {
    let clock = SystemClock::start();
    let (event, context) = event.into_parts();
    let by = owner(&context);
    // Boxed: the future of all that handling a change may do is large, and would be moved.
    let answered = Box::pin(failover::answer(&clock, table, function, failovers, &event, &by)).await;
    answered.map_err(|Unanswered { name, text }| Failed { name, text })
}
