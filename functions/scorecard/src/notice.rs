//! Notice: what people are told, in words, and what programs are told, as an event: of a change in the table.
//!
//! The stream of the table delivers each change at least once, after the transaction that made it: so no notice is lost when a
//! function dies after it finished a run, and none keeps a run from being finished.
//!
//! | change | notice |
//! |---|---|
//! | a head comes into phase `checking` | a run started |
//! | a result is inserted | a run ended |
//! | a journal entry of a real alarm gets its `done`: `failed-over` or `failed` | a real incident |
//! | a marker is inserted | what the marker holds: a cadence is not kept |

mod cadence;
mod incident;
mod lines;
mod run;

pub(crate) use cadence::cadence_not_kept;

use firedrill_core::{
    Timestamp,
    result::{DrillResult, RESULT_PREFIX},
    text::one_line,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::{
    event::Event,
    ports::{EventBus, NoticeTopic},
    settings::Links,
};

/// What is told of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The subject of a message to people: 1 to 99 characters of ASCII.
    pub subject: String,
    /// The message, some 20 lines of plain text at most.
    pub text: String,
    /// The same for programs.
    pub event: Event,
}

/// One change of one item of the table, as its stream has it (`NEW_AND_OLD_IMAGES`). A deletion is none.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamChange {
    /// Whether the item was not there before.
    pub inserted: bool,
    /// Its partition key.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// The item, keys included, as plain JSON.
    pub new: Value,
    /// The item as it was before; none if it was not there.
    pub old: Option<Value>,
}

/// A change that should be told, and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the item `{pk}`, `{sk}` has changed, and what is to be told of it cannot be read: {why}")]
pub struct UnreadableChange {
    /// The partition key of the item, cut to a line.
    pub pk: String,
    /// Its sort key, cut to a line.
    pub sk: String,
    /// What is wrong with it.
    pub why: String,
}

/// What is to be told of a change; none if it is nothing to be told.
///
/// # Errors
/// [`UnreadableChange`]: it looks like something to be told, and cannot be read.
pub fn notice_of(change: &StreamChange, links: &Links) -> Result<Option<Notice>, UnreadableChange> {
    let unreadable = |why: String| UnreadableChange {
        pk: one_line(&change.pk, 200),
        sk: one_line(&change.sk, 200),
        why: one_line(&why, 500),
    };
    let (kind, key) = change.pk.split_once('#').unwrap_or_default();
    match (kind, change.sk.as_str()) {
        ("run", "head") => run::started(change, key, links),
        ("drill", sk) if change.inserted && sk.starts_with(RESULT_PREFIX) => {
            ended(change, key, links).map(Some)
        }
        ("alarm", sk) if sk.starts_with("change#") => incident::real_incident(change, key, links),
        ("marker", _) if change.inserted => marked(change).map(Some),
        _ => Ok(None),
    }
    .map_err(unreadable)
}

fn ended(change: &StreamChange, key: &str, links: &Links) -> Result<Notice, String> {
    let result = DrillResult::read(&change.new).map_err(|error| error.to_string())?;
    if result.drill_path() != key {
        return Err(format!("it is the result of run {}, and lies under another drill", result.run_id));
    }
    Ok(run::ended(&result, links))
}

/// The notice that a marker holds.
fn marked(change: &StreamChange) -> Result<Notice, String> {
    Notice::deserialize(&change.new["notice"]).map_err(|error| format!("`notice`: {error}"))
}

/// Why a notice was not sent, or not to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the notice `{subject}` was not sent: {}", .failures.join("; "))]
pub struct NotSent {
    /// The subject of the notice.
    pub subject: String,
    /// What failed, in a sentence each.
    pub failures: Vec<String>,
}

/// Sends a notice: the event to the bus, the message to the topic. A failure of one does not keep the other back, so that a
/// notice that is sent again may come twice: programs tell by the id of the event.
///
/// # Errors
/// [`NotSent`]: the event, the message or both are not known to have been taken.
pub async fn send(
    notice: &Notice,
    topic: &impl NoticeTopic,
    bus: &impl EventBus,
    now: Timestamp,
) -> Result<(), NotSent> {
    let (detail_type, detail) = notice.event.clone().into_parts();
    let event = bus.put_event(&detail_type, &detail, now).await;
    let message = topic.publish(&notice.subject, &notice.text).await;
    let failures: Vec<String> =
        [event, message].into_iter().filter_map(Result::err).map(|failure| failure.to_string()).collect();
    if failures.is_empty() {
        return Ok(());
    }
    Err(NotSent { subject: notice.subject.clone(), failures })
}
