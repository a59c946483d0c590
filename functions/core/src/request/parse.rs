//! Deliveries: the documents that a function accepts, and the errors for any other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{
    Name, NotAName, Request,
    read::{Unreadable, out_of_bounds, read},
};
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
    /// `{"resume": runId}`: continue the run of an invocation that died. Never injects.
    Resume(String),
    /// `{"release": {"runId", "by", "reason", "failBack"}}`: an operator releases a run that is held, or whose
    /// rollback failed.
    Release(Release),
    /// `{"stop": {"runId" | "application", "by", "reason"}}`: a run, or every run of an application, ends early
    /// and is rolled back.
    Stop(StopOrder),
    /// `{"killSwitch": {"engage", "application" | "drill", "by", "reason", "until"}}`: nothing is injected, and what
    /// was injected is rolled back: everywhere, or for the named application or drill.
    KillSwitch(SwitchOrder),
}

/// An operator's command that ends runs early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopOrder {
    /// The runs that end.
    pub what: StopWhat,
    /// The operator, and the reason.
    pub stop: Stop,
}

/// The runs that a stop ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopWhat {
    /// This run.
    Run(String),
    /// Every run of this application that has begun.
    Application(String),
}

/// An operator's command that engages a kill switch, or disengages it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchOrder {
    /// `true` engages the switch, `false` disengages it.
    pub engage: bool,
    /// Its scope, the operator, the reason, and when it ends by itself.
    pub switch: Switch,
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
        /// What it applies to (at most one of `application` and `drill`; neither means everything that this stack
        /// drills), by whom, why and until when.
        kill_switch: KillSwitchCommand,
    },
}

/// The fields of the command `stop`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct StopCommand {
    /// The run to stop, as `environment/application/drill/id`; 1 to 300 characters. Exactly one of `runId` and
    /// `application`.
    #[schemars(length(min = 1, max = 300))]
    run_id: Option<String>,
    /// The application whose runs are all stopped, in every environment. Exactly one of `runId` and `application`.
    #[schemars(with = "Option<Name>")]
    application: Option<String>,
    /// The operator who stops it; 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    by: String,
    /// Why it is stopped, for the record; 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// The fields of the command `killSwitch`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct KillSwitchCommand {
    /// `true` engages the kill switch, `false` disengages it.
    engage: bool,
    /// The application it applies to, in every environment. At most one of `application` and `drill`.
    #[schemars(with = "Option<Name>")]
    application: Option<String>,
    /// The drill it applies to, as `environment/application/drill`. At most one of `application` and `drill`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{0,39}(/[a-z][a-z0-9-]{0,39}){2}$"))]
    drill: Option<String>,
    /// The operator who sends it; 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    by: String,
    /// Why it is engaged or disengaged, for the record; 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
    /// When it disengages by itself (RFC 3339); without it an operator has to disengage it.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    until: Option<Timestamp>,
}

/// An operator's command that ends a holding, or closes a run whose rollback failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Release {
    /// The run to release, as `environment/application/drill/id`.
    pub run_id: String,
    /// The operator who releases it; 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    pub by: String,
    /// Why it is released, for the record; 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
    /// `true`: continue the undo. `false` (the default): leave to operators what moves traffic.
    #[serde(default)]
    pub fail_back: bool,
    /// When the function recorded it, by that function's clock. A value in the command itself is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub given_at: Option<Timestamp>,
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

/// Reads a delivery.
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
    for word in ["release", "stop", "killSwitch"] {
        let Some(value) = fields.get(word) else { continue };
        if let Some(other) = fields.keys().find(|key| ![word, "$schema"].contains(&key.as_str())) {
            return Err(shape(other, format!("`{word}` stands alone, without other fields")));
        }
        return match word {
            "release" => {
                let release: Release = command(word, value)?;
                signed(word, &release.by, &release.reason)?;
                Ok(Delivery::Release(release))
            }
            "stop" => stop_order(word, value),
            _ => switch_order(word, value),
        };
    }
    let (request, mut problems): (Request, _) = read(document)?;
    problems.extend(out_of_bounds(document, &request));
    problems.extend(request.problems());
    if problems.is_empty() {
        Ok(Delivery::Start(Box::new(request)))
    } else {
        Err(ParseError::Invalid(problems))
    }
}

fn shape(field: &str, what: impl Into<String>) -> ParseError {
    ParseError::Shape { field: field.to_owned(), what: what.into() }
}

/// The fields of an operator command, all of which must be known.
fn command<T: serde::de::DeserializeOwned>(name: &str, value: &Value) -> Result<T, ParseError> {
    let below = |field: &str| if field == "." { name.to_owned() } else { format!("{name}.{field}") };
    let (command, unknown) = read(value).map_err(|error| shape(&below(&error.field), error.what))?;
    if unknown.is_empty() {
        return Ok(command);
    }
    let named = unknown.into_iter().map(|problem| Problem { field: below(&problem.field), ..problem });
    Err(ParseError::Invalid(named.collect()))
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

/// A name as requests have them: a command for a name that no request can have would apply to no run.
fn name(word: &str, field: &str, text: String) -> Result<String, ParseError> {
    let refused = |why: NotAName| shape(&format!("{word}.{field}"), why.to_string());
    Name::try_from(text).map(String::from).map_err(refused)
}

fn stop_order(word: &str, value: &Value) -> Result<Delivery, ParseError> {
    let StopCommand { run_id, application, by, reason } = command(word, value)?;
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
    let KillSwitchCommand { engage, application, drill, by, reason, until } = command(word, value)?;
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
