//! Deliveries: the documents that a function accepts, and the errors for any other.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    KillSwitchCommand, Release, Request, StopCommand, StopOrder, SwitchOrder, WrittenDocument,
    bounds::too_large,
    command,
    read::{Unreadable, out_of_bounds, read_strictly},
};
use crate::text::one_line;

/// What one invocation is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// `{…request…}`: plan a drill, or run it.
    Start(Box<Request>),
    /// `{"get": runId}`: how a run stands.
    Get(String),
    /// `{"list": "environment/application/drill"}`: a drill's runs, the newest first.
    List(String),
    /// `{"resume": runId}`: continue the run of an invocation that died. Never injects.
    Resume(String),
    /// `{"release": {"runId", "by", "reason", "failBack"}}`: an operator releases a run that is held, or whose
    /// rollback failed.
    Release(Release),
    /// `{"stop": {"runId" | "application", "by", "reason"}}`: a run, or every run of an application, ends early
    /// and is rolled back.
    Stop(StopOrder),
    /// `{"killSwitch": {"engage", "account" | "application" | "drill", "by", "reason", "until"}}`: nothing is injected, and
    /// what was injected is rolled back: everywhere, or for the named application or drill.
    KillSwitch(SwitchOrder),
}

/// One document for a drill function: a request, or one of the commands. Only the JSON Schema is made of it; [`parse`]
/// reads the same documents with clearer errors.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(deny_unknown_fields, title = "Firedrill document")]
#[schemars(description = "What a drill function takes: a request, or one of the commands.")]
pub enum Document {
    /// A request: plans a drill, or runs it (`execute`).
    #[schemars(title = "Request")]
    Request(Box<Request>),
    /// The command `get`: answers the record of one run.
    #[schemars(title = "Command get")]
    Get {
        /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
        #[serde(rename = "$schema")]
        schema: Option<String>,
        /// The run, as `environment/application/drill/id`; at least 1 character.
        #[schemars(length(min = 1))]
        get: String,
    },
    /// The command `list`: answers a drill's runs, the newest first.
    #[schemars(title = "Command list")]
    List {
        /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
        #[serde(rename = "$schema")]
        schema: Option<String>,
        /// The drill, as `environment/application/drill`; at least 1 character.
        #[schemars(length(min = 1))]
        list: String,
    },
    /// The command `resume`: continues a run whose invocation has ended. It never injects.
    #[schemars(title = "Command resume")]
    Resume {
        /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
        #[serde(rename = "$schema")]
        schema: Option<String>,
        /// The run, as `environment/application/drill/id`; at least 1 character.
        #[schemars(length(min = 1))]
        resume: String,
    },
    /// The command `release`: ends the holding of a run, or closes a run whose rollback failed.
    #[schemars(title = "Command release")]
    Release {
        /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
        #[serde(rename = "$schema")]
        schema: Option<String>,
        /// Which run is released, by whom and why, and whether traffic is moved back.
        release: Release,
    },
    /// The command `stop`: ends a run, or every run of an application, early and rolls it back.
    #[schemars(title = "Command stop")]
    Stop {
        /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
        #[serde(rename = "$schema")]
        schema: Option<String>,
        /// What is stopped (exactly one of `runId` and `application`), by whom and why.
        stop: StopCommand,
    },
    /// The command `killSwitch`: while a kill switch is engaged nothing is injected, and what was injected is rolled
    /// back.
    #[schemars(title = "Command killSwitch")]
    #[serde(rename_all = "camelCase")]
    KillSwitch {
        /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
        #[serde(rename = "$schema")]
        schema: Option<String>,
        /// What it applies to (at most one of `account`, `application` and `drill`), by whom, why and until when.
        kill_switch: KillSwitchCommand,
    },
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its path, such as `target.region`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

/// Why a delivery cannot be acted on. Nothing was recorded and nothing was touched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// It is not of the form of a request.
    #[error("the request cannot be read at `{field}`: {what}")]
    Shape {
        /// The path of the field; `.` for the whole document.
        field: String,
        /// The parser's message.
        what: String,
    },
    /// A placeholder was not filled in by the schedule or rule.
    #[error(
        "`{field}` still holds the placeholder {placeholder}: it is filled in by the schedule or rule that \
         delivers the request, so this delivery has no identity; give `runId` instead when sending by hand"
    )]
    Placeholder {
        /// The path of the field.
        field: String,
        /// The placeholder as it was delivered.
        placeholder: String,
    },
    /// It has the form of a request, but fields are out of bounds, contradict each other or are unknown.
    #[error("the request is refused: {}", list(.0))]
    Invalid(Vec<Problem>),
}

impl From<Unreadable> for ParseError {
    fn from(Unreadable { field, what }: Unreadable) -> Self {
        Self::Shape { field, what }
    }
}

/// How many problems are answered, and how long each may be: a line.
const MAX_PROBLEMS: usize = 50;
const MAX_FIELD: usize = 200;
const MAX_WHAT: usize = 400;

