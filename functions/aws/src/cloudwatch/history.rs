//! What the history of an alarm says. It is kept for 30 days (user guide, *Alarms*).

use aws_sdk_cloudwatch::types::{AlarmHistoryItem, AlarmType, HistoryItemType, ScanBy};
use firedrill_core::Timestamp;
use serde_json::Value;

use super::{CloudWatch, State, moment, time};
use crate::error::Failure;

/// A change of an alarm's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUpdate {
    /// When, by `CloudWatch`'s clock.
    pub at: Timestamp,
    /// The state before, if the history says.
    pub from: Option<State>,
    /// The state since.
    pub to: State,
    /// Why: whoever forced the state wrote it. Empty if the history does not say.
    pub reason: String,
    /// What the history says in a sentence.
    pub summary: String,
}

/// What an alarm started, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRecord {
    /// When, by `CloudWatch`'s clock.
    pub at: Timestamp,
    /// What the history says, such as `Successfully executed action arn:…`.
    pub summary: String,
}

/// A change to ALARM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// When, by `CloudWatch`'s clock.
    pub at: Timestamp,
    /// What the history says.
    pub summary: String,
}

impl CloudWatch {
    /// The first change of this alarm to ALARM since then, if there was one.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn first_raised(&self, name: &str, since: Timestamp) -> Result<Option<Raised>, Failure> {
        let mut changes = self.changes(name, since).await?.into_iter();
        let first = changes.find(|change| change.to == State::Alarm);
        Ok(first.map(|StateUpdate { at, summary, .. }| Raised { at, summary }))
    }

    /// The changes of this alarm's state since then, the first one first. A state that was forced and
    /// lasted less than a second is among them.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn changes(&self, name: &str, since: Timestamp) -> Result<Vec<StateUpdate>, Failure> {
        let items = self.history(name, HistoryItemType::StateUpdate, since).await?;
        let mut changes: Vec<StateUpdate> = items.iter().filter_map(change).collect();
        changes.retain(|change| change.at >= since);
        changes.sort_by_key(|change| change.at);
        Ok(changes)
    }

    /// What this alarm started, or tried to, since then, the first one first.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn actions(&self, name: &str, since: Timestamp) -> Result<Vec<ActionRecord>, Failure> {
        let items = self.history(name, HistoryItemType::Action, since).await?;
        let mut acted: Vec<ActionRecord> = items.iter().filter_map(acted).collect();
        acted.retain(|acted| acted.at >= since);
        acted.sort_by_key(|acted| acted.at);
        Ok(acted)
    }

    async fn history(
        &self,
        name: &str,
        kind: HistoryItemType,
        since: Timestamp,
    ) -> Result<Vec<AlarmHistoryItem>, Failure> {
        let call = self.reads.describe_alarm_history().alarm_name(name).history_item_type(kind);
        // Without types, only metric alarms are found.
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let call = call.start_date(time(since)).scan_by(ScanBy::TimestampAscending);
        let mut pages = call.into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of("cloudwatch:DescribeAlarmHistory", &error))?;
            items.extend(page.alarm_history_items.unwrap_or_default());
        }
        Ok(items)
    }
}

/// From the data, or else from the summary: `Alarm updated from OK to ALARM`.
fn change(item: &AlarmHistoryItem) -> Option<StateUpdate> {
    let summary = item.history_summary().unwrap_or_default();
    let data = item.history_data().and_then(|data| serde_json::from_str::<Value>(data).ok());
    let said = |pointer: &str| data.as_ref()?.pointer(pointer)?.as_str();
    let (from, to) = summary.rsplit_once(" to ").unwrap_or_default();
    let from = from.rsplit_once(' ').map(|(_, from)| from);
    Some(StateUpdate {
        at: moment(item.timestamp()?)?,
        from: said("/oldState/stateValue").or(from).and_then(State::read),
        to: State::read(said("/newState/stateValue").unwrap_or(to))?,
        reason: said("/newState/stateReason").unwrap_or_default().to_owned(),
        summary: summary.to_owned(),
    })
}

fn acted(item: &AlarmHistoryItem) -> Option<ActionRecord> {
    let summary = item.history_summary().unwrap_or_default().to_owned();
    Some(ActionRecord { at: moment(item.timestamp()?)?, summary })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(data: Option<&str>, summary: &str) -> AlarmHistoryItem {
        AlarmHistoryItem::builder()
            .timestamp(time(Timestamp::from_millis(1_001)))
            .set_history_data(data.map(str::to_owned))
            .history_summary(summary)
            .build()
    }

    fn states(data: Option<&str>, summary: &str) -> Option<(Option<State>, State)> {
        change(&item(data, summary)).map(|change| (change.from, change.to))
    }

    #[test]
    fn a_change_is_read_from_the_data_or_else_from_the_summary() {
        let data = r#"{"version":"1.0",
            "oldState":{"stateValue":"OK","stateReason":"1 datapoint"},
            "newState":{"stateValue":"ALARM","stateReason":"Firedrill run [a/b] forces it"}}"#;
        let read = change(&item(Some(data), "Alarm updated from OK to ALARM")).unwrap();
        assert_eq!((read.from, read.to), (Some(State::Ok), State::Alarm));
        assert_eq!(read.reason, "Firedrill run [a/b] forces it");
        assert_eq!(read.at, Timestamp::from_millis(1_001));

        let back = "Alarm updated from ALARM to INSUFFICIENT_DATA";
        assert_eq!(states(None, back), Some((Some(State::Alarm), State::InsufficientData)));
        assert_eq!(states(Some("{"), back), Some((Some(State::Alarm), State::InsufficientData)));
        assert_eq!(states(None, back).map(|(_, to)| to == State::Alarm), Some(false));
    }

    #[test]
    fn the_data_counts_more_than_the_summary_and_what_neither_says_is_no_change() {
        let to_ok = r#"{"newState":{"stateValue":"OK"}}"#;
        assert_eq!(states(Some(to_ok), "it went to ALARM"), Some((None, State::Ok)));
        assert_eq!(states(None, "Alarm \"a\" created"), None);
        assert_eq!(states(Some(r#"{"newState":{"stateValue":"ODD"}}"#), "from OK to ALARM"), None);
    }

    #[test]
    fn an_item_without_a_time_is_no_evidence() {
        let timeless = AlarmHistoryItem::builder().history_summary("from OK to ALARM").build();
        assert_eq!((change(&timeless), acted(&timeless)), (None, None));
    }
}
