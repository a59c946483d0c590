//! Lambda handlers: each reads its settings once, then answers one invocation after the other.

#[cfg(feature = "http")]
mod drill;
#[cfg(feature = "failover")]
mod failover;
#[cfg(feature = "notifier")]
mod notifier;
#[cfg(feature = "publisher")]
mod publisher;
#[cfg(feature = "scorecard")]
mod stream;
#[cfg(feature = "watchdog")]
mod watchdog;
#[cfg(feature = "widget")]
mod widget;

use std::{fmt, future::Future, process::ExitCode};

#[cfg(feature = "http")]
pub use drill::{MakeProcedure, serve};
#[cfg(feature = "failover")]
pub use failover::serve_failover;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
#[cfg(feature = "notifier")]
pub use notifier::serve_notifier;
#[cfg(feature = "publisher")]
pub use publisher::serve_publisher;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing_subscriber::EnvFilter;
#[cfg(feature = "watchdog")]
pub use watchdog::serve_watchdog;
#[cfg(feature = "widget")]
pub use widget::serve_widget;

/// Why an invocation failed.
#[derive(Clone)]
struct Failed {
    /// A stable name: the `errorType` that callers and alarms see.
    name: &'static str,
    text: String,
}

impl Failed {
    fn wrong_configuration(error: impl fmt::Display) -> Self {
        Self { name: "WrongConfiguration", text: error.to_string() }
    }
}

/// The form in which the runtime logs it, once.
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

/// The name of this invocation: a retry by Lambda keeps the request id, so a random part is added.
#[cfg(any(feature = "http", feature = "failover"))]
fn owner(context: &lambda_runtime::Context) -> String {
    format!("{}/{:08x}", context.request_id, fastrand::u32(..))
}

/// Serves invocations until Lambda ends the process. A function with wrong settings fails every invocation, with what
/// is wrong.
fn run<H, E: DeserializeOwned>(
    set_up: impl Future<Output = Result<H, Failed>>,
    answer: &impl AsyncFn(&H, LambdaEvent<E>) -> Result<Value, Failed>,
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
        let function = set_up.await;
        if let Err(failed) = &function {
            tracing::error!(errorType = failed.name, error = failed.text, "every invocation will fail");
        }
        let function = &function;
        let served = lambda_runtime::run(service_fn(async |event: LambdaEvent<E>| {
            let function = function.as_ref().map_err(Failed::clone)?;
            answer(function, event).await
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
