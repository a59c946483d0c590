//! `CloudWatch`: how alarms are set up and stand, what their history says, and what moves one.

mod alarms;
mod history;
mod metric;

use aws_sdk_cloudwatch::{Client, primitives::DateTime, types::StateValue};
use firedrill_core::{CallOutcome, Timestamp};

pub use alarms::{Alarm, AlarmSetup, Kind, MetricRule, Special};
pub use history::{ActionRecord, Raised, StateUpdate};
pub use metric::{Metric, Period};

use crate::{client::Connection, error::Failure};

/// As many characters as a `StateReason` takes (API reference, `SetAlarmState`).
const MAX_REASON: usize = 1023;

/// `CloudWatch` in one Region.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    reads: Client,
    mutating: Client,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `OK`
    Ok,
    /// `ALARM`
    Alarm,
    /// `INSUFFICIENT_DATA`
    InsufficientData,
}

impl State {
    /// As `CloudWatch` writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// From what `CloudWatch` writes; none if it is none of the three.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData].into_iter().find(|state| state.as_str() == text)
    }

    const fn value(self) -> StateValue {
        match self {
            Self::Ok => StateValue::Ok,
            Self::Alarm => StateValue::Alarm,
            Self::InsufficientData => StateValue::InsufficientData,
        }
    }
}

impl CloudWatch {
    /// `CloudWatch` in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()), mutating: Client::new(connection.mutating()) }
    }

    /// Forces this alarm to ALARM, sent once. It lasts only until the alarm is next evaluated, which may be
    /// seconds, and is then seen in the history alone; the actions are started if the state changes (API
    /// reference, `SetAlarmState`). A reason that is too long is cut at its end.
    #[cfg(feature = "inject")]
    pub async fn force(&self, name: &str, reason: &str) -> CallOutcome {
        self.set_state(name, State::Alarm, reason).await
    }

    /// Sets this alarm to OK, sent once.
    pub async fn set_back(&self, name: &str, reason: &str) -> CallOutcome {
        self.set_state(name, State::Ok, reason).await
    }

    async fn set_state(&self, name: &str, state: State, reason: &str) -> CallOutcome {
        let call = self.mutating.set_alarm_state().alarm_name(name).state_value(state.value());
        let sent = call.state_reason(cut(reason, MAX_REASON)).send().await;
        sent.map_or_else(
            |error| Failure::of("cloudwatch:SetAlarmState", &error).into_outcome(),
            |_| CallOutcome::Done,
        )
    }
}

/// The first so many characters.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| &text[..at])
}

fn moment(time: &DateTime) -> Option<Timestamp> {
    time.to_millis().ok().map(Timestamp::from_millis)
}

fn time(moment: Timestamp) -> DateTime {
    DateTime::from_millis(moment.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters_and_keeps_its_beginning() {
        assert_eq!(cut("Firedrill run [1]", MAX_REASON), "Firedrill run [1]");
        let long = cut(&"é".repeat(2000), MAX_REASON).to_owned();
        assert_eq!(long.chars().count(), MAX_REASON);
    }

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for state in [State::Ok, State::Alarm, State::InsufficientData] {
            assert_eq!(State::read(state.as_str()), Some(state));
            assert_eq!(state.value().as_str(), state.as_str());
        }
        assert_eq!(State::read("alarm"), None);
    }
}
