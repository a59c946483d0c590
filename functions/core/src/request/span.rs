//! Spans of time: a [`Duration`] inside, a whole number of one unit in JSON.
//!
//! The unit stands in the JSON field's name (`withinSeconds`, `deadlineMs`), so a reader of a request never guesses it.

use std::{borrow::Cow, fmt, time::Duration};

use garde::rules::range::{Bounds, OutOfBounds};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A span that JSON writes as a whole number of units of `UNIT_MS` milliseconds. Its bounds stand beside the field, as
/// `#[garde(range(…))]` in that unit; the JSON Schema reads them there, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span<const UNIT_MS: u64>(u32);

/// A span in milliseconds.
pub type Millis = Span<1>;
/// A span in seconds.
pub type Seconds = Span<1_000>;
/// A span in minutes.
pub type Minutes = Span<60_000>;
/// A span in days of 24 hours.
pub type Days = Span<86_400_000>;

impl<const UNIT_MS: u64> Span<UNIT_MS> {
    /// So many units.
    #[must_use]
    pub const fn new(units: u32) -> Self {
        Self(units)
    }

    /// The number that JSON shows.
    #[must_use]
    pub const fn units(self) -> u32 {
        self.0
    }

    /// The span itself.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis())
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        // 2^32 days are below 2^64 milliseconds.
        self.0 as u64 * UNIT_MS
    }
}

impl<const UNIT_MS: u64> From<Span<UNIT_MS>> for Duration {
    fn from(span: Span<UNIT_MS>) -> Self {
        span.duration()
    }
}

/// Compared with numbers of its unit, as the field's bounds are written.
impl<const UNIT_MS: u64> Bounds for Span<UNIT_MS> {
    type Size = u32;
    const MIN: u32 = u32::MIN;
    const MAX: u32 = u32::MAX;

    fn validate_bounds(&self, lower: u32, upper: u32) -> Result<(), OutOfBounds> {
        self.0.validate_bounds(lower, upper)
    }
}

impl<const UNIT_MS: u64> fmt::Display for Span<UNIT_MS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const UNIT_MS: u64> JsonSchema for Span<UNIT_MS> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_of_its_unit_in_json_and_a_duration_inside() {
        let minutes: Minutes = serde_json::from_str("15").unwrap();
        assert_eq!(minutes.duration(), Duration::from_mins(15));
        assert_eq!(serde_json::to_string(&minutes).unwrap(), "15");
        assert_eq!(Days::new(u32::MAX).millis(), u64::from(u32::MAX) * 86_400_000, "the longest one fits");
    }
}
