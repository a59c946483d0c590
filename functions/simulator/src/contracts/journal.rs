//! Journal: what failover functions did about the changes of an alarm, and which run has registered it.

use std::time::Duration;

use firedrill_core::{
    Phase, Timestamp,
    failover::{AlarmState, Claimed, Done, Journal, JournalEntry},
    ports::{Begun, Saved, Store, StoreError},
};
use firedrill_drills::ports::AlarmRecord;

use super::{Outside, StoreSubject, store};

/// The suite of [`Journal`], of [`AlarmRecord`], and of the registration of alarms in [`Store`].
///
/// # Panics
/// A promise is broken.
pub async fn journal(
    journal: &impl Journal,
    record: &impl AlarmRecord,
    runs: &impl Store,
    of: &StoreSubject,
    outside: &impl Outside,
) {
    let now = outside.now();
    let entry = new_entry(&of.alarm, now);
    only_one_invocation_acts_on_a_change(journal, &entry).await;
    what_is_concluded_never_changes(journal, &entry).await;
    entries_are_those_since_then(record, &entry).await;
    the_newest_change_is_never_an_older_one(journal, &entry).await;
    an_alarm_is_registered_for_one_run_until_it_is_finished(journal, record, runs, of).await;
}

fn new_entry(alarm: &str, at: Timestamp) -> JournalEntry {
    JournalEntry {
        alarm_arn: alarm.to_owned(),
        at,
        state: AlarmState::Alarm,
        reason: "a reason".to_owned(),
        run_id: None,
        received_at: at,
        by: "first".to_owned(),
        claimed_at: at,
        called_at: None,
        outcome: None,
        done: None,
        why: None,
        concluded_at: None,
    }
}

/// The entry as another invocation would claim it.
fn by(entry: &JournalEntry, invocation: &str) -> JournalEntry {
    JournalEntry { by: invocation.to_owned(), ..entry.clone() }
}

async fn only_one_invocation_acts_on_a_change(journal: &impl Journal, entry: &JournalEntry) {
    assert_eq!(journal.claim(entry).await, Ok(Claimed::New));
    let second = by(entry, "second");
    assert_eq!(journal.claim(&second).await, Ok(Claimed::Exists(Box::new(entry.clone()))));
    assert_eq!(journal.claim(entry).await, Ok(Claimed::New), "the same call again, whose answer was lost");
    let of_ok = JournalEntry { state: AlarmState::Ok, ..second.clone() };
    assert_eq!(journal.claim(&of_ok).await, Ok(Claimed::New), "another state is another change");

    assert_eq!(journal.take(&second, "nobody").await, Ok(false), "it is not nobody's");
    assert_eq!(journal.take(&second, "first").await, Ok(true));
    assert_eq!(journal.take(&by(entry, "third"), "first").await, Ok(false), "of two, one succeeds");
    assert_eq!(journal.take(&second, "first").await, Ok(true), "the same call again");
    let late = journal.write(entry).await;
    assert!(matches!(late, Err(StoreError::Refused(_))), "the first one was taken for dead: {late:?}");
    let theirs = Claimed::Exists(Box::new(second));
    assert_eq!(journal.claim(&by(entry, "fourth")).await, Ok(theirs), "and changes nothing");
}

async fn what_is_concluded_never_changes(journal: &impl Journal, entry: &JournalEntry) {
    let second = by(entry, "second");
    let called = JournalEntry { called_at: Some(entry.at), ..second.clone() };
    journal.write(&called).await.unwrap();
    let concluded = JournalEntry {
        done: Some(Done::FailedOver),
        why: Some("it was accepted".to_owned()),
        ..called.clone()
    };
    journal.write(&concluded).await.unwrap();
    journal.write(&concluded).await.expect("the same call again");
    let again = journal.write(&called).await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");
    assert_eq!(journal.take(&by(entry, "fifth"), "second").await, Ok(false));
    let holds = Claimed::Exists(Box::new(concluded));
    assert_eq!(journal.claim(&by(entry, "sixth")).await, Ok(holds));

    let unknown = JournalEntry { at: entry.at.plus_millis(77), ..second };
    let never_claimed = journal.write(&unknown).await;
    assert!(matches!(never_claimed, Err(StoreError::Refused(_))), "{never_claimed:?}");
}

