//! Reading a document: strictly for callers, leniently for whoever continues a run.
//!
//! Both read the same types. What a type does not know is listed, not refused, and the caller decides: a person who
//! misspelt a field has to be told, while a run that an earlier or later version began has to be rolled back.

use garde::Validate;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::{Problem, Request, parse::kind_of};

/// A document that does not have the form of what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at `{field}`: {what}")]
pub struct Unreadable {
    /// The field, such as `target.instances.region`; `.` for the whole document.
    pub field: String,
    /// What the parser says about it.
    pub what: String,
}

/// Reads a document; also answers the fields in it that nothing reads, as problems.
pub(super) fn read<T: DeserializeOwned>(document: &Value) -> Result<(T, Vec<Problem>), Unreadable> {
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| {
        let mut steps = Vec::new();
        steps_to(&path, &mut steps);
        unknown.push(Problem { field: field(document, &steps), what: "is an unknown field".to_owned() });
    };
    let read = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(document, &mut note));
    let read = read
        .map_err(|error| Unreadable { field: error.path().to_string(), what: error.inner().to_string() })?;
    Ok((read, unknown))
}

/// Reads a document of which every field must be written as its type is: a list is no object, although its items could be
/// taken for the fields in their order, and `null` is not the absence of a field.
pub(super) fn read_strictly<T: DeserializeOwned + Serialize>(
    document: &Value,
) -> Result<(T, Vec<Problem>), Unreadable> {
    let (value, mut problems): (T, _) = read(document)?;
    let as_written = serde_json::to_value(&value)
        .map_err(|error| Unreadable { field: ".".to_owned(), what: error.to_string() })?;
    misread(document, Some(&as_written), "", &mut problems);
    Ok((value, problems))
}

/// Where a document is of another form than what was read of it is written in.
fn misread(given: &Value, read: Option<&Value>, at: &str, found: &mut Vec<Problem>) {
    let what = match (given, read) {
        (Value::Null, None) => Some("is null: leave it out, or give it a value".to_owned()),
        (_, Some(read)) if kind_of(given) != kind_of(read) => {
            Some(format!("expected {}, found {}", kind_of(read), kind_of(given)))
        }
        _ => None,
    };
    if let Some(what) = what {
        let field = if at.is_empty() { ".".to_owned() } else { at.to_owned() };
        if !found.iter().any(|problem| problem.field == field) {
            found.push(Problem { field, what });
        }
        return;
    }
    match (given, read) {
        (Value::Object(given), Some(Value::Object(read))) => {
            for (key, value) in given {
                let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                misread(value, read.get(key), &below, found);
            }
        }
        (Value::Array(given), Some(Value::Array(read))) => {
            for (index, (given, read)) in given.iter().zip(read).enumerate() {
                misread(given, Some(read), &format!("{at}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// A request that was taken before, by whatever version: what this one does not know of it is left out, and its bounds
/// are not checked. For whoever continues a run, who has to undo what was done.
///
/// # Errors
/// [`Unreadable`]: it lacks something, or says what this version does not understand.
pub fn read_leniently(stored: &Value) -> Result<Request, Unreadable> {
    read(stored).map(|(request, _)| request)
}

/// What a value breaks of the bounds that stand beside its fields.
pub(super) fn out_of_bounds(document: &Value, value: &impl Validate<Context = ()>) -> Vec<Problem> {
    let Err(report) = value.validate() else { return Vec::new() };
    let problem = |(path, error): &(garde::Path, garde::Error)| {
        let steps = steps_of(&path.to_string());
        let field = field(document, &steps);
        let what = match at(document, &steps) {
            Some(Value::Number(number)) => format!("is {number}, which is {error}"),
            Some(_) | None => format!("is out of bounds: {error}"),
        };
        Problem { field, what }
    };
    report.iter().map(problem).collect()
}

/// One step from a value of a document to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Into the field of this name.
    Field(String),
    /// Into this element of an array; or, where an enum is written as an object of one field, into that field.
    Inside(usize),
}

fn steps_to(path: &serde_ignored::Path<'_>, steps: &mut Vec<Step>) {
    use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some};
    match path {
        Root => {}
        Seq { parent, index } => {
            steps_to(parent, steps);
            steps.push(Step::Inside(*index));
        }
        Map { parent, key } => {
            steps_to(parent, steps);
            steps.push(Step::Field(key.clone()));
        }
        Some { parent } | NewtypeStruct { parent } => steps_to(parent, steps),
        NewtypeVariant { parent } => {
            steps_to(parent, steps);
            steps.push(Step::Inside(0));
        }
    }
}

/// From a path of Rust's fields, such as `steady_state.probes[0].count`.
fn steps_of(path: &str) -> Vec<Step> {
    let parts = path.split(['.', '[']).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
            Some(index) => Step::Inside(index),
            None => Step::Field(camel_case(part)),
        })
        .collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |all, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        all + &head.to_uppercase() + tail
    })
}

/// The one field of an object that stands for an enum's variant.
fn variant(value: Option<&Value>) -> Option<(&String, &Value)> {
    value?.as_object().filter(|fields| fields.len() == 1)?.iter().next()
}

/// The value at the end of these steps.
fn at<'a>(document: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(document, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Inside(index) if value.is_array() => value.get(*index),
        Step::Inside(_) => variant(Some(value)).map(|(_, inside)| inside),
    })
}

/// The steps as a caller writes them: `target.instances.select.ids[0]`.
fn field(document: &Value, steps: &[Step]) -> String {
    let mut text = String::new();
    for (depth, step) in steps.iter().enumerate() {
        let here = at(document, &steps[..depth]);
        let name = match step {
            Step::Field(name) => Some(name),
            Step::Inside(_) if here.is_some_and(Value::is_object) => variant(here).map(|(name, _)| name),
            Step::Inside(_) => None,
        };
        match (name, step) {
            (Some(name), _) if text.is_empty() => text.push_str(name),
            (Some(name), _) => text = format!("{text}.{name}"),
            (None, Step::Inside(index)) => text = format!("{text}[{index}]"),
            (None, Step::Field(_)) => {}
        }
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
