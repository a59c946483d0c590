//! AWS Lambda as a service that is asked: how a function behind an alarm is configured.

use std::collections::BTreeMap;

use aws_sdk_lambda::{
    Client, operation::get_function_configuration::GetFunctionConfigurationOutput, types::State,
};

use crate::{
    client::Connection,
    error::{Failure, proof},
};

/// AWS Lambda in one Region: that of the functions.
#[derive(Clone, Debug)]
pub struct LambdaApi {
    reads: Client,
}

/// How a function is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfiguration {
    /// Its ARN.
    pub arn: String,
    /// How long one invocation may take; none if the answer does not say.
    pub timeout_seconds: Option<u32>,
    /// Whether it can be invoked. An idle function is `Inactive`, and its first invocation fails
    /// (developer guide, *Lambda function states*).
    pub active: bool,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
}

impl LambdaApi {
    /// AWS Lambda in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }

    /// How this function, or this version or alias of it, is configured; none if there is none.
    ///
    /// # Errors
    /// It could not be read; or its environment could not be decrypted, which Lambda says inside an
    /// answer that is otherwise good (API reference, `EnvironmentResponse`).
    pub async fn configuration(&self, function_arn: &str) -> Result<Option<FunctionConfiguration>, Failure> {
        let call = self.reads.get_function_configuration().function_name(function_arn);
        match call.send().await {
            Ok(answer) => read(answer).map(Some),
            Err(error) => match Failure::of("lambda:GetFunctionConfiguration", &error) {
                failure if failure.code == "ResourceNotFoundException" => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// How many invocations this function may have at a time, if that is set. Zero means that nobody
    /// can invoke it (developer guide, *Reserved concurrency*).
    ///
    /// # Errors
    /// It could not be read, or there is no such function.
    pub async fn reserved_concurrency(&self, function_arn: &str) -> Result<Option<i32>, Failure> {
        let call = self.reads.get_function_concurrency().function_name(unqualified(function_arn));
        let answer = call.send().await;
        let answer = answer.map_err(|error| Failure::of("lambda:GetFunctionConcurrency", &error))?;
        Ok(answer.reserved_concurrent_executions)
    }
}

/// Concurrency is reserved for a function, not for a version or alias, whose ARN has an eighth part.
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(at, _)| &arn[..at])
}

fn read(answer: GetFunctionConfigurationOutput) -> Result<FunctionConfiguration, Failure> {
    let environment = answer.environment;
    if let Some(error) = environment.as_ref().and_then(|environment| environment.error.as_ref()) {
        let code = error.error_code().unwrap_or_default();
        return Err(Failure {
            action: "lambda:GetFunctionConfiguration",
            proof: proof(code, 400),
            code: code.to_owned(),
            message: format!("its environment: {}", error.message().unwrap_or_default()),
        });
    }
    let variables = environment.and_then(|environment| environment.variables).unwrap_or_default();
    Ok(FunctionConfiguration {
        arn: answer.function_arn.unwrap_or_default(),
        timeout_seconds: answer.timeout.and_then(|seconds| u32::try_from(seconds).ok()),
        active: answer.state == Some(State::Active),
        environment: variables.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse};

    use super::*;

    #[test]
    fn an_environment_that_cannot_be_read_is_not_an_empty_one() {
        let environment = |built: EnvironmentResponse| {
            let answer = GetFunctionConfigurationOutput::builder().function_arn("arn").timeout(60);
            read(answer.state(State::Active).environment(built).build())
        };
        let good = environment(EnvironmentResponse::builder().variables("A", "b").build()).unwrap();
        assert_eq!((good.active, good.timeout_seconds), (true, Some(60)));
        assert_eq!(good.environment, BTreeMap::from([("A".to_owned(), "b".to_owned())]));
        let denied = EnvironmentError::builder().error_code("AccessDeniedException").message("no key");
        let failure = environment(EnvironmentResponse::builder().error(denied.build()).build()).unwrap_err();
        assert_eq!(failure.to_string().split(':').next(), Some("lambda"));
        assert!(failure.to_string().contains("is denied"), "{failure}");
    }

    #[test]
    fn only_an_active_function_is_active() {
        let state = |state| {
            let answer = GetFunctionConfigurationOutput::builder().set_state(state).build();
            read(answer).unwrap().active
        };
        assert!(!state(Some(State::Inactive)) && !state(None) && state(Some(State::Active)));
    }

    #[test]
    fn a_version_is_cut_off_an_arn() {
        let arn = "arn:aws:lambda:eu-west-2:123456789012:function:failover-cdn";
        assert_eq!(unqualified(&format!("{arn}:live")), arn);
        assert_eq!(unqualified(arn), arn);
        assert_eq!(unqualified("failover-cdn"), "failover-cdn");
    }
}
