//! When expressions of EventBridge start something.

use firedrill_core::Timestamp;
use firedrill_scorecard::{
    cadence::{Expression, StartTimes},
    input::ScheduledDrill,
};

use crate::common::{days, moment, scheduled};

fn times(expression: &str, zone: &str) -> StartTimes {
    let of = ScheduledDrill { time_zone: Some(zone.to_owned()), ..scheduled(expression) };
    StartTimes::of(&of).unwrap().unwrap()
}

/// The next times after a moment.
fn next(expression: &str, zone: &str, after: &str, number: usize) -> Vec<String> {
    let times = times(expression, zone);
    let mut at = moment(after);
    let mut next = || {
        at = times.next_after(at)?;
        Some(at.to_string())
    };
    std::iter::from_fn(&mut next).take(number).map(|at| at.replace(":00.000Z", "")).collect()
}

#[test]
fn six_fields_are_never_read_otherwise_than_aws_reads_them() {
    // From AWS's documentation: 1 is Sunday, and the other wildcards.
    for (expression, wanted) in [
        ("cron(0 10 ? * 3#1 *)", ["2026-12-01T10:00", "2027-01-05T10:00"]),
        ("cron(0 10 ? * TUE#1 *)", ["2026-12-01T10:00", "2027-01-05T10:00"]),
        ("cron(15 12 ? * MON-FRI *)", ["2026-11-30T12:15", "2026-12-01T12:15"]),
        ("cron(15 12 ? * 1 *)", ["2026-11-29T12:15", "2026-12-06T12:15"]),
        ("cron(0 18 L * ? *)", ["2026-11-30T18:00", "2026-12-31T18:00"]),
        ("cron(0 8 LW * ? *)", ["2026-11-30T08:00", "2026-12-31T08:00"]),
        ("cron(0 8 ? * 6L *)", ["2026-12-25T08:00", "2027-01-29T08:00"]),
        ("cron(0 8 ? * L *)", ["2026-11-28T08:00", "2026-12-05T08:00"]),
        // The first of August 2026 is a Saturday.
        ("cron(0 8 1W 8 ? *)", ["2027-08-02T08:00", "2028-08-01T08:00"]),
        ("cron(0/15 9 1 1 ? *)", ["2027-01-01T09:00", "2027-01-01T09:15"]),
        ("cron(5,35 14 * * ? *)", ["2026-11-28T14:05", "2026-11-28T14:35"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("cron(0 0 1 JAN ? 2028-2030)", ["2028-01-01T00:00", "2029-01-01T00:00"]),
    ] {
        assert_eq!(next(expression, "UTC", "2026-11-28T04:00:00Z", 2), wanted, "{expression}");
    }
}

#[test]
fn what_aws_refuses_is_never_read() {
    for text in [
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(0 10 1 * MON *)",
        "cron(0 10 * * ?)",
        "cron(0 0 10 * * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * 0 *)",
        "cron(0 10 ? * TUE#6 *)",
        "cron(@daily)",
        "cron(0 10 ? * +TUE *)",
        "cron(? 10 * * ? *)",
        "cron(0 10 ?,1 * 2 *)",
        "rate(0 days)",
        "rate(-1 days)",
        "rate(+1 days)",
        "rate(1 week)",
        "rate(1.5 days)",
        "rate(days)",
        "at(tomorrow)",
        "at(2026-13-01T00:00:00)",
        "cron 0 10 * * ? *",
        "rate(1 day",
        "",
        "now()",
    ] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_time_that_never_comes_never_holds_a_search_up() {
    assert!(next("cron(0 0 30 2 ? *)", "UTC", "2026-11-28T04:00:00Z", 1).is_empty());
    assert!(next("cron(0 0 1 1 ? 2020)", "UTC", "2026-11-28T04:00:00Z", 1).is_empty());
    let times = times("cron(0 0 30 2 ? *)", "UTC");
    assert_eq!(times.last_until(moment("2026-11-28T04:00:00Z")), None);
}

#[test]
fn a_change_of_the_clocks_never_starts_a_drill_twice_or_at_another_time() {
    // In Berlin, 02:30 does not exist on 28 March 2027, and is there twice on 31 October.
    let nightly = |after: &str| next("cron(30 2 * * ? *)", "Europe/Berlin", after, 3);
    assert_eq!(nightly("2027-03-27T00:00:00Z"), ["2027-03-27T01:30", "2027-03-29T00:30", "2027-03-30T00:30"]);
    assert_eq!(nightly("2027-10-30T00:00:00Z"), ["2027-10-30T00:30", "2027-10-31T00:30", "2027-11-01T01:30"]);
    let times = times("cron(30 2 * * ? *)", "Europe/Berlin");
    let first = moment("2027-10-31T00:30:00Z");
    // While the second hour passes, the first one is over.
    assert_eq!(times.last_until(moment("2027-10-31T01:10:00Z")), Some(first));
    assert_eq!(times.last_until(moment("2027-10-31T01:40:00Z")), Some(first));
    assert_eq!(times.next_after(moment("2027-10-31T01:10:00Z")), Some(moment("2027-11-01T01:30:00Z")));
}

#[test]
fn the_last_time_is_never_another_than_the_one_that_came_next_before() {
    for zone in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"] {
        for expression in
            ["cron(0 10 ? * TUE#1 *)", "cron(0/30 1-3 * * ? *)", "cron(0 2 L * ? *)", "rate(7 hours)"]
        {
            let times = times(expression, zone);
            let mut at = moment("2027-03-01T00:00:00Z");
            for _ in 0..300 {
                let next = times.next_after(at).unwrap();
                assert_eq!(times.last_until(next), Some(next), "{expression} {zone}");
                let before = Timestamp::from_millis(next.as_millis() - 1);
                assert!(times.last_until(before).is_none_or(|last| last <= at), "{expression} {zone} {next}");
                at = next;
            }
        }
    }
}

#[test]
fn nothing_ever_starts_before_a_schedule_begins_or_after_it_ends() {
    let (starts, ends) = (moment("2026-12-01T00:00:00Z"), moment("2026-12-20T00:00:00Z"));
    for expression in ["rate(7 days)", "cron(0 0 1,8,15,22 * ? *)"] {
        let of = ScheduledDrill { starts: Some(starts), ends: Some(ends), ..scheduled(expression) };
        let times = StartTimes::of(&of).unwrap().unwrap();
        assert_eq!(times.next_after(starts - days(30)), Some(starts), "{expression}");
        assert_eq!(times.last_until(starts - days(1)), None, "{expression}");
        assert_eq!(times.next_after(moment("2026-12-15T00:00:00Z")), None, "{expression}");
        assert_eq!(times.last_until(ends + days(90)), Some(moment("2026-12-15T00:00:00Z")), "{expression}");
    }
}

#[test]
fn a_rate_without_a_beginning_never_has_times() {
    let of = ScheduledDrill { created: None, ..scheduled("rate(1 day)") };
    let times = StartTimes::of(&of).unwrap().unwrap();
    assert!(!times.are_known());
    assert_eq!(times.next_after(moment("2026-12-15T00:00:00Z")), None);
}
