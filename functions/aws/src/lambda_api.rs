//! Lambda's API: starts the watchdog, and reads the configuration of a function behind an alarm.

mod invoke;

use aws_sdk_lambda::{operation::get_function_configuration::GetFunctionConfigurationOutput, types::State};
use firedrill_drills::{
    Failure,
    failure::Answer,
    ports::{FunctionConfiguration, Functions, Reply},
};

use crate::{Cloud, client::failure};

impl Functions for Cloud {
    async fn function_configuration(&self, region: &str, arn: &str) -> Reply<FunctionConfiguration> {
        let sent = self.lambda.reads.at(region).get_function_configuration().function_name(arn).send().await;
        read(sent.map_err(failure("lambda:GetFunctionConfiguration"))?)
    }

    async fn reserved_concurrency(&self, region: &str, arn: &str) -> Reply<Option<i32>> {
        let call = self.lambda.reads.at(region).get_function_concurrency().function_name(unqualified(arn));
        let answer = call.send().await.map_err(failure("lambda:GetFunctionConcurrency"))?;
        Ok(answer.reserved_concurrent_executions)
    }
}

/// Concurrency is reserved for a function, not for a version or alias, whose ARN has an eighth part.
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(at, _)| &arn[..at])
}

fn read(answer: GetFunctionConfigurationOutput) -> Reply<FunctionConfiguration> {
    let environment = answer.environment;
    if let Some(error) = environment.as_ref().and_then(|environment| environment.error.as_ref()) {
        let code = error.error_code().unwrap_or_default();
        return Err(Failure {
            action: "lambda:GetFunctionConfiguration",
            answer: Answer::Error { code: code.to_owned(), status: 400 },
            message: format!("its environment: {}", error.message().unwrap_or_default()),
        });
    }
    let variables = environment.and_then(|environment| environment.variables).unwrap_or_default();
    Ok(FunctionConfiguration {
        timeout_seconds: answer.timeout.and_then(|seconds| u32::try_from(seconds).ok()),
        active: answer.state == Some(State::Active),
        environment: variables.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
