//! The limit of a cadence: from when it counts, on whose calendar, and what is waited for.

use std::time::Duration;

use firedrill_core::{
    Outcome::{self, NotRecovered, Recovered, Skipped},
    Timestamp, Tristate,
};
use firedrill_scorecard::{
    cadence::StartTimes,
    input::{DrillResult, Inputs, OpenRun, ScheduledDrill},
    model::{DrillKey, FindingKind, Scorecard, Standing, State},
};
use serde_json::json;

use crate::common::{days, declare, inputs, kinds, moment, now, only, result, result_of, scheduled};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const MONTHLY: &str = "cron(0 10 ? * TUE#1 *)";

/// A schedule in this time zone.
fn scheduled_in(expression: &str, zone: &str) -> ScheduledDrill {
    ScheduledDrill { time_zone: Some(zone.to_owned()), ..scheduled(expression) }
}

/// A run that was scheduled at this moment, injected 3 minutes later, and was over after 20.
fn run_of(at: Timestamp, outcome: Outcome) -> DrillResult {
    let fields = json!({ "sched": at, "inj": at + MINUTE * 3 });
    result_of("staging/bookstore/blue", at + MINUTE * 20, outcome, &fields)
}

/// The only drill has a run under way that began at this moment.
fn open(inputs: &mut Inputs, began: Timestamp) {
    let [environment, application, drill] = ["staging", "bookstore", "blue"].map(str::to_owned);
    inputs.open_runs = vec![OpenRun { key: DrillKey { environment, application, drill }, began }];
}

fn standing(inputs: &Inputs, now: Timestamp) -> Standing {
    only(&Scorecard::of(inputs, now)).cadence.standing
}

#[test]
fn a_monthly_drill_that_runs_on_time_is_never_overdue_and_one_that_does_not_always_is() {
    for zone in ["UTC", "Europe/London", "America/New_York", "Australia/Sydney"] {
        let of = scheduled_in(MONTHLY, zone);
        let times = StartTimes::of(&of).unwrap().unwrap();
        let mut at = times.next_after(moment("2026-01-01T00:00:00Z")).unwrap();
        // With a month in which there are five Tuesdays and the clocks are put back.
        while at < moment("2031-01-01T00:00:00Z") {
            let next = times.next_after(at).unwrap();
            let passed = inputs(vec![run_of(at, Recovered)], vec![of.clone()]);
            for later in [Duration::ZERO, SECOND, MINUTE * 15] {
                assert_ne!(standing(&passed, next + later), Standing::Overdue, "{zone} {next} {later:?}");
            }
            let mut under_way = passed.clone();
            open(&mut under_way, next);
            assert_ne!(standing(&under_way, next + MINUTE * 90), Standing::Overdue, "{zone} {next}");
            let is_at_limit = only(&Scorecard::of(&passed, next)).cadence.overdue_at == Some(next);
            let is_overdue = standing(&passed, next + MINUTE * 15 + SECOND) == Standing::Overdue;
            assert_eq!(is_overdue, is_at_limit, "{zone} {next}: only a gap of five weeks reaches the limit");
            at = next;
        }
    }
}

/// When a drill that passed at this moment is overdue.
fn overdue_at(passed: &str, schedules: Vec<ScheduledDrill>) -> String {
    let passed = moment(passed);
    let scorecard = Scorecard::of(&inputs(vec![result(passed, Recovered)], schedules), passed + MINUTE);
    only(&scorecard).cadence.overdue_at.unwrap().to_string()
}

#[test]
fn a_day_is_never_longer_or_shorter_than_on_the_calendar_of_the_schedule() {
    let london = || scheduled_in(MONTHLY, "Europe/London");
    let disabled = ScheduledDrill { enabled: false, ..scheduled(MONTHLY) };
    let autumn = |schedules| overdue_at("2028-10-03T09:00:00Z", schedules);
    assert_eq!(autumn(vec![london()]), "2028-11-07T10:00:00.000Z", "an hour more");
    assert_eq!(
        overdue_at("2027-03-01T10:00:00Z", vec![london()]),
        "2027-04-05T09:00:00.000Z",
        "an hour less"
    );
    assert_eq!(autumn(vec![london(), disabled.clone()]), "2028-11-07T10:00:00.000Z", "it starts nothing");
    // As UTC: none, another one beside it, a rate, and what is no time zone.
    for schedules in [
        vec![],
        vec![disabled],
        vec![london(), scheduled(MONTHLY)],
        vec![scheduled_in("rate(35 days)", "Europe/London")],
        vec![scheduled_in(MONTHLY, "Mars/Olympus")],
    ] {
        assert_eq!(autumn(schedules), "2028-11-07T09:00:00.000Z");
    }
    // 02:30 does not exist on the day of the limit, and is there twice.
    let berlin = |passed| overdue_at(passed, vec![scheduled_in("cron(30 2 * * ? *)", "Europe/Berlin")]);
    assert_eq!(berlin("2027-02-21T01:30:00Z"), "2027-03-28T01:30:00.000Z");
    assert_eq!(berlin("2027-09-26T00:30:00Z"), "2027-10-31T00:30:00.000Z");
}

