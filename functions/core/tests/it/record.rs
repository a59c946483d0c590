//! Record fixtures: heads, requests, evidence and journal entries, as earlier versions wrote them.
//!
//! A run outlives the version that began it: a deployment may replace every function in the middle of a drill, and the next
//! one has to roll that run back. From here on the files in `record/` are never changed or removed, only added. A change of
//! a type that breaks one of them needs a new layout of heads ([`LAYOUT`](firedrill_core::run::LAYOUT)).

use std::{fs, path::Path};

use firedrill_core::{Run, evidence::Evidence, failover::JournalEntry, request::read_leniently};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads a document as `T` and writes it again.
fn written_again<T: DeserializeOwned + Serialize>(document: &Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

/// A stored request is read as the watchdog reads it.
fn request_written_again(document: &Value) -> Result<Value, String> {
    let read = read_leniently(document).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

/// Lists the paths of `recorded` whose value is missing from `written` or differs there. Further keys of `written` are
/// fine: a later version may add some.
fn lost(recorded: &Value, written: &Value, path: &str, found: &mut Vec<String>) {
    match (recorded, written) {
        (Value::Object(recorded), Value::Object(written)) => {
            for (key, value) in recorded {
                let path = format!("{path}/{key}");
                match written.get(key) {
                    Some(written) => lost(value, written, &path, found),
                    None => found.push(format!("{path} is lost: it was {value}")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(written)) if recorded.len() == written.len() => {
            for (index, (value, written)) in recorded.iter().zip(written).enumerate() {
                lost(value, written, &format!("{path}/{index}"), found);
            }
        }
        _ if recorded == written => {}
        _ => found.push(format!("{path} was {recorded} and became {written}")),
    }
}

#[test]
fn what_an_earlier_version_recorded_is_always_read_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/record");
    let mut kinds = [("head", 0), ("evidence", 0), ("journal", 0), ("request", 0)];
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let recorded: Value = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
        let kind = name.split('-').next().unwrap();
        let written = match kind {
            "head" => written_again::<Run>(&recorded),
            "evidence" => written_again::<Vec<Evidence>>(&recorded),
            "journal" => written_again::<JournalEntry>(&recorded),
            "request" => request_written_again(&recorded),
            _ => panic!("{name}: no kind of record begins with {kind:?}"),
        };
        let written = written.unwrap_or_else(|why| panic!("{name} cannot be read any more: {why}"));
        let mut found = Vec::new();
        lost(&recorded, &written, "", &mut found);
        assert!(found.is_empty(), "{name}: {found:#?}");
        kinds.iter_mut().filter(|(known, _)| *known == kind).for_each(|(_, read)| *read += 1);
    }
    assert!(kinds.iter().all(|(_, read)| *read > 0), "fixtures are missing: {kinds:?}");
}
