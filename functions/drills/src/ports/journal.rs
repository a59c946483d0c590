//! What the record holds about an alarm: the run that uses it as its trigger, and what failover functions did.

use firedrill_core::{Timestamp, failover::JournalEntry, ports::StoreError, run::RunId};

/// The record of alarms.
pub trait AlarmRecord {
    /// The open run that has registered this alarm as its trigger.
    async fn registered_run(&self, alarm: &str) -> Result<Option<RunId>, StoreError>;

    /// The failover functions' entries about changes of this alarm since then.
    async fn entries(&self, alarm: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError>;
}
