//! Moments and spans in words.

use std::cmp::Ordering;

use firedrill_core::{ClockName, Timestamp, report::Took};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A span in words, written in one way everywhere, so that two of them compare: `4.2 s`, `42 s`, `1 min 05 s`,
/// `3 h 20 min`, `12 days`. It is rounded up: a span over a limit never reads as one within it.
pub(crate) fn span(ms: u64) -> String {
    if ms <= 10 * SECOND - 100 {
        let tenths = ms.div_ceil(100);
        return if tenths.is_multiple_of(10) {
            format!("{} s", tenths / 10)
        } else {
            format!("{}.{} s", tenths / 10, tenths % 10)
        };
    }
    let seconds = ms.div_ceil(SECOND);
    if seconds < MINUTE / SECOND {
        return format!("{seconds} s");
    }
    if seconds < HOUR / SECOND {
        return two(ms, (MINUTE, "min"), (SECOND, "s"));
    }
    if ms < 2 * DAY {
        return two(ms, (HOUR, "h"), (MINUTE, "min"));
    }
    format!("{} days", ms.div_ceil(DAY))
}

/// A span in two units: the larger one, and what is left in the smaller one, rounded up, in two digits.
fn two(ms: u64, large: (u64, &str), small: (u64, &str)) -> String {
    let whole = ms.div_ceil(small.0) * small.0;
    let (many, rest) = (whole / large.0, whole % large.0 / small.0);
    if rest == 0 {
        format!("{many} {}", large.1)
    } else {
        format!("{many} {} {rest:02} {}", large.1, small.1)
    }
}

/// By how much a measured span may have been shorter: `−1 s`; empty if it is exact. It is never torn apart at the end
/// of a line.
pub(crate) fn resolution(took: Took) -> String {
    if took.resolution_ms == 0 {
        return String::new();
    }
    format!("−{}", span(took.resolution_ms).replace(' ', "\u{a0}"))
}

/// A moment relative to another: `+42 s`, `0 s`, `−20 s`.
pub(crate) fn relative(at: Timestamp, to: Timestamp) -> String {
    match at.cmp(&to) {
        Ordering::Less => format!("−{}", span(to.millis_since(at))),
        Ordering::Equal => span(0),
        Ordering::Greater => format!("+{}", span(at.millis_since(to))),
    }
}

/// A moment with its date: `22 November 2026, 10:00:12 UTC`.
pub(crate) fn long(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// A moment in a column: `2026-11-22 10:00:12.250 UTC`.
pub(crate) fn exact(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

/// The day of a moment in UTC: `22 November 2026`.
pub(crate) fn day(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y").to_string()
}

/// The day of a moment in UTC, where there is little room: `22 Nov 2026`.
pub(crate) fn short_day(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %b %Y").to_string()
}

/// The clock that stamped a moment, in words.
pub(crate) const fn clock(clock: ClockName) -> &'static str {
    match clock {
        ClockName::Ours => "Firedrill",
        ClockName::CloudWatch => "CloudWatch",
        ClockName::Rds => "RDS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_over_a_limit_never_reads_as_one_within_it() {
        for limit in [SECOND, 120 * SECOND, 300 * SECOND, 600 * SECOND, HOUR, 3 * HOUR, DAY] {
            assert_ne!(span(limit + 1), span(limit), "{limit}");
        }
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let said =
            [0, 400, 9_900, 9_950, 42_000, 42_100, 59_001, 97_000, 600_000, HOUR * 3 + MINUTE * 20, DAY * 12];
        let words = [
            "0 s",
            "0.4 s",
            "9.9 s",
            "10 s",
            "42 s",
            "43 s",
            "1 min",
            "1 min 37 s",
            "10 min",
            "3 h 20 min",
            "12 days",
        ];
        assert_eq!(said.map(span), words);
    }

    #[test]
    fn a_longer_span_never_reads_as_a_shorter_one() {
        assert_eq!([5 * MINUTE + 4_000, 5 * MINUTE + 40_000].map(span), ["5 min 04 s", "5 min 40 s"]);
        assert_eq!([HOUR - 500, HOUR, HOUR + 1].map(span), ["1 h", "1 h", "1 h 01 min"]);
    }

    #[test]
    fn a_resolution_is_never_left_out() {
        let of = |resolution_ms| resolution(Took { ms: 97_000, resolution_ms });
        assert_eq!([of(1_000), of(0)], ["−1\u{a0}s", ""]);
    }

    #[test]
    fn a_moment_before_another_is_never_shown_as_after_it() {
        let (early, late) = (Timestamp::from_millis(0), Timestamp::from_millis(20_000));
        assert_eq!((relative(early, late).as_str(), relative(late, early).as_str()), ("−20 s", "+20 s"));
    }
}
