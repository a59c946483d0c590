//! The calendar, week by week.

use std::time::Duration;

use firedrill_core::{
    Outcome::{NotRecovered, ObjectiveMissed, Recovered, Skipped},
    Timestamp,
};
use firedrill_scorecard::{
    input::{DrillResult, ScheduledDrill},
    model::{Cell, Mark, Scorecard},
};

use crate::common::{days, inputs, moment, now, only, result, scheduled};

/// The calendar of a drill with these results, at this moment.
fn calendar(results: Vec<DrillResult>, at: Timestamp) -> Vec<(String, Cell)> {
    let of = ScheduledDrill { created: None, ..scheduled("rate(1 day)") };
    let scorecard = Scorecard::of(&inputs(results, vec![of]), at);
    let mondays = scorecard.weeks.iter().map(|week| week.monday.clone());
    mondays.zip(only(&scorecard).calendar.clone()).collect()
}

#[test]
fn the_last_week_is_never_another_than_this_one() {
    // Saturday; Sunday, the last moment; Monday, the first.
    for (at, monday) in [
        ("2026-11-28T04:00:00Z", "2026-11-23"),
        ("2026-11-29T23:59:59.999Z", "2026-11-23"),
        ("2026-11-30T00:00:00Z", "2026-11-30"),
    ] {
        let calendar = calendar(vec![result(moment(at), Recovered)], moment(at));
        assert_eq!((calendar.len(), calendar[52].0.as_str()), (53, monday), "{at}");
        assert_eq!(calendar[52].1.runs.len(), 1);
        assert_eq!(calendar[52].1.mark, Mark::Passed);
        assert_eq!(calendar[51].1.mark, Mark::Unknown, "nothing is known of before the first run");
    }
}

#[test]
fn a_gap_is_never_shown_as_kept_and_ends_with_the_pass() {
    // Passed on a Saturday, 70 and 14 days ago: overdue from a Saturday, 35 days ago, on.
    let calendar =
        calendar(vec![result(now() - days(70), Recovered), result(now() - days(14), Recovered)], now());
    let marks: Vec<Mark> = calendar[42..].iter().map(|(_, cell)| cell.mark).collect();
    assert_eq!(
        marks,
        [
            Mark::Passed,
            Mark::Nothing,
            Mark::Nothing,
            Mark::Nothing,
            Mark::Due,
            Mark::Overdue,
            Mark::Overdue,
            Mark::Overdue,
            Mark::Passed,
            Mark::Nothing,
            Mark::Nothing,
        ]
    );
    let passed = &calendar[50].1;
    assert_eq!(
        (passed.overdue_since, passed.overdue_until),
        (Some(now() - days(35)), Some(now() - days(14)))
    );
    assert_eq!(passed.words, "week of 2026-11-09: overdue from 2026-10-24 to 2026-11-14; 2026-11-14 passed");
    assert!(calendar[51].1.overdue_since.is_none());
}

#[test]
fn of_a_week_the_worst_is_seen_first() {
    let hours = |hours: u64| now() - Duration::from_hours(hours);
    let mark = |results: Vec<DrillResult>| calendar(results, now())[52].1.mark;
    assert_eq!(mark(vec![result(hours(3), Recovered), result(hours(1), NotRecovered)]), Mark::NotRecovered);
    assert_eq!(
        mark(vec![result(hours(3), ObjectiveMissed), result(hours(1), Recovered)]),
        Mark::ObjectiveMissed
    );
    assert_eq!(mark(vec![result(hours(3), Skipped), result(hours(1), Recovered)]), Mark::Passed);
    assert_eq!(mark(vec![result(hours(1), Skipped)]), Mark::Skipped);
    assert_eq!(mark(vec![result(now() - days(36), Recovered), result(hours(1), Skipped)]), Mark::Overdue);
}

#[test]
fn a_busy_week_never_hides_a_failure_among_its_runs() {
    let minute = Duration::from_mins(1);
    let mut results: Vec<_> = (0..100).map(|number| result(now() - minute * number, Recovered)).collect();
    results.push(result(now() - minute * 200, NotRecovered));
    let calendar = calendar(results, now());
    let cell = &calendar[52].1;
    assert_eq!((cell.runs.len(), cell.more_runs, cell.mark), (20, 81, Mark::NotRecovered));
    assert!(cell.words.ends_with("81 more runs before them"), "{}", cell.words);
}
