//! `CloudWatch`: how alarms stand, and when one went off.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{AlarmHistoryItem, AlarmType, HistoryItemType, ScanBy, StateValue},
};
use firedrill_core::Timestamp;
use serde_json::Value;

use crate::{client::Connection, error::Failure};

/// As many names as `DescribeAlarms` takes.
const MOST_NAMES: usize = 100;

/// `CloudWatch` in one Region.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    reads: Client,
}

/// How an alarm stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Whether it is in ALARM. In any other state it says that nothing is known to be wrong.
    pub raised: bool,
    /// Why, in `CloudWatch`'s words.
    pub reason: String,
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
    /// `CloudWatch` in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }

    /// Those of these alarms that exist, by ARN; composite ones too.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn alarms(&self, names: &[String]) -> Result<BTreeMap<String, Alarm>, Failure> {
        let mut found = BTreeMap::new();
        for chunk in names.chunks(MOST_NAMES) {
            let call = self.reads.describe_alarms().set_alarm_names(Some(chunk.to_vec()));
            // Composite alarms are listed only if they are asked for.
            let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
            let mut pages = call.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| Failure::of("cloudwatch:DescribeAlarms", &error))?;
                for alarm in page.metric_alarms.unwrap_or_default() {
                    let raised = alarm.state_value == Some(StateValue::Alarm);
                    let reason = alarm.state_reason.unwrap_or_default();
                    found.insert(alarm.alarm_arn.unwrap_or_default(), Alarm { raised, reason });
                }
                for alarm in page.composite_alarms.unwrap_or_default() {
                    let raised = alarm.state_value == Some(StateValue::Alarm);
                    let reason = alarm.state_reason.unwrap_or_default();
                    found.insert(alarm.alarm_arn.unwrap_or_default(), Alarm { raised, reason });
                }
            }
        }
        Ok(found)
    }

    /// The first change of this alarm to ALARM since then, if there was one.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn first_raised(&self, name: &str, since: Timestamp) -> Result<Option<Raised>, Failure> {
        let call = self.reads.describe_alarm_history().alarm_name(name);
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let mut pages = call
            .history_item_type(HistoryItemType::StateUpdate)
            .start_date(DateTime::from_millis(since.as_millis()))
            .scan_by(ScanBy::TimestampAscending)
            .into_paginator()
            .send();
        let mut first: Option<Raised> = None;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of("cloudwatch:DescribeAlarmHistory", &error))?;
            for raised in page.alarm_history_items.unwrap_or_default().iter().filter_map(read) {
                // In whatever order they come.
                if raised.at >= since && first.as_ref().is_none_or(|known| raised.at < known.at) {
                    first = Some(raised);
                }
            }
        }
        Ok(first)
    }
}

/// A history item, if it is a change to ALARM.
fn read(item: &AlarmHistoryItem) -> Option<Raised> {
    let at = Timestamp::from_millis(item.timestamp()?.to_millis().ok()?);
    let summary = item.history_summary().unwrap_or_default().to_owned();
    let data = item.history_data().and_then(|data| serde_json::from_str::<Value>(data).ok());
    let new = data.as_ref().and_then(|data| data.pointer("/newState/stateValue")).and_then(Value::as_str);
    let raised = new.map_or_else(|| summary.ends_with("to ALARM"), |state| state == "ALARM");
    raised.then_some(Raised { at, summary })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(data: Option<&str>, summary: &str) -> AlarmHistoryItem {
        AlarmHistoryItem::builder()
            .timestamp(DateTime::from_millis(1_000))
            .set_history_data(data.map(str::to_owned))
            .history_summary(summary)
            .build()
    }

    #[test]
    fn a_change_to_alarm_is_read_from_the_data_or_else_from_the_summary() {
        let to_alarm = r#"{"oldState":{"stateValue":"OK"},"newState":{"stateValue":"ALARM"}}"#;
        let to_ok = r#"{"oldState":{"stateValue":"ALARM"},"newState":{"stateValue":"OK"}}"#;
        assert!(read(&item(Some(to_alarm), "")).is_some());
        assert!(read(&item(Some(to_ok), "Alarm updated from ALARM to OK")).is_none());
        assert!(read(&item(None, "Alarm updated from OK to ALARM")).is_some());
        assert!(read(&item(Some("{"), "Alarm updated from ALARM to OK")).is_none());
    }
}
