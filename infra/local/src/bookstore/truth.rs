//! Truth: when the bookstore's answers really changed, in memory for tests and as JSON lines for operators.

use std::{fs::File, io::Write as _};

use serde::Serialize;

use super::{cdn::Cdn, database::Database, routing::Color};
use crate::clock;

/// What changed for users of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The first server came up.
    Opened,
    /// The last server was lost: from here on users got no answer.
    Failed,
    /// A server took over: from here on users were served again.
    Recovered,
    /// Another server took over without an interruption.
    MovedBack,
}

/// One change of the servers' answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// When, in milliseconds since the Unix epoch, by the host's clock, which Firedrill reads as well.
    pub at_ms: i64,
    /// What changed.
    pub what: What,
    /// The server that serves since then; none if no server does.
    pub by: Option<Color>,
}

/// One change of the CDN's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CdnTruth {
    /// When, in milliseconds since the Unix epoch, by the same clock.
    pub at_ms: i64,
    /// The origin that the edges serve since then; none if it is neither of the two.
    pub edges: Option<Cdn>,
    /// Whether that origin answers.
    pub served: bool,
}

/// One change of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseTruth {
    /// When, in milliseconds since the Unix epoch, by the same clock.
    pub at_ms: i64,
    /// Whether it takes connections since then.
    pub connectable: bool,
    /// The id of the cluster's writer since then; none for an instance that is in no cluster.
    pub writer: Option<String>,
}

/// All changes. They are added under the lock that every answer takes, so that a line's time is the time of the change.
#[derive(Debug)]
pub(super) struct Diary {
    pub(super) servers: Vec<Truth>,
    pub(super) cdn: Vec<CdnTruth>,
    pub(super) database: Vec<DatabaseTruth>,
    file: File,
}

impl Diary {
    pub(super) const fn new(file: File) -> Self {
        Self { servers: Vec::new(), cdn: Vec::new(), database: Vec::new(), file }
    }

    pub(super) fn servers(&mut self, what: What, by: Option<Color>) {
        let truth = Truth { at_ms: clock::epoch_ms(), what, by };
        self.line(&truth);
        self.servers.push(truth);
    }

    /// Logs the state, unless it is the same as the last one.
    pub(super) fn cdn(&mut self, edges: Option<Cdn>, served: bool) {
        if self.cdn.last().is_some_and(|last| (last.edges, last.served) == (edges, served)) {
            return;
        }
        let truth = CdnTruth { at_ms: clock::epoch_ms(), edges, served };
        self.line(&truth);
        self.cdn.push(truth);
    }

    /// Logs the state, unless it is the same as the last one.
    pub(super) fn database(&mut self, now: &Database) {
        let same = |last: &DatabaseTruth| last.connectable == now.connectable && last.writer == now.writer;
        if self.database.last().is_some_and(same) {
            return;
        }
        let (connectable, writer) = (now.connectable, now.writer.clone());
        let truth = DatabaseTruth { at_ms: clock::epoch_ms(), connectable, writer };
        self.line(&truth);
        self.database.push(truth);
    }

    /// Appends a line. An error is ignored: the bookstore serves on without its file.
    fn line(&mut self, truth: &impl Serialize) {
        let line = serde_json::to_string(truth).unwrap_or_default();
        let _ = writeln!(self.file, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_changes_are_written_and_each_line_names_what_changed() {
        let mut file = tempfile::tempfile().unwrap();
        let mut diary = Diary::new(file.try_clone().unwrap());
        let database = |connectable, writer: &str| Database { connectable, writer: Some(writer.to_owned()) };
        diary.servers(What::Opened, Some(Color::Blue));
        for _ in 0..2 {
            diary.cdn(Some(Cdn::Primary), true);
            diary.database(&database(true, "bookstore-1"));
        }
        diary.cdn(Some(Cdn::Primary), false);
        diary.cdn(Some(Cdn::Secondary), true);
        diary.database(&database(false, "bookstore-1"));
        diary.database(&database(true, "bookstore-2"));

        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let at = line.as_object_mut().unwrap().remove("atMs").unwrap();
            assert!(at.as_i64().unwrap() > 0, "{line}");
            line
        });
        let expected = [
            json!({ "what": "opened", "by": "blue" }),
            json!({ "edges": "primary", "served": true }),
            json!({ "connectable": true, "writer": "bookstore-1" }),
            json!({ "edges": "primary", "served": false }),
            json!({ "edges": "secondary", "served": true }),
            json!({ "connectable": false, "writer": "bookstore-1" }),
            json!({ "connectable": true, "writer": "bookstore-2" }),
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        assert_eq!((diary.servers.len(), diary.cdn.len(), diary.database.len()), (1, 3, 3));
    }
}