async fn entries_are_those_since_then(record: &impl AlarmRecord, entry: &JournalEntry) {
    let found = record.entries(&entry.alarm_arn, entry.at).await.unwrap();
    let mut states: Vec<AlarmState> = found.iter().map(|one| one.state).collect();
    states.sort_by_key(ToString::to_string);
    assert_eq!(states, [AlarmState::Alarm, AlarmState::Ok], "one for each change: {found:?}");
    let later = record.entries(&entry.alarm_arn, entry.at.plus_millis(1)).await;
    assert_eq!(later, Ok(Vec::new()));
    let another = format!("{}-of-another", entry.alarm_arn);
    assert_eq!(record.entries(&another, entry.at).await, Ok(Vec::new()));
}

async fn the_newest_change_is_never_an_older_one(journal: &impl Journal, entry: &JournalEntry) {
    let alarm = &entry.alarm_arn;
    assert_eq!(journal.newest(alarm).await, Ok(None));
    journal.remember(entry).await.unwrap();
    assert_eq!(journal.newest(alarm).await, Ok(Some(entry.at)));
    let older = JournalEntry { at: entry.at - Duration::from_mins(1), ..entry.clone() };
    journal.remember(&older).await.expect("it is no error");
    assert_eq!(journal.newest(alarm).await, Ok(Some(entry.at)));
    let newer = JournalEntry { at: entry.at.plus_millis(1), ..entry.clone() };
    journal.remember(&newer).await.unwrap();
    assert_eq!(journal.newest(alarm).await, Ok(Some(newer.at)));
    assert_eq!(journal.newest(&format!("{alarm}-of-another")).await, Ok(None));
}

async fn an_alarm_is_registered_for_one_run_until_it_is_finished(
    journal: &impl Journal,
    record: &impl AlarmRecord,
    runs: &impl Store,
    of: &StoreSubject,
) {
    let [first, second] = ["registers-first", "registers-second"].map(|application| of.run(application, "1"));
    for run in [&first, &second] {
        assert_eq!(runs.begin(run, &of.request).await, Ok(Begun::Begun));
    }
    assert_eq!(journal.holder(&of.alarm).await, Ok(None), "a run that only looks registers nothing");
    let (injecting, rival) = (store::injecting(&first, &of.alarm), store::injecting(&second, &of.alarm));
    assert_eq!(runs.save(&injecting, 1).await, Ok(Saved::Saved));
    assert_eq!(journal.holder(&of.alarm).await, Ok(Some(first.run_id.clone())));
    assert_eq!(record.registered_run(&of.alarm).await, Ok(Some(first.run_id.clone())));
    let held = runs.save(&rival, 1).await;
    assert!(matches!(held, Err(StoreError::Refused(_))), "another run holds the alarm: {held:?}");
    assert_eq!(journal.run(&second.run_id).await, Ok(Some(second.clone())), "and nothing was saved");
    assert_eq!(runs.save(&store::injecting(&injecting, &of.alarm), 1).await, Ok(Saved::Conflict));

    let rolling_back = store::next(&injecting, Phase::RollingBack);
    assert_eq!(runs.save(&rolling_back, 2).await, Ok(Saved::Saved));
    assert_eq!(journal.holder(&of.alarm).await, Ok(Some(first.run_id.clone())), "until it is finished");
    assert_eq!(runs.finish(&store::finished(&rolling_back), 3).await, Ok(Saved::Saved));
    assert_eq!(journal.holder(&of.alarm).await, Ok(None));
    assert_eq!(record.registered_run(&of.alarm).await, Ok(None));
    assert_eq!(runs.save(&rival, 1).await, Ok(Saved::Saved), "now it is free");
    assert_eq!(runs.finish(&store::finished(&rival), 2).await, Ok(Saved::Saved));
}
