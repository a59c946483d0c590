//! Incident: a real alarm on which a failover function acted, as its journal has it.

use std::collections::BTreeMap;

use firedrill_core::{
    Timestamp,
    failover::{AlarmState, Done, JournalEntry},
};

/// A real alarm on which a failover function acted. All moments are by the clocks of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The alarm.
    pub alarm_arn: String,
    /// When it went to ALARM, by CloudWatch's clock.
    pub began: Timestamp,
    /// When it was OK again, by CloudWatch's clock; none if the journal does not say so.
    pub ended: Option<Timestamp>,
    /// What the function did about it.
    pub done: Done,
    /// Why, in a sentence.
    pub why: Option<String>,
}

impl Incident {
    /// The incidents in a journal: what the failover functions noted of each change of an alarm, in any order. An alarm that a
    /// run set is none, and neither is one about which nothing was done.
    #[must_use]
    pub fn of(journal: &[JournalEntry]) -> Vec<Self> {
        let mut by_alarm: BTreeMap<&str, Vec<&JournalEntry>> = BTreeMap::new();
        for entry in journal {
            by_alarm.entry(&entry.alarm_arn).or_default().push(entry);
        }
        let mut incidents: Vec<Self> = by_alarm.into_values().flat_map(of_one_alarm).collect();
        incidents.sort_by_key(|incident| incident.began);
        incidents
    }

    /// How long it lasted, in milliseconds; none if its end is not known.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        Some(self.ended?.millis_since(self.began))
    }
}

fn of_one_alarm(mut changes: Vec<&JournalEntry>) -> Vec<Incident> {
    changes.sort_by_key(|entry| (entry.at, entry.state));
    let incident = |(index, entry): (usize, &&JournalEntry)| {
        let done = entry.done.filter(|done| matches!(done, Done::FailedOver | Done::Failed))?;
        if entry.run_id.is_some() || entry.state != AlarmState::Alarm {
            return None;
        }
        let ended = changes[index + 1..].iter().find(|later| later.state == AlarmState::Ok).map(|ok| ok.at);
        Some(Incident {
            alarm_arn: entry.alarm_arn.clone(),
            began: entry.at,
            ended,
            done,
            why: entry.why.clone(),
        })
    };
    changes.iter().enumerate().filter_map(incident).collect()
}
