//! The trigger of a drill that works through an alarm, as it was found when the run was prepared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Injection;
use crate::{Timestamp, failover::DatabaseState, request::Mode};

/// What is pulled, and what acts on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// The alarm. While the run is open, the record says that it is this run's.
    pub alarm_arn: String,
    /// What the alarm leads to: the failover function's ARN, or a health check.
    pub automation: String,
    /// How long the automation may go on acting: in mode `alarm` once the rollback is on record, in
    /// mode `metric` once the datapoints' window is over. In milliseconds.
    pub automation_ms: u64,
    /// What is published, in mode `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints: Option<Datapoints>,
    /// The database as it was, if that is what fails over: AWS then tells of the failover, not who answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseState>,
}

/// Breaching datapoints: how many at most, and for how long they count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Datapoints {
    /// The metric's namespace: a custom one.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// The alarm's unit, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The breaching value.
    pub value: serde_json::Number,
    /// 1 for alarms with periods under a minute, else 60.
    pub storage_resolution: u32,
    /// One is published this often, in milliseconds.
    pub every_ms: u64,
    /// At most so many.
    pub planned: u32,
    /// Fewer than so many never raise the alarm: one in each period that must breach. Earlier versions did
    /// not record it.
    #[serde(default = "one")]
    pub needed: u32,
    /// After the last of them, CloudWatch may go on finding the alarm breaching for so long, in milliseconds.
    pub window_ms: u64,
}

const fn one() -> u32 {
    1
}

impl Trigger {
    /// Until when the datapoints that may have been published can keep the alarm up; none without any.
    #[must_use]
    pub fn window_end(&self, injection: &Injection) -> Option<Timestamp> {
        let window_ms = self.datapoints.as_ref()?.window_ms;
        let last = injection.calls.iter().rev().find(|call| call.may_have_executed())?;
        Some(last.sent.unwrap_or(last.intended).plus_millis(window_ms))
    }

    /// Until when the automation can still act; none as long as nobody can say.
    #[must_use]
    pub fn acts_until(
        &self,
        mode: Mode,
        injection: &Injection,
        rollback_saved_at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let began = rollback_saved_at?;
        let quiet = match mode {
            // Our function reads the run right before its one call: it refuses once the rollback is on record.
            Mode::Stop | Mode::Alarm => began,
            Mode::Metric => self.window_end(injection).map_or(began, |end| end.max(began)),
        };
        Some(quiet.plus_millis(self.automation_ms))
    }
}
