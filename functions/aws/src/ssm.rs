//! Systems Manager: the parameters in which applications declare themselves.

use aws_sdk_ssm::types::Parameter as SdkParameter;
use firedrill_scorecard::ports::{Next, Page, Parameter, Parameters, Reply};

use crate::{
    client::{failure, page, token},
    scorecard::ScorecardCloud,
};

impl Parameters for ScorecardCloud {
    /// A secure string is not decrypted: no declaration is a secret, and no role may use its key.
    async fn parameters_by_path(&self, path: &str, next: Next<'_>) -> Reply<Page<Parameter>> {
        let call = self.ssm.get_parameters_by_path().path(path).recursive(false);
        let sent = call.with_decryption(false).set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("ssm:GetParametersByPath"))?;
        Ok(page(answer.parameters.unwrap_or_default().into_iter().map(read), answer.next_token))
    }
}

fn read(parameter: SdkParameter) -> Parameter {
    Parameter { name: parameter.name.unwrap_or_default(), value: parameter.value.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_keeps_its_whole_name() {
        let parameter = SdkParameter::builder().name("/firedrill/applications/bookstore").value("{}").build();
        let whole =
            Parameter { name: "/firedrill/applications/bookstore".to_owned(), value: "{}".to_owned() };
        assert_eq!(read(parameter), whole);
    }
}
