//! Operator commands: `stop` and `killSwitch` are read as they are meant, `release` as it is written.
//!
//! A stop, and a kill switch that is engaged, are sent in an emergency, by a person in a hurry or by a script that somebody
//! wrote long ago. Refused, they change nothing, and a drill goes on that somebody wanted to end. So nothing about their form
//! refuses them as long as it is clear what should stop; what was not read is said in the answer. What takes protection away
//! is read strictly: a kill switch is disengaged only where it is named, and no run is released by a misspelt field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Name, NotAName, ParseError, Problem,
    parse::{kind_of, shape},
    read::read_strictly,
};
use crate::{
    Timestamp,
    kill_switch::{Scope, Switch},
    run::Stop,
    text::{cut, one_line},
};

/// How many characters of who and why are recorded.
const MAX_SIGNED: usize = 500;
/// The longest id of a run, in characters.
const MAX_RUN_ID: usize = 300;
/// How many fields that nothing reads an answer names.
const MAX_UNREAD: usize = 20;
/// Who sent a command that does not say so, and why.
const NOT_SAID: &str = "(not said)";

/// An operator's command that ends runs early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopOrder {
    /// The runs that end.
    pub what: StopWhat,
    /// The operator, and the reason.
    pub stop: Stop,
    /// What of the command was not read, or is recorded otherwise than it was sent; for the answer.
    pub notes: Vec<String>,
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
    /// What of the command was not read, or is recorded otherwise than it was sent; for the answer.
    pub notes: Vec<String>,
}

