//! What a caller can send, and what is said to one who sent something else.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use thiserror::Error;

use super::{Name, Request};
use crate::{
    Timestamp,
    kill_switch::{Scope, Switch},
    run::Stop,
};

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
    /// `{"stop": {"runId" | "application", "by", "reason"}}`: a run, or every run of an application, ends early
    /// and is rolled back.
    Stop(StopOrder),
    /// `{"killSwitch": {"engage", "application" | "drill", "by", "reason", "until"}}`: nothing is injected, and what
    /// was injected is taken back, of everything unless an application or a drill is named.
    KillSwitch(SwitchOrder),
}

/// A person's word that ends runs early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopOrder {
    /// Which.
    pub what: StopWhat,
    /// Who says so, and why.
    pub stop: Stop,
}

/// What is to end early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopWhat {
    /// This run.
    Run(String),
    /// Every run of this application that has begun.
    Application(String),
}

/// A kill switch is engaged, or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchOrder {
    /// Engaged, or not any more.
    pub engage: bool,
    /// Which switch, by whom, why and until when.
    pub switch: Switch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StopFields {
    run_id: Option<String>,
    application: Option<String>,
    by: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SwitchFields {
    engage: bool,
    application: Option<String>,
    drill: Option<String>,
    by: String,
    reason: String,
    until: Option<Timestamp>,
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
    /// When it was said, by the clock of whoever wrote it down; whatever else stands there is not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_at: Option<Timestamp>,
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
    for word in ["release", "stop", "killSwitch"] {
        let Some(value) = fields.get(word) else { continue };
        if let Some(other) = fields.keys().find(|key| *key != word) {
            return Err(shape(other, format!("`{word}` stands alone, without other fields")));
        }
        return match word {
            "release" => {
                let release: Release = said(word, value)?;
                signed(word, &release.by, &release.reason)?;
                Ok(Delivery::Release(release))
            }
            "stop" => stop_order(word, value),
            _ => switch_order(word, value),
        };
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

/// A request that was taken before, by whatever version: what this one does not know of it is left out. For whoever
/// carries a run on, who has to take back what was done and would be kept from it by a word more.
///
/// # Errors
/// It lacks something, or says what this version does not understand.
pub fn read_leniently(mut stored: Value) -> Result<Request, String> {
    loop {
        let error = match serde_path_to_error::deserialize::<_, Request>(&stored) {
            Ok(request) => return Ok(request),
            Err(error) => error,
        };
        let text = error.inner().to_string();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let excluded =
            unknown.is_some_and(|field| leave_out(around(&mut stored, error.path(), field), field));
        if !excluded {
            return Err(format!("at `{}`: {text}", error.path()));
        }
    }
}

/// The innermost value on this path that holds the field or what it stands in.
fn around<'a>(stored: &'a mut Value, path: &Path, field: &str) -> &'a mut Value {
    let mut at = String::new();
    for segment in path {
        let next = match segment {
            Segment::Seq { index } => format!("{at}/{index}"),
            Segment::Map { key } if key != field => format!("{at}/{key}"),
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        };
        match stored.pointer(&next) {
            Some(Value::Object(_) | Value::Array(_)) => at = next,
            Some(_) | None => break,
        }
    }
    // There, as was just seen.
    stored.pointer_mut(&at).unwrap_or_else(|| unreachable!("{at} was there"))
}

/// Removes one field of this name; whether there was one.
fn leave_out(value: &mut Value, field: &str) -> bool {
    match value {
        Value::Object(fields) => {
            fields.remove(field).is_some() || fields.values_mut().any(|inner| leave_out(inner, field))
        }
        Value::Array(values) => values.iter_mut().any(|inner| leave_out(inner, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn shape(field: &str, what: impl Into<String>) -> ParseError {
    ParseError::Shape { field: field.to_owned(), what: what.into() }
}

/// A person's word: the object below this field.
fn said<T: serde::de::DeserializeOwned>(word: &str, value: &Value) -> Result<T, ParseError> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| shape(&format!("{word}.{}", error.path()), error.inner().to_string()))
}

fn signed(word: &str, by: &str, reason: &str) -> Result<(), ParseError> {
    for (field, text) in [("by", by), ("reason", reason)] {
        if text.trim().is_empty() || text.len() > 500 {
            return Err(shape(&format!("{word}.{field}"), "must be 1 to 500 characters"));
        }
    }
    Ok(())
}

fn identity(word: &str, id: String) -> Result<String, ParseError> {
    if id.trim().is_empty() || id.len() > 300 {
        return Err(shape(&format!("{word}.runId"), "must be 1 to 300 characters"));
    }
    Ok(id)
}

/// As requests have them: a word on one that no request can have would be heard by no run.
fn name(word: &str, field: &str, text: String) -> Result<String, ParseError> {
    Name::try_from(text).map(String::from).map_err(|why| shape(&format!("{word}.{field}"), why))
}

fn stop_order(word: &str, value: &Value) -> Result<Delivery, ParseError> {
    let StopFields { run_id, application, by, reason } = said(word, value)?;
    signed(word, &by, &reason)?;
    let what = match (run_id, application) {
        (Some(id), None) => StopWhat::Run(identity(word, id)?),
        (None, Some(text)) => StopWhat::Application(name(word, "application", text)?),
        (None, None) | (Some(_), Some(_)) => {
            return Err(shape(word, "names exactly one of `runId` and `application`"));
        }
    };
    Ok(Delivery::Stop(StopOrder { what, stop: Stop { by, reason } }))
}

fn switch_order(word: &str, value: &Value) -> Result<Delivery, ParseError> {
    let SwitchFields { engage, application, drill, by, reason, until } = said(word, value)?;
    signed(word, &by, &reason)?;
    let scope = match (application, drill) {
        (None, None) => Scope::Account,
        (Some(text), None) => Scope::Application(name(word, "application", text)?),
        (None, Some(key)) => {
            let parts: Vec<&str> = key.split('/').collect();
            let [environment, application, drill] = parts[..] else {
                let form = "is of the form environment/application/drill";
                return Err(shape(&format!("{word}.drill"), form));
            };
            for part in [environment, application, drill] {
                name(word, "drill", part.to_owned())?;
            }
            Scope::Drill(key)
        }
        (Some(_), Some(_)) => {
            return Err(shape(
                word,
                "names an application, or a drill, or neither: then everything is meant",
            ));
        }
    };
    Ok(Delivery::KillSwitch(SwitchOrder { engage, switch: Switch { scope, by, reason, until } }))
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
