//! Reading a document strictly: what is unknown, stands twice or is of another form is named, and never guessed at.

use firedrill_core::request::{Problem, WrittenDocument};
use garde::Validate;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads a document with everything that is wrong with it.
///
/// # Errors
/// Each field that is wrong, and how; `.` is the whole document.
pub(super) fn read_strictly<T>(text: &str) -> Result<T, Vec<Problem>>
where
    T: DeserializeOwned + Serialize + Validate<Context = ()>,
{
    let WrittenDocument { value, repeated } =
        serde_json::from_str(text).map_err(|error| vec![problem(".", format!("is no JSON: {error}"))])?;
    let twice = repeated.iter().map(|field| problem(field, "stands there twice"));
    let mut problems: Vec<Problem> = twice.collect();
    let mut unknown = |path: serde_ignored::Path<'_>| {
        problems.push(problem(&path.to_string(), "is an unknown field"));
    };
    let read = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(&value, &mut unknown));
    let read: T =
        read.map_err(|error| vec![problem(&error.path().to_string(), error.inner().to_string())])?;
    let written = serde_json::to_value(&read).map_err(|error| vec![problem(".", error.to_string())])?;
    misread(&value, &written, "", &mut problems);
    if let Err(report) = read.validate() {
        problems.extend(report.iter().map(|(path, error)| {
            problem(&as_written(&path.to_string()), format!("is out of bounds: {error}"))
        }));
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

fn problem(field: &str, what: impl Into<String>) -> Problem {
    Problem { field: if field.is_empty() { ".".to_owned() } else { field.to_owned() }, what: what.into() }
}

/// Where a document is of another form than what was read of it: serde takes a list for the fields of an object, and
/// `null` for the absence of a field.
fn misread(given: &Value, read: &Value, at: &str, found: &mut Vec<Problem>) {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            for (key, value) in given {
                let below = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match read.get(key) {
                    Some(read) => misread(value, read, &below, found),
                    None if value.is_null() => found.push(problem(&below, "is null: leave it out")),
                    None => {}
                }
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            for (index, (given, read)) in given.iter().zip(read).enumerate() {
                misread(given, read, &format!("{at}[{index}]"), found);
            }
        }
        (Value::Array(_), Value::Object(_)) => found.push(problem(at, "is an array; expected an object")),
        _ => {}
    }
}

/// The path of a field as JSON names it: its bounds are checked by its name in Rust.
fn as_written(path: &str) -> String {
    let mut after_underscore = false;
    let mut written = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '_' => after_underscore = true,
            c if after_underscore => {
                written.push(c.to_ascii_uppercase());
                after_underscore = false;
            }
            c => written.push(c),
        }
    }
    written
}
