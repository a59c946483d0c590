//! Trigger: the alarm through which a drill works, as it was read when the run was prepared.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Injection;
use crate::{Timestamp, failover::DatabaseState, request::Mode, time::as_millis};

/// The alarm that is forced or published to, and the automation that acts on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// The alarm. It is registered for this run from the intent until the run is finished.
    pub alarm_arn: String,
    /// What the alarm leads to: the failover function's ARN, or a health check.
    pub automation: String,
    /// How long the automation may go on acting: in mode `alarm` once the rollback is on record, in
    /// mode `metric` once the datapoints' window is over.
    #[serde(rename = "automationMs", with = "as_millis")]
    pub acts_for: Duration,
    /// How long the automation may go on acting on the alarm after it went off without naming the run: with a failover
    /// function, the age up to which that takes a change, and its timeout. Recorded where a failover of the run may set the
    /// alarm off, which is a database's; earlier versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_on_rise_ms: Option<u64>,
    /// What is published, in mode `metric`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapoints: Option<Datapoints>,
    /// The database before the injection, if that is what fails over: RDS then shows the failover, not an identity
    /// probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseState>,
    /// How soon the steady state must hold after the alarm has gone off once more by itself, for that rise to be the
    /// failover's: the periods that the alarm evaluates, and two more. None if it has no periods of its own: such a rise is
    /// then a real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_within_ms: Option<u64>,
}

/// The breaching datapoints that mode `metric` publishes: how many at most, and how long they count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Datapoints {
    /// The metric's namespace: a custom one.
    pub namespace: String,
    /// The metric's name.
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
    /// The interval between two datapoints.
    #[serde(rename = "everyMs", with = "as_millis")]
    pub every: Duration,
    /// The most datapoints that are published.
    pub planned: u32,
    /// The fewest datapoints that can raise the alarm: one in each period that must breach. Earlier versions did not
    /// record it: 1.
    #[serde(default = "one")]
    pub needed: u32,
    /// How long after the last datapoint CloudWatch may still find the alarm breaching.
    #[serde(rename = "windowMs", with = "as_millis")]
    pub window: Duration,
}

const fn one() -> u32 {
    1
}

impl Trigger {
    /// See `steady_within_ms`; none if what fails over is no database.
    #[must_use]
    pub fn steady_within(&self) -> Option<Duration> {
        self.database.as_ref().and(self.steady_within_ms).map(Duration::from_millis)
    }

    /// See `acts_on_rise_ms`; as long as otherwise if it is not on record.
    #[must_use]
    pub fn acts_on_rise_for(&self) -> Duration {
        self.acts_on_rise_ms.map_or(self.acts_for, Duration::from_millis)
    }

    /// Until when the datapoints that may have been published can keep the alarm in ALARM; none without datapoints.
    #[must_use]
    pub fn window_end(&self, injection: &Injection) -> Option<Timestamp> {
        let window = self.datapoints.as_ref()?.window;
        let last = injection.calls.iter().rev().find(|call| call.may_have_executed())?;
        Some(last.sent.unwrap_or(last.intended) + window)
    }

    /// Until when the automation can still act; none before the rollback is on record, because no end is known until
    /// then.
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
        Some(quiet + self.acts_for)
    }
}