impl ParseError {
    /// Quotes at most a line of what was sent for each problem, and names at most 50 of them.
    fn shortened(self) -> Self {
        let short = |field: &str, what: &str| (one_line(field, MAX_FIELD), one_line(what, MAX_WHAT));
        match self {
            Self::Shape { field, what } => {
                let (field, what) = short(&field, &what);
                Self::Shape { field, what }
            }
            Self::Placeholder { field, placeholder } => {
                let (field, placeholder) = short(&field, &placeholder);
                Self::Placeholder { field, placeholder }
            }
            Self::Invalid(problems) => {
                let more = problems.len().saturating_sub(MAX_PROBLEMS);
                let mut named: Vec<Problem> = problems
                    .iter()
                    .take(MAX_PROBLEMS)
                    .map(|problem| short(&problem.field, &problem.what))
                    .map(|(field, what)| Problem { field, what })
                    .collect();
                if more > 0 {
                    let what = format!("has {more} more problems");
                    named.push(Problem { field: ".".to_owned(), what });
                }
                Self::Invalid(named)
            }
        }
    }

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

/// Reads a delivery as it was written.
///
/// # Errors
/// See [`ParseError`]: the field, what is wrong with it, and what would be right.
pub fn parse_written(document: &WrittenDocument) -> Result<Delivery, ParseError> {
    deliver(&document.value, &document.repeated).map_err(ParseError::shortened)
}

/// Reads a delivery of which nobody knows how it was written: see [`parse_written`].
///
/// # Errors
/// See [`parse_written`].
pub fn parse(document: &Value) -> Result<Delivery, ParseError> {
    deliver(document, &[]).map_err(ParseError::shortened)
}

/// Reads a document that is no delivery, such as what an application declares of itself, as strictly as a request.
///
/// # Errors
/// Each field that is unknown, missing, stands twice, is of another form or is out of bounds.
pub fn parse_document<T>(document: &WrittenDocument) -> Result<T, Vec<Problem>>
where
    T: DeserializeOwned + Serialize + Validate<Context = ()>,
{
    let WrittenDocument { value, repeated } = document;
    let mut problems = stand_twice(repeated);
    problems.extend(too_large(value));
    if !problems.is_empty() {
        return Err(problems);
    }
    let (read, mut problems) =
        read_strictly(value).map_err(|Unreadable { field, what }| vec![Problem { field, what }])?;
    problems.extend(out_of_bounds(value, &read));
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

fn deliver(document: &Value, repeated: &[String]) -> Result<Delivery, ParseError> {
    let Value::Object(fields) = document else {
        return Err(shape(".", format!("expected a JSON object, found {}", kind_of(document))));
    };
    if let Some(delivery) = command(fields, repeated)? {
        return Ok(delivery);
    }
    let mut problems = stand_twice(repeated);
    problems.extend(too_large(document));
    if !problems.is_empty() {
        return Err(ParseError::Invalid(problems));
    }
    for word in ["get", "list", "resume"] {
        let Some(value) = fields.get(word) else { continue };
        if let Some(other) = fields.keys().find(|key| ![word, "$schema"].contains(&key.as_str())) {
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
    // Only in requests: a command is no template, and `<@U024BE7LH>` is who sent it.
    if let Some((field, placeholder)) = find_placeholder(document, "") {
        return Err(ParseError::Placeholder { field, placeholder });
    }
    let (request, mut problems): (Request, _) = read_strictly(document)?;
    problems.extend(out_of_bounds(document, &request));
    problems.extend(request.problems());
    if problems.is_empty() {
        Ok(Delivery::Start(Box::new(request)))
    } else {
        Err(ParseError::Invalid(problems))
    }
}

fn stand_twice<'a>(repeated: impl IntoIterator<Item = &'a String>) -> Vec<Problem> {
    let what = "stands there twice: which one is meant, nobody can tell";
    repeated.into_iter().map(|field| Problem { field: field.clone(), what: what.to_owned() }).collect()
}

pub(super) fn shape(field: &str, what: impl Into<String>) -> ParseError {
    ParseError::Shape { field: field.to_owned(), what: what.into() }
}

/// The operator command that a document holds, if it holds one.
fn command(fields: &Map<String, Value>, repeated: &[String]) -> Result<Option<Delivery>, ParseError> {
    let Some((word, value)) = COMMANDS
        .iter()
        .find_map(|word| fields.get_key_value(*word))
        .map(|(word, value)| (word.as_str(), value))
    else {
        return Ok(None);
    };
    let others: Vec<&String> =
        fields.keys().filter(|key| ![word, "$schema"].contains(&key.as_str())).collect();
    let alone = |other: &str| Err(shape(other, format!("`{word}` stands alone, without other fields")));
    // Which of two commands comes first, nobody said.
    if let Some(other) = others.iter().find(|key| COMMANDS.contains(&key.as_str())) {
        return alone(other);
    }
    let notes = command::unread(others.iter().map(|key| one_line(key, 60)).collect());
    let delivery = match word {
        "stop" => Delivery::Stop(command::stop(value, notes)?),
        "killSwitch" => Delivery::KillSwitch(command::kill_switch(value, notes)?),
        _ => Delivery::Release(command::release(value)?),
    };
    let is_emergency =
        matches!(delivery, Delivery::Stop(_) | Delivery::KillSwitch(SwitchOrder { engage: true, .. }));
    if let Some(other) = others.first().filter(|_| !is_emergency) {
        return alone(other);
    }
    // Who sent an emergency command, and why, may stand there twice; not what it stops.
    let is_signature =
        |path: &&String| ["by", "reason"].iter().any(|field| **path == format!("{word}.{field}"));
    let unclear = stand_twice(repeated.iter().filter(|path| !(is_emergency && is_signature(path))));
    if unclear.is_empty() { Ok(Some(delivery)) } else { Err(ParseError::Invalid(unclear)) }
}

/// The words of the operator commands.
const COMMANDS: [&str; 3] = ["stop", "killSwitch", "release"];

pub(super) fn kind_of(value: &Value) -> &'static str {
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
