//! What most of these tests do and look at.

use firedrill_core::failover::{AlarmChange, AlarmState, Done, JournalEntry};
use firedrill_simulator::{
    FailoverCase, Place,
    failover_case::{Attempt, Delivery, LogLine},
};
use serde_json::Value;

pub const CROSSED: &str =
    "Threshold Crossed: 2 out of the last 2 datapoints were less than the threshold (1.0).";
pub const WELL: &str = "Threshold Crossed: 2 datapoints were not less than the threshold (1.0).";

/// The alarm goes off, and its change is delivered once, with Lambda's retries.
pub fn goes_off(case: &mut FailoverCase) -> (AlarmChange, Delivery) {
    let change = case.change(AlarmState::Alarm, CROSSED);
    let delivery = case.deliver(&change);
    (change, delivery)
}

/// The same, answered by the first invocation; the journal's entry.
pub fn handled_at_once(case: &mut FailoverCase) -> JournalEntry {
    let (change, delivery) = goes_off(case);
    assert!(matches!(delivery.attempts[..], [Attempt::Answered(_)]), "{:#?}", delivery.attempts);
    case.entry(&change)
}

/// Refused for this reason: recorded and paged, no call sent, nothing moved.
pub fn refused(case: &mut FailoverCase, because: &str) {
    let before = case.place();
    let entry = handled_at_once(case);
    assert_eq!((entry.done, entry.called_at), (Some(Done::Refused), None), "{entry:#?}");
    assert!(why(&entry).contains(because), "{entry:#?}");
    assert!(case.calls().is_empty(), "{:#?}", case.calls());
    assert_eq!(case.place(), before);
    let told = case.pages();
    assert!(told.len() == 1 && told[0].contains(because), "{told:#?}");
}

/// The journal has one entry, `failed-over`; one call was sent, and the standby serves.
pub fn failed_over_once(case: &FailoverCase) {
    let journal = case.journal();
    let done: Vec<_> = journal.iter().map(|entry| entry.done).collect();
    assert_eq!(done, [Some(Done::FailedOver)], "{journal:#?}");
    assert_eq!(case.calls().len(), 1, "{:#?}", case.calls());
    assert_eq!(case.place(), Place::Standby);
}

pub fn nothing_moved(case: &FailoverCase) {
    assert!(case.calls().is_empty(), "{:#?}", case.calls());
    assert_eq!(case.place(), Place::Primary);
}

/// Why the entry was concluded as it was.
pub fn why(entry: &JournalEntry) -> &str {
    entry.why.as_deref().unwrap_or_default()
}

/// The function's answer about the one change of an event.
pub fn answer(attempt: &Attempt) -> &Value {
    let Attempt::Answered(answer) = attempt else { panic!("{attempt:#?}") };
    let changes = answer["changes"].as_array().expect("an answer has changes");
    assert_eq!(changes.len(), 1, "{answer:#}");
    &changes[0]
}

/// The stable name of the function's own error.
pub fn error(attempt: &Attempt) -> &str {
    let Attempt::Failed(error) = attempt else { panic!("{attempt:#?}") };
    error.name
}

/// A line of the log that contains all of these.
pub fn logged(case: &FailoverCase, words: &[&str]) -> LogLine {
    let log = case.log();
    let found = log.iter().find(|line| words.iter().all(|word| line.text.contains(word)));
    found.unwrap_or_else(|| panic!("nothing says {words:?}: {log:#?}")).clone()
}
