//! `cargo demo --keep`: what to type while local AWS is up.

use std::fs;

use serde_json::Value;

use crate::{Home, LocalError, home::DRILL_KEY, table::Record};

/// What to export and what to try, ready to be pasted.
///
/// # Errors
/// The function's configuration cannot be read, or the request not be written.
pub(crate) async fn lines(home: &Home, record: Option<&Record>) -> Result<Vec<String>, LocalError> {
    let mut lines = vec!["unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN".to_owned()];
    let export = |name: &str, value: &str| format!("export {name}='{value}'");
    lines.extend(home.aws.environment().iter().map(|(name, value)| export(name, value)));
    // What the template gave the function; `cargo lambda watch` hands it on.
    let function = home.aws.requests().function(home.drill_function()).await?;
    if let Value::Object(variables) = &function["Environment"]["Variables"] {
        for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("FIREDRILL_")) {
            lines.push(export(name, value.as_str().unwrap_or_default()));
        }
    }
    lines.push(String::new());
    lines.push("# The runs of the drill:".to_owned());
    lines.push(format!(
        "aws dynamodb query --table-name {} --index-name byDrill --key-condition-expression 'drillKey = :d' \
         --expression-attribute-values '{{\":d\":{{\"S\":\"{DRILL_KEY}\"}}}}' \
         --query 'Items[].[startedAt.S,phase.S,outcome.S]' --output text",
        home.table.name
    ));
    if let Some(mut request) = record.and_then(|record| record.request.clone()) {
        // Without a schedule, the run is known by the invocation: each is a new one.
        if let Value::Object(fields) = &mut request {
            fields.remove("schedule");
        }
        let file = home.aws.folder().join("request.json");
        fs::write(&file, format!("{request:#}\n")).map_err(LocalError::file("cannot write", &file))?;
        let (file, folder) = (file.display(), home.aws.folder().display());
        lines.push("# A second run, by hand:".to_owned());
        lines.push(format!(
            "aws lambda invoke --function-name {} \
             --cli-read-timeout 120 --payload fileb://{file} {folder}/answer.json",
            home.drill_function()
        ));
        lines.push(
            "# The same, with a build of your own (cargo-lambda; in another terminal the second):".to_owned(),
        );
        lines.push("CARGO_TARGET_DIR=target/lambda-watch cargo lambda watch".to_owned());
        lines.push(format!("cargo lambda invoke drill-instance --data-file {file}"));
    }
    Ok(lines)
}