#[test]
fn the_length_of_a_run_never_moves_the_limit() {
    let begin = now() - days(35);
    let passed = |fields, over: Duration| {
        let run = result_of("staging/bookstore/blue", begin + over, Recovered, &fields);
        let mut of = scheduled("rate(28 days)");
        of.created = None;
        only(&Scorecard::of(&inputs(vec![run], vec![of]), now())).cadence.overdue_at
    };
    for over in [MINUTE, MINUTE * 600] {
        assert_eq!(passed(json!({ "sched": begin, "inj": begin + SECOND }), over), Some(now()));
        assert_eq!(passed(json!({ "inj": begin }), over), Some(now()), "without a schedule");
    }
    // No run counts from after its end.
    assert_eq!(passed(json!({ "sched": begin + MINUTE * 5 }), MINUTE), Some(now() + MINUTE));
}

/// A drill that passed 35 days before its limit, which is now; nobody knows when it starts next.
fn at_its_limit() -> Inputs {
    let of = ScheduledDrill { created: None, ..scheduled("rate(28 days)") };
    inputs(vec![result(now() - days(35), Recovered)], vec![of])
}

#[test]
fn a_run_that_began_before_the_limit_is_waited_for_and_no_later_one() {
    let later = now() + MINUTE * 40;
    let under_way = |began: Timestamp| {
        let mut of = at_its_limit();
        open(&mut of, began);
        Scorecard::of(&of, later)
    };
    let waiting = under_way(now());
    let drill = only(&waiting);
    assert_eq!((drill.cadence.standing, drill.state), (Standing::Due, State::Proven));
    assert_eq!(drill.cadence.words, "due for 7 days, a run is under way");
    assert_eq!(drill.words, "proven 35 days ago and due again, a run is under way");
    assert_eq!(kinds(&waiting, "blue"), []);
    assert!(drill.calendar.iter().all(|cell| cell.overdue_since.is_none()));
    let late = under_way(now() + Duration::from_millis(1));
    assert_eq!(kinds(&late, "blue"), [FindingKind::Overdue]);
    assert_eq!(only(&late).cadence.words, "overdue for less than a day, a run is under way");
    // What begins in the future is not known yet.
    assert_eq!(kinds(&under_way(later + SECOND), "blue"), [FindingKind::Overdue]);
}

#[test]
fn once_the_run_is_over_nothing_is_waited_for() {
    let began = now() - MINUTE;
    let over = now() + MINUTE * 30;
    let after = |outcome, listed: bool| {
        let mut of = at_its_limit();
        let fields = json!({ "sched": began, "inj": began });
        of.results.push(result_of("staging/bookstore/blue", over, outcome, &fields));
        if listed {
            open(&mut of, began);
        }
        Scorecard::of(&of, over + MINUTE)
    };
    for listed in [false, true] {
        let failed = after(NotRecovered, listed);
        let drill = only(&failed);
        assert_eq!(drill.cadence.overdue_at, Some(over), "not before its end");
        assert_eq!(drill.cadence.words, "overdue for less than a day");
        assert_eq!(drill.calendar[52].overdue_since, Some(over), "nor in the calendar");
        // A pass that took until after the limit leaves no gap.
        let passed = after(Recovered, listed);
        assert_eq!(only(&passed).cadence.standing, Standing::OnTime);
        assert!(only(&passed).calendar.iter().all(|cell| cell.overdue_since.is_none()));
        assert_eq!(only(&passed).cadence.due_at, Some(began + days(28)));
    }
    // A second delivery that was skipped meanwhile ends no run; without a run it is none.
    assert_eq!(kinds(&after(Skipped, true), "blue"), []);
    assert_eq!(kinds(&after(Skipped, false), "blue"), [FindingKind::Overdue]);
}

#[test]
fn a_start_that_may_still_be_delivered_is_waited_for_until_it_was() {
    let at = now() + Duration::from_mins(10);
    let of = |flexible: u32| {
        let schedule = scheduled_in("cron(0 4 * * ? *)", "UTC");
        let schedule = ScheduledDrill { flexible_window_minutes: flexible, ..schedule };
        inputs(vec![result(now() - days(35), Recovered)], vec![schedule])
    };
    let waiting = Scorecard::of(&of(0), at);
    assert_eq!(only(&waiting).cadence.words, "due for 7 days, a run is about to begin");
    assert_eq!(standing(&of(0), at + MINUTE * 6), Standing::Overdue);
    assert_eq!(standing(&of(30), at + MINUTE * 35), Standing::Due);
    let mut skipped = of(30);
    let fields = json!({ "sched": now() });
    skipped.results.push(result_of("staging/bookstore/blue", now() + MINUTE, Skipped, &fields));
    assert_eq!(standing(&skipped, at), Standing::Overdue, "it was delivered");
}

#[test]
fn a_stage_never_falls_while_the_next_run_is_under_way() {
    let requirement = |of: &Inputs| {
        let stages = Scorecard::of(of, now() + MINUTE).stages.remove(0).stages;
        stages.into_iter().flat_map(|stage| stage.requirements).find(|of| of.id == "cadence").unwrap().met
    };
    let mut of = at_its_limit();
    declare(
        &mut of,
        &json!({
            "application": "bookstore", "owner": "team", "dependencies": [{ "name": "compute", "critical": true }]
        }),
    );
    assert_eq!(requirement(&of), Tristate::No);
    open(&mut of, now());
    assert_eq!(requirement(&of), Tristate::Yes);
    open(&mut of, now() + SECOND);
    assert_eq!(requirement(&of), Tristate::No);
}
