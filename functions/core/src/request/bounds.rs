//! Bounds of a whole document: what no field says by itself, because it is the same for all of them.

use serde_json::Value;

use super::Problem;
use crate::text::one_line;

/// The most bytes of a document, without its spaces.
const MAX_BYTES: usize = 100_000;
/// The most characters of one text: a URL or an ARN fits.
const MAX_TEXT: usize = 2_048;
/// The most characters of a field's name: a tag's key fits.
const MAX_KEY: usize = 128;
/// The most items of a list: the instances of a target fit.
const MAX_ITEMS: usize = 250;
/// The most fields of an object.
const MAX_FIELDS: usize = 100;
/// How many problems are named.
const MAX_PROBLEMS: usize = 20;

/// What of a document is larger than anything that can be meant.
pub(super) fn too_large(document: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    let bytes = serde_json::to_vec(document).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_BYTES {
        add(&mut found, "", format!("takes {bytes} bytes; at most {MAX_BYTES}"));
    }
    inside(document, "", &mut found);
    found
}

fn inside(value: &Value, at: &str, found: &mut Vec<Problem>) {
    if found.len() >= MAX_PROBLEMS {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            let length = text.chars().count();
            if length > MAX_TEXT {
                add(found, at, format!("has {length} characters; at most {MAX_TEXT}"));
            }
        }
        Value::Array(items) => {
            if items.len() > MAX_ITEMS {
                add(found, at, format!("has {} items; at most {MAX_ITEMS}", items.len()));
            }
            for (index, item) in items.iter().enumerate() {
                inside(item, &format!("{at}[{index}]"), found);
            }
        }
        Value::Object(fields) => {
            if fields.len() > MAX_FIELDS {
                add(found, at, format!("has {} fields; at most {MAX_FIELDS}", fields.len()));
            }
            for (key, field) in fields {
                let shown = one_line(key, MAX_KEY);
                let below = if at.is_empty() { shown } else { format!("{at}.{shown}") };
                if key.chars().count() > MAX_KEY {
                    add(found, &below, format!("is a name of more than {MAX_KEY} characters"));
                }
                inside(field, &below, found);
            }
        }
    }
}

fn add(found: &mut Vec<Problem>, at: &str, what: String) {
    let field = if at.is_empty() { ".".to_owned() } else { at.to_owned() };
    found.push(Problem { field, what });
}
