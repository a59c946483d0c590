//! Errors of the SDK as failures: what AWS answered, if it did. What that proves is decided in `firedrill_drills`.

use std::error::Error;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use firedrill_drills::{Failure, failure::Answer};

/// The most characters of a message.
const MAX_MESSAGE: usize = 600;

/// The failure that this error of the SDK means. The request's id, if AWS sent one, ends the message.
pub fn failure<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let answer = match error {
        SdkError::ConstructionFailure(_) => Answer::NotSent,
        SdkError::ServiceError(answer) => Answer::Error {
            code: answer.err().code().unwrap_or_default().to_owned(),
            status: answer.raw().status().as_u16(),
        },
        // Not sent, not answered in time, or answered in a form that the SDK cannot read.
        _ => Answer::None,
    };
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    let text = meta.and_then(|meta| meta.message());
    let mut message = text.map_or_else(|| DisplayErrorContext(error).to_string(), str::to_owned);
    if let Some((cut, _)) = message.char_indices().nth(MAX_MESSAGE) {
        message.truncate(cut);
        message.push('…');
    }
    if let Some(id) = meta.and_then(|meta| meta.extra("aws_request_id")) {
        message.push_str(" (request ");
        message.push_str(id);
        message.push(')');
    }
    Failure { action, answer, message }
}
