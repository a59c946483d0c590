//! Hints of `cargo demo --keep`: the variables to export and the commands to try while local AWS runs.

use std::fs;

use firedrill_core::kind::DrillKind;
use serde_json::Value;

use crate::{DemoStack, LocalError, record_reader::Record, stack::LocalDrill};

/// The hints as lines of shell, ready to paste. Also writes the run's request to `request.json` in the emulator's
/// folder, so that a command can send it again.
///
/// # Errors
/// The function's configuration cannot be read, or the request cannot be written.
pub(crate) async fn lines(
    stack: &DemoStack,
    drill: DrillKind,
    record: &Record,
) -> Result<Vec<String>, LocalError> {
    let (key, package) = (LocalDrill::of(drill).key, drill.row().package);
    let mut lines = vec!["unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN".to_owned()];
    let export = |name: &str, value: &str| format!("export {name}='{value}'");
    lines.extend(stack.aws.environment().iter().map(|(name, value)| export(name, value)));
    // `cargo lambda watch` passes its environment on to the function.
    lines.extend(stack.drill_variables(drill).await?.iter().map(|(name, value)| export(name, value)));
    if let Some(mut request) = record.request.clone() {
        // Without a schedule, the Lambda request id identifies the run, so that each invocation starts a new one.
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
        "cargo lambda watch".to_owned(),
        format!("cargo lambda invoke {package} --data-file \"$FIREDRILL_REQUEST\""),
    ]);
    Ok(lines)
}
