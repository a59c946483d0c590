//! Row: one line of the CSV, and how its fields are written.

use std::fmt::Display;

use csv::Writer;
use firedrill_core::Timestamp;
use serde::Serialize;

use super::{
    COLUMNS,
    room::{LeftOut, Room},
};
use crate::model::Drill;

/// One row; what it does not tell is empty.
#[derive(Default)]
pub(super) struct Row<'a> {
    pub part: &'a str,
    pub application: &'a str,
    pub environment: &'a str,
    pub drill: &'a str,
    pub dependency: &'a str,
    pub name: &'a str,
    pub state: String,
    pub at: String,
    pub value: String,
    pub text: &'a str,
}

/// The whole table, as far as there is room for it.
pub(super) struct Table {
    text: Vec<u8>,
    room: Room,
}

impl Table {
    /// A table with its head.
    pub(super) fn new() -> Self {
        let mut head = Rows::new();
        head.write(COLUMNS.map(str::to_owned));
        Self { text: head.into_bytes(), room: Room::new() }
    }

    /// Adds rows that belong together, all of them or none.
    pub(super) fn add(&mut self, what: &'static str, add: impl FnOnce(&mut Rows)) {
        if self.room.is_closed(what) {
            return;
        }
        let mut rows = Rows::new();
        add(&mut rows);
        let bytes = rows.into_bytes();
        if self.room.take(what, bytes.len()) {
            self.text.extend(bytes);
        }
    }

    /// The table as text, with what was left out, of these drills too.
    pub(super) fn into_text(mut self, drills: &[Drill]) -> String {
        let mut rows = Rows::new();
        for LeftOut { what, number, why } in self.room.left_out(drills) {
            let value = number.to_string();
            rows.push(&Row { part: "leftOut", name: what, value, text: &why, ..Row::default() });
        }
        self.text.extend(rows.into_bytes());
        // Only UTF-8 went in.
        String::from_utf8(self.text).unwrap_or_else(|error| unreachable!("texts are UTF-8: {error}"))
    }
}

/// Some rows of the table.
pub(super) struct Rows(Writer<Vec<u8>>);

impl Rows {
    fn new() -> Self {
        Self(Writer::from_writer(Vec::new()))
    }

    fn into_bytes(self) -> Vec<u8> {
        let bytes = self.0.into_inner();
        bytes.unwrap_or_else(|error| unreachable!("a vector takes bytes: {}", error.error()))
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let Row { part, application, environment, drill, dependency, name, text, .. } = row;
        let names =
            [part, application, environment, drill, dependency, name].map(|field| (*field).to_owned());
        let [part, application, environment, drill, dependency, name] = names;
        let (state, at, value, text) =
            (row.state.clone(), row.at.clone(), row.value.clone(), (*text).to_owned());
        self.write([part, application, environment, drill, dependency, name, state, at, value, text]);
    }

    fn write(&mut self, fields: [String; 10]) {
        let written = self.0.write_record(fields.map(harmless));
        written.unwrap_or_else(|error| unreachable!("ten fields fit into a vector: {error}"));
    }
}

/// A field that no spreadsheet takes for a formula (OWASP, CSV Injection): it looks at the first character, and some of
/// them skip spaces before it.
fn harmless(field: String) -> String {
    let begins_formula =
        |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let is_formula = begins_formula(&field) || begins_formula(field.trim_start());
    if is_formula { format!("'{field}") } else { field }
}

/// A moment, as RFC 3339.
pub(super) fn at(moment: Timestamp) -> String {
    moment.to_string()
}

/// A value, or nothing.
pub(super) fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The word by which JSON names it.
pub(super) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_field_is_ever_taken_for_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u{a0}=1", "＝1", "\n-1"] {
            let written = harmless(text.to_owned());
            assert!(written.starts_with('\'') && written.ends_with(text), "{text:?}: {written:?}");
        }
        for text in ["", "a=1", "2026-11-23", "'", "1-2"] {
            assert_eq!(harmless(text.to_owned()), text);
        }
    }
}
