//! Checks a document against a JSON Schema, as far as ours go. Libraries for that change the features of what the functions
//! are built with; this one refuses a keyword that it does not know, so that it never passes over one.

use firedrill_core::Timestamp;
use serde_json::{Map, Value};

/// What only describes.
const NOTES: [&str; 5] = ["$schema", "$defs", "title", "description", "minimum"];

/// Why a document does not meet a schema; none if it does. Everything of which the schema says nothing is a reason, too: what is
/// published is described.
pub fn violation(schema: &Value, document: &Value) -> Option<String> {
    let checker = Checker { root: schema };
    checker.check(schema, document, "").or_else(|| {
        let known = checker.fields(schema, document);
        let undescribed = document.as_object()?.keys().find(|key| !known.contains(key))?;
        Some(format!("`{undescribed}` is not described"))
    })
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, document: &Value, at: &str) -> Option<String> {
        let schema = schema.as_object().expect("a schema is an object");
        schema.iter().find_map(|keyword| self.keyword(keyword, document, at))
    }

    fn keyword(&self, (keyword, value): (&String, &Value), document: &Value, at: &str) -> Option<String> {
        let fails =
            |holds: bool| (!holds).then(|| format!("{at}: {keyword} {value} does not hold of {document}"));
        match keyword.as_str() {
            "type" => fails(types(value).iter().any(|name| is_of_type(name, document))),
            "const" => fails(document == value),
            "enum" => fails(value.as_array().unwrap().contains(document)),
            "required" => {
                let names = value.as_array().unwrap();
                fails(names.iter().all(|name| document.get(name.as_str().unwrap()).is_some()))
            }
            "properties" => {
                value.as_object().unwrap().iter().find_map(|(name, schema)| {
                    self.check(schema, document.get(name)?, &format!("{at}/{name}"))
                })
            }
            "oneOf" | "anyOf" => {
                let all = value.as_array().unwrap().iter();
                let holding = all.filter(|schema| self.check(schema, document, at).is_none()).count();
                fails(if keyword == "oneOf" { holding == 1 } else { holding > 0 })
            }
            "$ref" => self.check(self.definition(value), document, at),
            "format" => format_violation(value, document).map(|why| format!("{at}: {why}")),
            other if NOTES.contains(&other) => None,
            other => panic!("{at}: this checker does not know `{other}`"),
        }
    }

    fn definition(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().unwrap().strip_prefix('#').expect("it lies in this schema");
        self.root.pointer(pointer).expect("it is there")
    }

    /// The fields that a schema describes of a document.
    fn fields<'s>(&'s self, schema: &'s Value, document: &Value) -> Vec<&'s String> {
        let own = schema["properties"].as_object().into_iter().flat_map(Map::keys);
        let referred = schema.get("$ref").map(|to| self.fields(self.definition(to), document));
        let one_of = schema["oneOf"].as_array().into_iter().flatten();
        let chosen = one_of.filter(|schema| self.check(schema, document, "").is_none());
        let chosen = chosen.flat_map(|schema| self.fields(schema, document));
        own.chain(referred.into_iter().flatten()).chain(chosen).collect()
    }

    /// As [`violation`], for what lies in one field of a document: each of its fields is described.
    fn detail(&self, document: &Value) -> Option<String> {
        let one_of = self.root["oneOf"].as_array().unwrap().iter();
        let mut chosen = one_of.filter(|schema| self.check(schema, document, "").is_none());
        let detail = &chosen.next()?["properties"]["detail"];
        let known = self.fields(detail, &document["detail"]);
        let fields = document["detail"].as_object().unwrap();
        fields.keys().find(|key| !known.contains(key)).map(|key| format!("`detail.{key}` is not described"))
    }
}

/// Why an event does not meet the schema of events, its detail included.
pub fn violation_of_event(schema: &Value, event: &Value) -> Option<String> {
    violation(schema, event).or_else(|| Checker { root: schema }.detail(event))
}

fn format_violation(format: &Value, document: &Value) -> Option<String> {
    match format.as_str().unwrap() {
        "date-time" => {
            let read = document.as_str().map(str::parse::<Timestamp>);
            (!matches!(read, Some(Ok(_)))).then(|| format!("{document} is no moment"))
        }
        "uint32" => {
            document.as_u64().is_none_or(|n| u32::try_from(n).is_err()).then(|| "too large".to_owned())
        }
        "uint64" => document.as_u64().is_none().then(|| format!("{document} is no whole number")),
        other => panic!("this checker does not know the format {other}"),
    }
}

fn types(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        _ => value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect(),
    }
}

fn is_of_type(name: &str, document: &Value) -> bool {
    match name {
        "object" => document.is_object(),
        "string" => document.is_string(),
        "integer" => document.is_u64() || document.is_i64(),
        "null" => document.is_null(),
        other => panic!("this checker does not know the type {other}"),
    }
}

#[test]
fn a_document_that_breaks_the_schema_is_never_passed_over() {
    let schema = serde_json::json!({
        "oneOf": [{
            "type": "object", "required": ["a"],
            "properties": { "a": { "$ref": "#/$defs/A" }, "b": { "type": ["integer", "null"] } }
        }],
        "$defs": { "A": { "type": "string", "format": "date-time" } }
    });
    let moment = "2026-11-28T04:00:00Z";
    assert_eq!(violation(&schema, &serde_json::json!({ "a": moment, "b": null })), None);
    for wrong in [
        serde_json::json!({ "b": 1 }),
        serde_json::json!({ "a": "soon" }),
        serde_json::json!({ "a": moment, "b": "x" }),
        serde_json::json!({ "a": moment, "c": 1 }),
        serde_json::json!([]),
    ] {
        assert!(violation(&schema, &wrong).is_some(), "{wrong}");
    }
}
