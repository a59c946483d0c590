//! `cargo demo --keep`: what to type while local AWS is up.

use std::fs;

use serde_json::Value;

use crate::{DemoStack, LocalError, record_reader::Record, stack::Drill};

/// What to export and what to try, ready to be pasted.
///
/// # Errors
/// The function's configuration cannot be read, or the request not be written.
pub(crate) async fn lines(
    stack: &DemoStack,
    drill: Drill,
    record: &Record,
) -> Result<Vec<String>, LocalError> {
    let (key, package) = (drill.key(), drill.package());
    let mut lines = vec!["unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN".to_owned()];
    let export = |name: &str, value: &str| format!("export {name}='{value}'");
    lines.extend(stack.aws.environment().iter().map(|(name, value)| export(name, value)));
    // `cargo lambda watch` hands these on to the function.
    lines.extend(stack.drill_variables(drill).await?.iter().map(|(name, value)| export(name, value)));
    if let Some(mut request) = record.request.clone() {
        // Without a schedule, the run is known by the invocation: each is a new one.
        if let Value::Object(fields) = &mut request {
            fields.remove("schedule");
        }
        let file = stack.aws.folder().join("request.json");
        fs::write(&file, format!("{request:#}\n")).map_err(LocalError::file("cannot write", &file))?;
        lines.push(export("FIREDRILL_REQUEST", &file.display().to_string()));
    }
    let answer = stack.aws.folder().join("answer.json");
    lines.extend([
        String::new(),
        "# The runs of the drill:".to_owned(),
        format!(
            "aws dynamodb query --table-name \"$FIREDRILL_TABLE\" --index-name byDrill \
             --key-condition-expression 'drillKey = :d' \
             --expression-attribute-values '{{\":d\": {{\"S\": \"{key}\"}}}}' \
             --query 'Items[].[startedAt.S,phase.S,outcome.S]' --output text"
        ),
        "# A second run, by hand:".to_owned(),
        format!(
            "aws lambda invoke --function-name {} --cli-read-timeout 120 \
             --payload \"fileb://$FIREDRILL_REQUEST\" {}",
            stack.drill_function(drill),
            answer.display()
        ),
        "# The same, with a build of your own (cargo-lambda; the first in another such terminal):".to_owned(),
        "CARGO_TARGET_DIR=target/lambda-watch cargo lambda watch".to_owned(),
        format!("cargo lambda invoke {package} --data-file \"$FIREDRILL_REQUEST\""),
    ]);
    Ok(lines)
}
