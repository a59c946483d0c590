//! Journal entries of the failover function about this alarm: they tie the failover to the change that caused it.

use std::time::Duration;

use firedrill_core::{
    ClockName, Measured, Run, Tristate,
    evidence::Evidence,
    failover::{AlarmState, JournalEntry},
    ports::Clock,
    trigger::is_caused_by_run,
};

use super::{AlarmDrill, AlarmDrillTarget, Cloud};

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// The entries since the injection; none if they could not be read or nothing was injected.
    pub(super) async fn journal(&self, run: &Run) -> Option<Vec<JournalEntry>> {
        let since = self.since(run.injection_began()?);
        match self.context.cloud.entries(self.target.alarm_arn.as_str(), since).await {
            Ok(journal) => Some(journal),
            Err(error) => {
                tracing::warn!(runId = %run.run_id, %error, "the failover function's journal cannot be read");
                None
            }
        }
    }

    /// The entries of this run's time, as evidence.
    pub(super) fn entries_found(run: &Run, journal: &[JournalEntry]) -> Vec<Evidence> {
        let began = run.injection_began();
        let of_this_run = journal
            .iter()
            .filter(|entry| is_ours(run, entry) || began.is_some_and(|began| entry.at >= began));
        let item = |entry: &JournalEntry| Evidence::Failover {
            at: entry.concluded_at.unwrap_or(entry.received_at),
            entry: Box::new(entry.clone()),
        };
        of_this_run.map(item).collect()
    }
}

/// Whether this entry is about the change to ALARM that this run caused.
fn is_ours(run: &Run, entry: &JournalEntry) -> bool {
    entry.state == AlarmState::Alarm && is_caused_by_run(run, entry.run_id.as_ref(), entry.at, Duration::ZERO)
}

/// Whether the failover function sent its call for this run's change, and none for any other since the injection: what failed
/// over is then this run's failover.
pub(super) fn was_called_for(run: &Run, journal: &[JournalEntry]) -> bool {
    let mut called = journal.iter().filter(|entry| entry.may_have_been_sent()).peekable();
    called.peek().is_some() && called.all(|entry| is_ours(run, entry))
}

/// Whether the failover function may have moved traffic for a change to ALARM that this run did not set, since an operator last
/// released the run: even if the run's own failover set the alarm off, traffic is then not where the run put it.
pub(super) fn was_called_for_another(run: &Run, journal: Option<&[JournalEntry]>) -> Tristate {
    let Some(journal) = journal else { return Tristate::Unknown };
    let since_release = |entry: &JournalEntry| run.released_at.is_none_or(|at| entry.at > at);
    let mut called = journal.iter().filter(|entry| entry.may_have_been_sent() && since_release(entry));
    called.any(|entry| entry.state == AlarmState::Alarm && !is_ours(run, entry)).into()
}

fn newest<'a>(run: &Run, journal: &'a [JournalEntry]) -> Option<&'a JournalEntry> {
    journal.iter().filter(|entry| is_ours(run, entry)).max_by_key(|entry| entry.at)
}

/// What the failover function wrote last about this run's change to ALARM.
pub(super) fn report(run: &Run, journal: &[JournalEntry]) -> Option<String> {
    newest(run, journal).map(JournalEntry::describe)
}

/// When the alarm changed because of this run, by CloudWatch's clock: an entry proves the change as the history does.
pub(super) fn in_place(run: &Run, journal: &[JournalEntry]) -> Option<Measured> {
    let first = journal.iter().filter(|entry| is_ours(run, entry)).min_by_key(|entry| entry.at)?;
    Some(Measured { at: first.at, clock: ClockName::CloudWatch, resolution_ms: 1_000 })
}

#[cfg(test)]
mod tests {
    use firedrill_core::{Timestamp, failover::Done, run::RunId};

    use super::{super::tests::run, *};

    fn entry(at: i64, run: Option<&RunId>, state: AlarmState, done: Option<Done>) -> JournalEntry {
        let at = Timestamp::from_millis(at);
        JournalEntry {
            alarm_arn: "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn".to_owned(),
            at,
            state,
            reason: String::new(),
            run_id: run.cloned(),
            received_at: at,
            claimed_at: at,
            by: "function".to_owned(),
            called_at: None,
            outcome: None,
            done,
            why: done.map(|_| "as it was asked".to_owned()),
            concluded_at: done.map(|_| at),
        }
    }

    #[test]
    fn only_what_the_function_says_of_our_own_change_is_said_and_proves_that_it_was_in_place() {
        let run = run("alarm");
        let other = RunId("staging/bookstore/cdn/other".to_owned());
        let foreign = [
            entry(2_000, Some(&other), AlarmState::Alarm, Some(Done::Refused)),
            entry(3_000, None, AlarmState::Alarm, Some(Done::FailedOver)),
            entry(4_000, None, AlarmState::Ok, Some(Done::Ignored)),
        ];
        assert_eq!((report(&run, &foreign), in_place(&run, &foreign)), (None, None));
        let ours = entry(1_000, Some(&run.run_id), AlarmState::Alarm, Some(Done::Failed));
        let all: Vec<JournalEntry> = foreign.into_iter().chain([ours]).collect();
        assert_eq!(report(&run, &all).as_deref(), Some("the failover function failed: as it was asked"));
        let at = in_place(&run, &all).map(|at| (at.at, at.clock));
        assert_eq!(at, Some((Timestamp::from_millis(1_000), ClockName::CloudWatch)));
    }

    #[test]
    fn an_entry_in_hand_says_so() {
        let run = run("alarm");
        let text = report(&run, &[entry(1_000, Some(&run.run_id), AlarmState::Alarm, None)]).unwrap();
        assert!(text.contains("has not concluded"), "{text}");
    }
}
