//! History of an alarm, which CloudWatch keeps for 30 days (user guide, *Alarms*).

use aws_sdk_cloudwatch::{
    Client,
    types::{AlarmHistoryItem, AlarmType, HistoryItemType, ScanBy},
};
use firedrill_core::Timestamp;
use firedrill_drills::ports::{ActionRecord, Next, Page, Reply, StateUpdate};
use serde_json::Value;

use super::{moment, state, time};
use crate::client::{failure, page, token};

/// One page of an alarm's history.
pub(super) async fn items(
    reads: &Client,
    name: &str,
    kind: HistoryItemType,
    since: Timestamp,
    next: Next<'_>,
) -> Reply<Page<AlarmHistoryItem>> {
    let call = reads.describe_alarm_history().alarm_name(name).history_item_type(kind);
    // Without types, the answer holds metric alarms only.
    let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
    let call = call.start_date(time(since)).scan_by(ScanBy::TimestampAscending).set_next_token(token(next));
    let answer = call.send().await.map_err(failure("cloudwatch:DescribeAlarmHistory"))?;
    Ok(page(answer.alarm_history_items.unwrap_or_default(), answer.next_token))
}

/// What an item holds beside its summary, if it is JSON.
fn data_of(item: &AlarmHistoryItem) -> Option<Value> {
    serde_json::from_str(item.history_data()?).ok()
}

/// The change in an item: from its data, or else from its summary, `Alarm updated from OK to ALARM`.
pub(super) fn change(item: &AlarmHistoryItem) -> Option<StateUpdate> {
    let summary = item.history_summary().unwrap_or_default();
    let data = data_of(item);
    let field = |pointer: &str| data.as_ref()?.pointer(pointer)?.as_str();
    let (from, to) = summary.rsplit_once(" to ").unwrap_or_default();
    let from = from.rsplit_once(' ').map(|(_, from)| from);
    Some(StateUpdate {
        at: moment(item.timestamp()?)?,
        from: field("/oldState/stateValue").or(from).and_then(state),
        to: state(field("/newState/stateValue").unwrap_or(to))?,
        reason: field("/newState/stateReason").unwrap_or_default().to_owned(),
        summary: summary.to_owned(),
    })
}

pub(super) fn action(item: &AlarmHistoryItem) -> Option<ActionRecord> {
    let summary = item.history_summary().unwrap_or_default().to_owned();
    let data = data_of(item);
    let change = data.and_then(|data| data["stateUpdateTimestamp"].as_i64()).map(Timestamp::from_millis);
    Some(ActionRecord { at: moment(item.timestamp()?)?, change, summary })
}

#[cfg(test)]
mod tests {
    use firedrill_drills::ports::AlarmState;

    use super::*;

    fn item(data: Option<&str>, summary: &str) -> AlarmHistoryItem {
        AlarmHistoryItem::builder()
            .timestamp(time(Timestamp::from_millis(1_001)))
            .set_history_data(data.map(str::to_owned))
            .history_summary(summary)
            .build()
    }

    fn states(data: Option<&str>, summary: &str) -> Option<(Option<AlarmState>, AlarmState)> {
        change(&item(data, summary)).map(|change| (change.from, change.to))
    }

    #[test]
    fn a_change_is_read_from_the_data_or_else_from_the_summary() {
        let data = r#"{"version":"1.0",
            "oldState":{"stateValue":"OK","stateReason":"1 datapoint"},
            "newState":{"stateValue":"ALARM","stateReason":"Firedrill run [a/b] forces it"}}"#;
        let read = change(&item(Some(data), "Alarm updated from OK to ALARM")).unwrap();
        assert_eq!((read.from, read.to), (Some(AlarmState::Ok), AlarmState::Alarm));
        assert_eq!(read.reason, "Firedrill run [a/b] forces it");
        assert_eq!(read.at, Timestamp::from_millis(1_001));

        let back = "Alarm updated from ALARM to INSUFFICIENT_DATA";
        assert_eq!(states(None, back), Some((Some(AlarmState::Alarm), AlarmState::InsufficientData)));
        assert_eq!(states(Some("{"), back), Some((Some(AlarmState::Alarm), AlarmState::InsufficientData)));
        assert_eq!(states(None, back).map(|(_, to)| to == AlarmState::Alarm), Some(false));
    }

    #[test]
    fn the_data_counts_more_than_the_summary_and_what_neither_says_is_no_change() {
        let to_ok = r#"{"newState":{"stateValue":"OK"}}"#;
        assert_eq!(states(Some(to_ok), "it went to ALARM"), Some((None, AlarmState::Ok)));
        assert_eq!(states(None, "Alarm \"a\" created"), None);
        assert_eq!(states(Some(r#"{"newState":{"stateValue":"ODD"}}"#), "from OK to ALARM"), None);
    }

    #[test]
    fn an_action_names_the_change_that_started_it_if_its_data_do() {
        let started = |data| action(&item(data, "Successfully executed action")).unwrap().change;
        let at = Timestamp::from_millis(1_795_428_040_123);
        assert_eq!(started(Some(r#"{"stateUpdateTimestamp":1795428040123}"#)), Some(at));
        assert_eq!((started(None), started(Some("{")), started(Some("{}"))), (None, None, None));
    }

    #[test]
    fn an_item_without_a_time_is_no_evidence() {
        let timeless = AlarmHistoryItem::builder().history_summary("from OK to ALARM").build();
        assert_eq!((change(&timeless), action(&timeless)), (None, None));
    }
}
