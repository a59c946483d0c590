//! What a caller can send, and what is said to one who sent something else.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::Request;

/// What one invocation is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// `{…request…}`: plan a drill, or run it.
    Start(Box<Request>),
    /// `{"get": runId}`: how a run stands.
    Get(String),
    /// `{"list": "environment/application/drill"}`: a drill's runs, the newest first.
    List(String),
    /// `{"resume": runId}`: carry on what a dead invocation left behind. Never injects.
    Resume(String),
    /// `{"release": {"runId", "by", "reason", "failBack"}}`: a person's word on a run that is held, or
    /// whose rollback failed.
    Release(Release),
}

/// A person's word that ends a holding, or closes a run whose rollback failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// Which run.
    pub run_id: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// True: go on with the undo. False: leave to people what moves traffic.
    #[serde(default)]
    pub fail_back: bool,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, such as `target.region`.
    pub field: String,
    /// What, and what would be right.
    pub what: String,
}

/// Why a delivery cannot be acted on. Nothing was recorded and nothing was touched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// It is not of the form of a request.
    #[error("the request cannot be read at `{field}`: {what}")]
    Shape {
        /// Where.
        field: String,
        /// What the parser says.
        what: String,
    },
    /// Somebody forgot to have a placeholder filled in.
    #[error(
        "`{field}` still holds the placeholder {placeholder}: it is filled in by the schedule or rule that \
         delivers the request, so this delivery has no identity; give `runId` instead when sending by hand"
    )]
    Placeholder {
        /// Where.
        field: String,
        /// Which.
        placeholder: String,
    },
    /// It has the form of a request but cannot be meant.
    #[error("the request is refused: {}", list(.0))]
    Invalid(Vec<Problem>),
}

impl ParseError {
    /// A stable name for alarms and callers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "UnreadableRequest",
            Self::Placeholder { .. } => "UnsubstitutedPlaceholder",
            Self::Invalid(_) => "InvalidRequest",
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("`{}` {}", p.field, p.what)).collect::<Vec<_>>().join("; ")
}

/// Reads what was delivered.
///
/// # Errors
/// See [`ParseError`]: the field, what is wrong with it, and what would be right.
pub fn parse(document: &Value) -> Result<Delivery, ParseError> {
    let shape = |field: &str, what: String| ParseError::Shape { field: field.to_owned(), what };
    let Value::Object(fields) = document else {
        return Err(shape(".", format!("expected a JSON object, found {}", kind_of(document))));
    };
    if let Some((field, placeholder)) = find_placeholder(document, "") {
        return Err(ParseError::Placeholder { field, placeholder });
    }
    for word in ["get", "list", "resume"] {
        let Some(value) = fields.get(word) else { continue };
        if let Some(other) = fields.keys().find(|key| *key != word) {
            return Err(shape(other, format!("`{word}` stands alone, without other fields")));
        }
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
            return Err(shape(word, format!("expected a string, found {}", kind_of(value))));
        };
        let text = text.to_owned();
        return Ok(match word {
            "get" => Delivery::Get(text),
            "list" => Delivery::List(text),
            _ => Delivery::Resume(text),
        });
    }
    if let Some(release) = fields.get("release") {
        if let Some(other) = fields.keys().find(|key| *key != "release") {
            return Err(shape(other, "`release` stands alone, without other fields".to_owned()));
        }
        let release: Release = serde_path_to_error::deserialize(release)
            .map_err(|error| shape(&format!("release.{}", error.path()), error.inner().to_string()))?;
        for (field, text) in [("by", &release.by), ("reason", &release.reason)] {
            if text.trim().is_empty() || text.len() > 500 {
                return Err(shape(&format!("release.{field}"), "must be 1 to 500 characters".to_owned()));
            }
        }
        return Ok(Delivery::Release(release));
    }
    let request: Request = serde_path_to_error::deserialize(document)
        .map_err(|error| shape(&error.path().to_string(), error.inner().to_string()))?;
    let problems = request.problems();
    if problems.is_empty() {
        Ok(Delivery::Start(Box::new(request)))
    } else {
        Err(ParseError::Invalid(problems))
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// EventBridge fills in `<aws.scheduler.…>`; an input transformer fills in `<name>`.
fn find_placeholder(value: &Value, at: &str) -> Option<(String, String)> {
    match value {
        Value::String(text) => {
            let begin = text.find("<aws.").or_else(|| {
                let bare = text.starts_with('<') && text.ends_with('>') && text.len() > 2;
                bare.then_some(0)
            })?;
            let end = text[begin..].find('>').map_or(text.len(), |length| begin + length + 1);
            Some((at.to_owned(), text[begin..end].to_owned()))
        }
        Value::Array(values) => {
            values.iter().enumerate().find_map(|(i, value)| find_placeholder(value, &format!("{at}[{i}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            find_placeholder(value, &if at.is_empty() { key.clone() } else { format!("{at}.{key}") })
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}
