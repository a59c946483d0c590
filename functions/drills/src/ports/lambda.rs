//! Lambda's API: the functions behind an alarm, and the watchdog.

use std::collections::BTreeMap;

use super::Reply;

/// The configuration of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfiguration {
    /// The timeout of one invocation; none if the answer does not say.
    pub timeout_seconds: Option<u32>,
    /// Whether it can be invoked. An idle function is `Inactive`, and its first invocation fails
    /// (developer guide, *Lambda function states*).
    pub active: bool,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
}

/// Lambda's API: starting a function.
pub trait Invoker {
    /// `Invoke` of this function, by its name or ARN, in the Region of the caller, with an empty event and `InvocationType`
    /// `Event`: Lambda queues the event, and the answer does not say what the function does with it (API reference, `Invoke`).
    /// Sent once.
    async fn invoke_async(&self, function: &str) -> Reply<()>;
}

/// Lambda's API: reading a function's configuration.
pub trait Functions {
    /// `GetFunctionConfiguration` of this function, or of this version or alias of it. An environment that could not be
    /// decrypted, which Lambda reports inside an answer that is otherwise complete, is a failure (API reference,
    /// `EnvironmentResponse`).
    async fn function_configuration(&self, region: &str, arn: &str) -> Reply<FunctionConfiguration>;

    /// `GetFunctionConcurrency`: the reserved concurrency of this function, if it is set. At zero, the function cannot be
    /// invoked (developer guide, *Reserved concurrency*).
    async fn reserved_concurrency(&self, region: &str, arn: &str) -> Reply<Option<i32>>;
}
