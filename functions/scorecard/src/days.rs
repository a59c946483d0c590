//! Days: calendar days in UTC.

use firedrill_core::Timestamp;
use jiff::{
    civil::Date,
    tz::{Offset, TimeZone},
};

/// The day on which a moment lies.
pub(crate) fn day_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at.to_jiff()).date()
}

/// The first moment of a day.
pub(crate) fn first_moment_of(day: Date) -> Timestamp {
    let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    // Every day but those at the end of jiff's calendar has one.
    midnight.map_or(Timestamp::LAST, |at| Timestamp::from_millis(at.as_millisecond()))
}
