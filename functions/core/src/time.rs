//! Time: moments, durations and back-off. This crate never reads a clock: every moment arrives as an argument.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment, in milliseconds since the Unix epoch, within the years that `jiff` supports: -9999 to 9999. Written in records
/// as RFC 3339 in UTC, which operators can read, and which can be read again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first moment: `jiff::Timestamp::MIN`.
    pub const FIRST: Self = Self(-377_705_023_201_000);
    /// The last moment: `jiff::Timestamp::MAX`.
    pub const LAST: Self = Self(253_402_207_200_999);

    /// The moment that is this many milliseconds after the Unix epoch; the first or the last one if it lies beyond.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        if ms < Self::FIRST.0 {
            Self::FIRST
        } else if ms > Self::LAST.0 {
            Self::LAST
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0).unsigned_abs() * (self.0 > earlier.0) as u64
    }

    /// `self` moved later by `ms` milliseconds; at most the last moment.
    #[must_use]
    pub const fn plus_millis(self, ms: u64) -> Self {
        Self::from_millis(self.0.saturating_add_unsigned(ms))
    }

    /// The same moment for calendars and time zones.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        self.plus_millis(millis(span))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub_unsigned(millis(span)))
    }
}

/// The time from the earlier moment to this one; zero if the other is later.
impl Sub for Timestamp {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|at| Self(at.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A span as the record writes it: a whole number of milliseconds.
pub(crate) mod as_millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Writes the span as a number of milliseconds.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(super::millis(*span))
    }

    /// Reads a number of milliseconds.
    ///
    /// # Errors
    /// The value is no whole number of milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// A span in whole milliseconds.
#[must_use]
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The longest back-off pause of calls and pages that are retried for as long as a run is open.
pub(crate) const MAX_PAUSE: Duration = Duration::from_mins(5);

/// The back-off pause after this many attempts: `first` after the first, doubled after each further one.
pub(crate) fn backoff(first: Duration, attempts: u32) -> Duration {
    first.saturating_mul(1 << attempts.saturating_sub(1).min(16))
}

/// The clock that stamped a moment. Clocks differ, so a duration across two clocks is as precise as both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClockName {
    /// The machine that ran the run loop.
    Ours,
    /// CloudWatch: alarm history and datapoints.
    CloudWatch,
    /// RDS: event times.
    Rds,
}

/// A measured moment: its time, its clock and its resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The moment.
    pub at: Timestamp,
    /// The clock that stamped it.
    pub clock: ClockName,
    /// The true moment lies at most this long before `at`, in milliseconds.
    pub resolution_ms: u64,
}

impl Measured {
    /// A moment measured by our own clock.
    #[must_use]
    pub const fn ours(at: Timestamp, resolution_ms: u64) -> Self {
        Self { at, clock: ClockName::Ours, resolution_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_people_and_read_back_whole() {
        let at = Timestamp::from_millis(1_795_460_400_123);
        assert_eq!(at.to_string(), "2026-11-23T19:00:00.123Z");
        assert_eq!(serde_json::from_str::<Timestamp>(&serde_json::to_string(&at).unwrap()).unwrap(), at);
    }

    #[test]
    fn a_span_never_wraps() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(8));
        assert_eq!((late.millis_since(early), early.millis_since(late)), (3, 0));
        assert_eq!(late.plus_millis(u64::MAX), Timestamp::LAST);
        assert_eq!(early - Duration::MAX, Timestamp::FIRST);
    }

    #[test]
    fn no_moment_is_ever_written_as_what_cannot_be_read() {
        let ends = [jiff::Timestamp::MIN, jiff::Timestamp::MAX].map(jiff::Timestamp::as_millisecond);
        assert_eq!(ends.map(Timestamp), [Timestamp::FIRST, Timestamp::LAST]);
        for ms in [i64::MIN, ends[0] - 1, ends[0], 0, ends[1], ends[1] + 1, i64::MAX] {
            let at = Timestamp::from_millis(ms);
            assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at, "{ms}");
        }
    }
}
