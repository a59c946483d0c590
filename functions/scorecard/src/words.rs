//! Words: moments and spans, as people read them.

use firedrill_core::Timestamp;

use crate::days::day_of;

const DAY_MS: u64 = 86_400_000;

/// A date in UTC: `4 November 2026`.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y").to_string()
}

/// A date in UTC, for tables: `2026-11-04`.
pub(crate) fn iso_date(at: Timestamp) -> String {
    day_of(at).to_string()
}

/// The whole days from one moment to another: `1 day`, `12 days`, `less than a day`.
pub(crate) fn days_between(from: Timestamp, to: Timestamp) -> String {
    match to.millis_since(from) / DAY_MS {
        0 => "less than a day".to_owned(),
        days => count(days, "day"),
    }
}

/// `1 run`, `12 runs`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    count_of(number, noun, &format!("{noun}s"))
}

/// So many of what has a plural of its own: `1 item is`, `3 items are`.
pub(crate) fn count_of(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
