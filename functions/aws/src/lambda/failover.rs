//! Handler of a failover function: handles the changes of alarms, one event after the other.

use std::{process::ExitCode, rc::Rc};

use firedrill_core::failover::{FailoverRule, FailoverTarget};
use firedrill_drills::failover::{self, Failover, FailoverContext, FailoverFunction, Unanswered, WrongRule};
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use super::{Failed, owner};
#[cfg(feature = "http")]
use crate::prober::HttpProber;
use crate::{
    Cloud, client::Connection, clock::SystemClock, config::failover::FailoverSettings, dynamodb::RunTable,
};

/// What a failover function works with.
pub type Context = Rc<FailoverContext<Cloud, SystemClock>>;
type Function<F> = FailoverFunction<RunTable, Cloud, SystemClock, F>;

/// Serves events until Lambda ends the process. `make` builds the failover of one rule and its target. An event with a
/// change that was not concluded fails, so that SNS or Lambda delivers it again.
///
/// A function with wrong settings fails every invocation, with what is wrong.
#[must_use]
pub fn serve_failover<F: Failover>(
    make: fn(Context, &FailoverRule, &FailoverTarget) -> Result<F, WrongRule>,
) -> ExitCode {
    super::run(set_up(make), &async |function: &Function<F>, event| answer(function, event).await)
}

async fn set_up<F>(
    make: fn(Context, &FailoverRule, &FailoverTarget) -> Result<F, WrongRule>,
) -> Result<Function<F>, Failed> {
    let settings = FailoverSettings::from_env().map_err(Failed::wrong_configuration)?;
    let FailoverSettings { table, retention, call_deadline, handling, topic_arn, cool_down, failovers } =
        settings;
    let connection = Connection::load(call_deadline).await;
    let journal = RunTable::new(&connection, &table, retention, call_deadline);
    #[cfg(feature = "http")]
    let prober = HttpProber::new().map_err(Failed::wrong_configuration)?;
    let cloud = Cloud::new(
        &connection,
        journal.clone(),
        #[cfg(feature = "http")]
        prober,
    );
    let clock = SystemClock::start();
    let context = Rc::new(FailoverContext { cloud, clock, call_deadline, cool_down, topic_arn });
    let (failovers, wrong) =
        failover::set_up(failovers, |rule, target| make(Rc::clone(&context), rule, target));
    for entry in &wrong {
        tracing::error!("{entry}: this entry fails nothing over");
    }
    Ok(FailoverFunction { journal, context, limits: handling, failovers, wrong })
}

async fn answer<F: Failover>(function: &Function<F>, event: LambdaEvent<Value>) -> Result<Value, Failed> {
    let (event, context) = event.into_parts();
    // Boxed: the future of all that handling a change may do is large, and would be moved.
    let answered = Box::pin(function.answer(&event, &owner(&context))).await;
    answered.map_err(|Unanswered { name, text }| Failed { name, text })
}