/// The fields of the command `stop`. Only the JSON Schema is made of it.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the fields")]
pub struct StopCommand {
    /// The run to stop, as `environment/application/drill/id`; 1 to 300 characters. Exactly one of `runId` and
    /// `application`.
    #[schemars(length(min = 1, max = 300))]
    run_id: Option<String>,
    /// The application whose runs are all stopped, in every environment. Exactly one of `runId` and `application`.
    application: Option<Name>,
    /// The operator who stops it; 1 to 500 characters. A longer text is cut, and one that is missing does not keep
    /// anything from being stopped.
    #[schemars(length(min = 1, max = 500))]
    by: String,
    /// Why it is stopped, for the record; 1 to 500 characters. A longer text is cut, and one that is missing does not keep
    /// anything from being stopped.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// The fields of the command `killSwitch`. Only the JSON Schema is made of it.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the fields")]
pub struct KillSwitchCommand {
    /// `true` engages the kill switch, `false` disengages it. Which one is disengaged has to be said: exactly one of
    /// `account`, `application` and `drill`. Engaging without any of them engages the account's.
    engage: bool,
    /// `true`: the kill switch of everything that this stack drills.
    #[schemars(extend("const" = true))]
    account: Option<bool>,
    /// The application it applies to, in every environment. At most one of `account`, `application` and `drill`.
    application: Option<Name>,
    /// The drill it applies to, as `environment/application/drill`. At most one of `account`, `application` and `drill`.
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
    /// The run to release, as `environment/application/drill/id`; 1 to 300 characters.
    #[schemars(length(min = 1, max = 300))]
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

/// Reads the command `release`.
pub(super) fn release(value: &Value) -> Result<Release, ParseError> {
    let below = |field: &str| if field == "." { "release".to_owned() } else { format!("release.{field}") };
    let (release, problems): (Release, _) =
        read_strictly(value).map_err(|error| shape(&below(&error.field), error.what))?;
    if !problems.is_empty() {
        let named = problems.into_iter().map(|problem| Problem { field: below(&problem.field), ..problem });
        return Err(ParseError::Invalid(named.collect()));
    }
    for (field, text, most) in [
        ("runId", &release.run_id, MAX_RUN_ID),
        ("by", &release.by, MAX_SIGNED),
        ("reason", &release.reason, MAX_SIGNED),
    ] {
        check_length(&below(field), text, most)?;
    }
    Ok(release)
}

/// That `text`, which stands at `field`, has 1 to `most` characters, not all of them white space.
fn check_length(field: &str, text: &str, most: usize) -> Result<(), ParseError> {
    if text.trim().is_empty() || text.chars().count() > most {
        return Err(shape(field, format!("must be 1 to {most} characters")));
    }
    Ok(())
}

/// Reads the command `stop`, whose value may also be the run's id alone.
pub(super) fn stop(value: &Value, notes: Vec<String>) -> Result<StopOrder, ParseError> {
    let whole;
    let fields = match value {
        Value::String(_) => {
            whole = Map::from_iter([("runId".to_owned(), value.clone())]);
            &whole
        }
        Value::Object(fields) => fields,
        _ => return Err(shape("stop", format!("expected an object, found {}", kind_of(value)))),
    };
    let mut command = Command { word: "stop", fields, notes };
    let what = match (command.text("runId")?, command.text("application")?) {
        (Some(id), None) => StopWhat::Run(run_id(&id)?),
        (None, Some(text)) => StopWhat::Application(command.name("application", &text)?),
        (None, None) | (Some(_), Some(_)) => {
            return Err(shape("stop", "names exactly one of `runId` and `application`"));
        }
    };
    command.note_unread(&["runId", "application", "by", "reason"]);
    let (by, reason) = (command.signed("by"), command.signed("reason"));
    Ok(StopOrder { what, stop: Stop { by, reason }, notes: command.notes })
}

/// Reads the command `killSwitch`.
pub(super) fn kill_switch(value: &Value, notes: Vec<String>) -> Result<SwitchOrder, ParseError> {
    const FIELDS: [&str; 7] = ["engage", "account", "application", "drill", "by", "reason", "until"];
    let Value::Object(fields) = value else {
        return Err(shape("killSwitch", format!("expected an object, found {}", kind_of(value))));
    };
    let mut command = Command { word: "killSwitch", fields, notes };
    let engage = command
        .flag("engage")?
        .ok_or_else(|| shape("killSwitch", "missing field `engage`: `true` or `false`"))?;
    let scope = command.scope()?;
    // A field that nothing reads may be a misspelt scope: then it is not clear what is meant.
    if !engage || scope.is_none() {
        command.refuse_unread(&FIELDS)?;
    }
    let scope = match scope {
        Some(scope) => scope,
        None if engage => Scope::Account,
        None => {
            return Err(shape(
                "killSwitch",
                "does not say which kill switch to disengage: name an `application` or a `drill`, or say \
                 `\"account\": true`",
            ));
        }
    };
    command.note_unread(&FIELDS);
    let (by, reason, until) = if engage {
        (command.signed("by"), command.signed("reason"), command.until())
    } else {
        (command.demanded("by")?, command.demanded("reason")?, None)
    };
    Ok(SwitchOrder { engage, switch: Switch { scope, by, reason, until }, notes: command.notes })
}

fn run_id(id: &str) -> Result<String, ParseError> {
    let id = id.trim();
    check_length("stop.runId", id, MAX_RUN_ID)?;
    Ok(id.to_owned())
}

/// The fields of one command, and what is to be said about how they were read.
struct Command<'a> {
    word: &'static str,
    fields: &'a Map<String, Value>,
    notes: Vec<String>,
}

impl Command<'_> {
    fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.word)
    }

    /// A field; none where it is missing or `null`.
    fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn text(&self, field: &str) -> Result<Option<String>, ParseError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => {
                Err(shape(&self.at(field), format!("expected a string, found {}", kind_of(other))))
            }
        }
    }

    fn flag(&self, field: &str) -> Result<Option<bool>, ParseError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => {
                Err(shape(&self.at(field), format!("expected `true` or `false`, found {}", kind_of(other))))
            }
        }
    }

    /// A name as requests have them, in whatever case: a command for a name that no request can have applies to no run.
    fn name(&self, field: &str, text: &str) -> Result<String, ParseError> {
        let refused = |why: NotAName| shape(&self.at(field), why.to_string());
        Name::try_from(text.trim().to_lowercase()).map(String::from).map_err(refused)
    }

    /// What a kill switch applies to; none if the command does not say.
    fn scope(&self) -> Result<Option<Scope>, ParseError> {
        let account = self.flag("account")?;
        if account == Some(false) {
            return Err(shape(&self.at("account"), "is `true`, or is left out"));
        }
        match (account, self.text("application")?, self.text("drill")?) {
            (None, None, None) => Ok(None),
            (Some(_), None, None) => Ok(Some(Scope::Account)),
            (None, Some(text), None) => Ok(Some(Scope::Application(self.name("application", &text)?))),
            (None, None, Some(key)) => {
                let parts: Vec<&str> = key.split('/').collect();
                if parts.len() != 3 {
                    return Err(shape(&self.at("drill"), "is of the form environment/application/drill"));
                }
                let parts: Result<Vec<String>, _> =
                    parts.into_iter().map(|part| self.name("drill", part)).collect();
                Ok(Some(Scope::Drill(parts?.join("/"))))
            }
            _ => Err(shape(self.word, "names at most one of `account`, `application` and `drill`")),
        }
    }

    /// Who sent it, or why. Whatever stands there, or nothing: it refuses no emergency command.
    fn signed(&mut self, field: &str) -> String {
        let text = match self.value(field) {
            None => String::new(),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(other) => other.to_string(),
        };
        let at = self.at(field);
        if text.is_empty() {
            self.notes.push(format!("`{at}` is missing: the record says `{NOT_SAID}`"));
            return NOT_SAID.to_owned();
        }
        if text.chars().count() > MAX_SIGNED {
            self.notes.push(format!("`{at}` is longer than {MAX_SIGNED} characters: its end is cut off"));
        }
        cut(&text, MAX_SIGNED)
    }

    /// Who sent it, or why, where that has to be said.
    fn demanded(&self, field: &str) -> Result<String, ParseError> {
        let text = self.text(field)?;
        let text =
            text.ok_or_else(|| ParseError::Shape { field: self.word.to_owned(), what: missing(field) })?;
        check_length(&self.at(field), &text, MAX_SIGNED)?;
        Ok(text)
    }

    /// When the switch ends by itself. What is no time ends nothing: the switch stays until somebody disengages it.
    fn until(&mut self) -> Option<Timestamp> {
        let value = self.value("until")?;
        let until = value.as_str().and_then(|text| text.trim().parse().ok());
        if until.is_none() {
            let shown = one_line(&value.to_string(), 60);
            let note = "is no time, such as 2026-12-24T18:00:00Z: the kill switch stays engaged until it is disengaged";
            self.notes.push(format!("`{}` ({shown}) {note}", self.at("until")));
        }
        until
    }

    fn unread<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a String> {
        self.fields.keys().filter(|key| !known.contains(&key.as_str()) && *key != "$schema")
    }

    fn note_unread(&mut self, known: &[&str]) {
        let fields = self.unread(known).map(|key| self.at(&one_line(key, 60))).collect();
        self.notes.extend(unread(fields));
    }

    fn refuse_unread(&self, known: &[&str]) -> Result<(), ParseError> {
        let problem = |key: &String| Problem {
            field: self.at(&one_line(key, 60)),
            what: "is an unknown field".to_owned(),
        };
        let problems: Vec<Problem> = self.unread(known).map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(ParseError::Invalid(problems)) }
    }
}

fn missing(field: &str) -> String {
    format!("missing field `{field}`")
}

/// What is said of the fields that an emergency command has beside those that are read. At most 20 are named.
pub(super) fn unread(fields: Vec<String>) -> Vec<String> {
    let more = fields.len().saturating_sub(MAX_UNREAD);
    let named = fields.into_iter().take(MAX_UNREAD);
    let named = named.map(|field| format!("`{field}` is an unknown field, and was not read"));
    named.chain((more > 0).then(|| format!("{more} more fields are unknown, and were not read"))).collect()
}
