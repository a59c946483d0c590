//! Starts a function.

use aws_sdk_lambda::{primitives::Blob, types::InvocationType};
use firedrill_drills::ports::{Invoker, Reply};

use crate::{Cloud, client::failure};

impl Invoker for Cloud {
    async fn invoke_async(&self, function: &str) -> Reply<()> {
        let call = self.lambda.mutating.home.invoke().function_name(function);
        let sent = call.invocation_type(InvocationType::Event).payload(Blob::new("{}")).send().await;
        sent.map(|_| ()).map_err(failure("lambda:InvokeFunction"))
    }
}
