//! Functions: each reads its configuration, then answers one invocation after the other.

#[cfg(any(feature = "undo-instance", feature = "undo-cdn", feature = "undo-db"))]
mod drill;
#[cfg(any(feature = "failover-cdn", feature = "failover-db"))]
mod failover;
#[cfg(feature = "watchdog")]
mod watchdog;

use std::{fmt, future::Future, process::ExitCode};

#[cfg(any(feature = "undo-instance", feature = "undo-cdn", feature = "undo-db"))]
pub use drill::{FunctionContext, serve};
#[cfg(any(feature = "failover-cdn", feature = "failover-db"))]
pub use failover::serve_failover;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing_subscriber::EnvFilter;
#[cfg(feature = "watchdog")]
pub use watchdog::serve_watchdog;

/// Why an invocation was not answered. The name becomes the `errorType` that callers and alarms see.
#[derive(Clone)]
struct Failed {
    name: &'static str,
    text: String,
}

impl Failed {
    const fn wrong_configuration(text: String) -> Self {
        Self { name: "WrongConfiguration", text }
    }
}

/// As the runtime logs it, once.
impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Self { error_type: failed.name.to_owned(), error_message: failed.text }
    }
}

/// A name of this invocation alone: a retry keeps the request id and is another one all the same.
fn owner(context: &Context) -> String {
    format!("{}/{:08x}", context.request_id, fastrand::u32(..))
}

/// Serves invocations until Lambda ends the process. A function that is set up wrongly answers every one
/// with what is wrong.
fn run<H>(
    set_up: impl Future<Output = Result<H, Failed>>,
    answer: &impl AsyncFn(&H, LambdaEvent<Value>) -> Result<Value, Failed>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_ansi(false)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let context = set_up.await;
        if let Err(failed) = &context {
            tracing::error!(errorType = failed.name, error = failed.text, "every invocation will fail");
        }
        let context = &home;
        let served = lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
            let context = context.as_ref().map_err(Failed::clone)?;
            answer(context, event).await
        }));
        match served.await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "the Lambda runtime cannot be reached");
                ExitCode::FAILURE
            }
        }
    })
}
