//! When a drill is due and overdue, and what keeps it from passing.

use std::time::Duration;

use firedrill_core::Outcome::{
    Inconclusive, NotInjected, ObjectiveMissed, Recovered, RollbackFailed, Skipped,
};
use firedrill_scorecard::{
    cadence::{grace_days, overdue_after_days},
    input::{Inputs, ScheduledDrill},
    model::{FindingKind, Scorecard, Standing, State},
};
use serde_json::json;

use crate::common::{
    days, inputs, kinds, moment, now, only, read, request, result, result_of, scheduled, scheduled_with,
};

const SECOND: Duration = Duration::from_secs(1);

/// The standing and the state so long after the last pass.
fn after_pass(every_days: u32, passed_ago: Duration) -> (Standing, State) {
    let scheduled = scheduled_with("rate(1 day)", &[("/cadence/everyDays", json!(every_days))]);
    let scorecard =
        Scorecard::of(&inputs(vec![result(now() - passed_ago, Recovered)], vec![scheduled]), now());
    let drill = only(&scorecard);
    assert_eq!(drill.state == State::Stale, kinds(&scorecard, "blue").contains(&FindingKind::Overdue));
    (drill.cadence.standing, drill.state)
}

#[test]
fn an_overdue_drill_is_never_shown_as_proven_and_one_in_its_grace_never_as_overdue() {
    let (due, overdue) = (days(28), days(35));
    assert_eq!(after_pass(28, days(28).checked_sub(SECOND).unwrap()), (Standing::OnTime, State::Proven));
    assert_eq!(after_pass(28, due), (Standing::Due, State::Proven));
    assert_eq!(after_pass(28, overdue), (Standing::Due, State::Proven));
    assert_eq!(after_pass(28, overdue + Duration::from_millis(1)), (Standing::Overdue, State::Stale));
    assert_eq!(after_pass(28, overdue + SECOND), (Standing::Overdue, State::Stale));
}

#[test]
fn the_grace_is_never_longer_than_a_week_or_shorter_than_a_day() {
    let graces = [1, 2, 4, 5, 7, 14, 28, 29, 90, 366].map(grace_days);
    assert_eq!(graces, [1, 1, 1, 2, 2, 4, 7, 7, 7, 7]);
    for every in 1..=366 {
        let after = u64::from(overdue_after_days(every));
        assert!(after <= u64::from(Inputs::DAYS), "{every}: a pass may be older than what is read");
        assert_eq!(after_pass(every, days(after)).0, Standing::Due, "{every}");
        assert_eq!(after_pass(every, days(after) + SECOND).0, Standing::Overdue, "{every}");
    }
}

#[test]
fn what_did_not_pass_never_keeps_a_cadence() {
    for outcome in [ObjectiveMissed, RollbackFailed, Inconclusive, NotInjected, Skipped] {
        let results = vec![result(now() - days(36), Recovered), result(now() - days(1), outcome)];
        let scorecard = Scorecard::of(&inputs(results, vec![scheduled("rate(28 days)")]), now());
        assert_eq!(only(&scorecard).cadence.standing, Standing::Overdue, "{outcome}");
    }
}

#[test]
fn a_drill_that_never_ran_is_never_silent() {
    let mut young = scheduled("rate(28 days)");
    young.created = Some(now() - days(20));
    let scorecard = Scorecard::of(&inputs(Vec::new(), vec![young.clone()]), now());
    assert_eq!(only(&scorecard).state, State::NeverTried);
    assert_eq!(kinds(&scorecard, "blue"), [FindingKind::NeverRun]);
    // From when it should have passed, it is overdue as well.
    let later = Scorecard::of(&inputs(Vec::new(), vec![young]), now() + days(15) + SECOND);
    assert_eq!(only(&later).words, "never tried, overdue less than a day");
    assert!(kinds(&later, "blue").contains(&FindingKind::Overdue));
    // Of a rule nobody knows when it was created.
    let mut rule = scheduled("cron(0 10 ? * TUE#1 *)");
    rule.created = None;
    let scorecard = Scorecard::of(&inputs(Vec::new(), vec![rule]), now());
    assert_eq!(only(&scorecard).cadence.standing, Standing::NeverPassed);
    assert_eq!(kinds(&scorecard, "blue"), [FindingKind::NeverRun]);
}

#[test]
fn a_drill_that_only_ever_failed_is_overdue_from_its_first_run() {
    let results = vec![result(now() - days(36), ObjectiveMissed), result(now() - days(2), ObjectiveMissed)];
    let mut of = scheduled("rate(28 days)");
    of.created = None;
    let scorecard = Scorecard::of(&inputs(results, vec![of]), now());
    assert_eq!(only(&scorecard).words, "failing since 23 October 2026, overdue 1 day");
}

/// What is open for a drill that passed a day ago with these schedules.
fn findings(drills: Vec<ScheduledDrill>) -> Vec<FindingKind> {
    kinds(&Scorecard::of(&inputs(vec![result(now() - days(1), Recovered)], drills), now()), "blue")
}

#[test]
fn a_paused_drill_is_never_taken_for_one_that_runs() {
    let paused = ScheduledDrill { enabled: false, ..scheduled("rate(28 days)") };
    assert_eq!(findings(vec![paused.clone()]), [FindingKind::Disabled]);
    let scorecard =
        Scorecard::of(&inputs(vec![result(now() - days(1), Recovered)], vec![paused.clone()]), now());
    assert_eq!(only(&scorecard).cadence.next_run, None);
    // A second way in may be disabled.
    assert_eq!(findings(vec![paused, scheduled("rate(28 days)")]), []);
}

#[test]
fn a_schedule_that_only_plans_never_counts_as_one_that_drills() {
    let plans = scheduled_with("rate(28 days)", &[("/execute", json!(false))]);
    assert_eq!(findings(vec![plans]), [FindingKind::OnlyPlanned]);
}

#[test]
fn a_schedule_that_is_rarer_than_the_cadence_is_never_missed() {
    let with = |expression: &str, every: u32| {
        findings(vec![scheduled_with(expression, &[("/cadence/everyDays", json!(every))])])
    };
    let rarer = [FindingKind::ScheduledTooRarely];
    for (expression, every) in [
        ("rate(36 days)", 28),
        ("cron(0 10 1 * ? *)", 7),
        ("cron(0 10 1 */2 ? *)", 28),
        ("cron(0 10 1 1,2,3,4,5,6,7,8,9,10,12 ? *)", 28),
        ("cron(0 10 ? * TUE#5 *)", 28),
        ("cron(0 10 29 2 ? *)", 366),
        ("cron(0 10 1 1 ? 2027/2)", 366),
        // Every minute of one day a year.
        ("cron(* * 1 6 ? *)", 28),
    ] {
        assert_eq!(with(expression, every), rarer, "{expression}, every {every} days");
    }
    for (expression, every) in [
        ("rate(35 days)", 28),
        ("rate(5 minutes)", 1),
        ("cron(0 10 1 * ? *)", 28),
        ("cron(0 10 ? * TUE#1 *)", 28),
        ("cron(0 10 1 1 ? *)", 366),
        ("cron(0 10 1 1,7 ? *)", 180),
        ("cron(* * * * ? *)", 1),
    ] {
        assert_eq!(with(expression, every), [], "{expression}, every {every} days");
    }
}

#[test]
fn two_schedules_that_are_often_enough_together_are_never_called_rare() {
    let halves = ["cron(0 10 1 1/2 ? *)", "cron(0 10 1 2/2 ? *)"].map(scheduled);
    assert_eq!(findings(halves.to_vec()), []);
    assert_eq!(findings(halves[..1].to_vec()), [FindingKind::ScheduledTooRarely]);
}

#[test]
fn a_rate_without_a_beginning_is_still_held_against_the_cadence() {
    let rule = |expression: &str| ScheduledDrill { created: None, ..scheduled(expression) };
    assert_eq!(findings(vec![rule("rate(28 days)")]), []);
    assert_eq!(findings(vec![rule("rate(36 days)")]), [FindingKind::ScheduledTooRarely]);
}

#[test]
fn a_schedule_that_has_ended_is_never_waited_for() {
    let ended = ScheduledDrill { ends: Some(now() - days(3)), ..scheduled("rate(28 days)") };
    assert_eq!(findings(vec![ended]), [FindingKind::ScheduleEnded]);
    assert_eq!(findings(vec![scheduled("at(2026-11-20T10:00:00)")]), [FindingKind::ScheduleEnded]);
    assert_eq!(findings(vec![scheduled("at(2026-12-20T10:00:00)")]), [FindingKind::ScheduledTooRarely]);
    // Nor is one that begins too late.
    assert_eq!(findings(vec![scheduled("at(2027-06-01T10:00:00)")]), [FindingKind::ScheduledTooRarely]);
    let late = ScheduledDrill { starts: Some(now() + days(60)), ..scheduled("cron(0 10 * * ? *)") };
    assert_eq!(findings(vec![late]), [FindingKind::ScheduledTooRarely]);
}

#[test]
fn a_schedule_that_never_meets_its_windows_is_never_taken_for_a_kept_promise() {
    let window =
        |zone: &str| json!([{ "days": ["tuesday"], "from": "09:00", "to": "16:00", "timeZone": zone }]);
    let with = |expression: &str, zone: &str, flexible: u32| {
        let mut document = request();
        document["windows"] = window(zone);
        let request = Ok(read(&document));
        findings(vec![ScheduledDrill { request, flexible_window_minutes: flexible, ..scheduled(expression) }])
    };
    assert_eq!(with("cron(0 10 ? * TUE *)", "Europe/London", 0), []);
    assert_eq!(with("cron(0 10 ? * WED *)", "Europe/London", 0), [FindingKind::NeverInWindow]);
    // The zone decides: 10:00 in London is 19:00 in Tokyo.
    assert_eq!(with("cron(0 10 ? * TUE *)", "Asia/Tokyo", 0), [FindingKind::NeverInWindow]);
    assert_eq!(with("cron(0 1 ? * TUE *)", "Asia/Tokyo", 0), []);
    // A delivery may come until the flexible window is over.
    assert_eq!(with("cron(45 8 ? * TUE *)", "UTC", 14), [FindingKind::NeverInWindow]);
    assert_eq!(with("cron(45 8 ? * TUE *)", "UTC", 15), []);
}

#[test]
fn four_skipped_runs_are_no_finding_and_five_are_never_overlooked() {
    let skipped = |number: u64| {
        let passed = result(now() - days(10), Recovered);
        let skipped = (0..number).map(|day| result(now() - days(day), Skipped));
        kinds(
            &Scorecard::of(
                &inputs([passed].into_iter().chain(skipped).collect(), vec![scheduled("rate(1 day)")]),
                now(),
            ),
            "blue",
        )
    };
    assert_eq!(skipped(4), []);
    assert_eq!(skipped(5), [FindingKind::SkippedRepeatedly]);
}

#[test]
fn a_deleted_schedule_is_never_forgotten_and_never_guessed() {
    let mut of = inputs(vec![result(now() - days(1), Recovered)], Vec::new());
    assert_eq!(kinds(&Scorecard::of(&of, now()), "blue"), [FindingKind::ScheduleDeleted]);
    of.scheduled.unread.push("the schedules of one group could not be read".to_owned());
    let scorecard = Scorecard::of(&of, now());
    assert_eq!(kinds(&scorecard, "blue"), [], "it may be among what was not read");
    assert_eq!(scorecard.unread, ["the schedules of one group could not be read"]);
    // What only people started had no schedule.
    let by_hand = result_of("staging/bookstore/blue", now() - days(1), Recovered, &json!({ "by": "direct" }));
    assert_eq!(kinds(&Scorecard::of(&inputs(vec![by_hand], Vec::new()), now()), "blue"), []);
}

#[test]
fn a_renamed_drill_is_never_proven_by_its_old_name() {
    let green = scheduled_with("rate(28 days)", &[("/drill", json!("green"))]);
    let mut of = inputs(vec![result(now() - days(40), Recovered)], vec![green]);
    let scorecard = Scorecard::of(&of, now());
    assert!(kinds(&scorecard, "blue").contains(&FindingKind::Renamed));
    assert!(kinds(&scorecard, "green").contains(&FindingKind::NeverRun));
    let states = |scorecard: &Scorecard| scorecard.drills.iter().map(|drill| drill.state).collect::<Vec<_>>();
    assert_eq!(states(&scorecard), [State::NeverTried, State::Stale]);
    // Once the new one has passed, the old one counts no longer; unless it failed last.
    of.results.push(result_of("staging/bookstore/green", now() - days(2), Recovered, &json!({})));
    let scorecard = Scorecard::of(&of, now());
    let blue = scorecard.drills.iter().find(|drill| drill.key.drill == "blue").unwrap();
    assert_eq!(blue.replaced_by.as_deref(), Some("green"));
    assert_eq!(scorecard.findings, []);
    assert_eq!(scorecard.applications[0].dependencies[0].state, State::Proven);
    of.results.push(result(now() - days(39), ObjectiveMissed));
    let scorecard = Scorecard::of(&of, now());
    assert_eq!(scorecard.applications[0].dependencies[0].state, State::Failing);
    assert!(kinds(&scorecard, "blue").contains(&FindingKind::Failed));
}

#[test]
fn a_drill_on_a_rule_is_never_told_apart_from_one_on_a_schedule() {
    let rule = |expression: Option<&str>| ScheduledDrill {
        arn: "arn:aws:events:eu-west-2:123456789012:rule/blue".to_owned(),
        expression: expression.map(str::to_owned),
        created: None,
        ..scheduled("rate(1 day)")
    };
    assert_eq!(findings(vec![rule(Some("cron(0 10 ? * TUE#1 *)"))]), []);
    assert_eq!(findings(vec![rule(None)]), [FindingKind::StartedByEvents]);
    let passed = vec![result(now() - days(1), Recovered)];
    let scorecard = Scorecard::of(&inputs(passed, vec![rule(Some("cron(0 10 ? * TUE#1 *)"))]), now());
    assert_eq!(only(&scorecard).cadence.next_run, Some(moment("2026-12-01T10:00:00Z")));
}

#[test]
fn what_cannot_be_read_is_never_in_order() {
    for (expression, zone) in
        [("cron(0 10 * * ? ?)", None), ("every day", None), ("rate(1 day)", Some("Mars/Olympus"))]
    {
        let of = ScheduledDrill { time_zone: zone.map(str::to_owned), ..scheduled(expression) };
        assert_eq!(findings(vec![of]), [FindingKind::ScheduleUnreadable], "{expression}");
    }
    // A schedule of which the request cannot be read belongs to no drill: none is said to have no schedule.
    let broken =
        ScheduledDrill { request: Err("the input is no JSON".to_owned()), ..scheduled("rate(1 day)") };
    let scorecard = Scorecard::of(&inputs(vec![result(now() - days(1), Recovered)], vec![broken]), now());
    assert_eq!(kinds(&scorecard, "blue"), []);
    assert!(scorecard.unread[0].contains("the input is no JSON"), "{:?}", scorecard.unread);
}

#[test]
fn a_cadence_that_was_changed_never_rewrites_history() {
    // It passed 60 days ago with a cadence of 90 days; since today, its schedule asks for 28.
    let passed = result_of("staging/bookstore/blue", now() - days(60), Recovered, &json!({ "days": 90 }));
    let of = ScheduledDrill { created: None, ..scheduled("rate(28 days)") };
    let scorecard = Scorecard::of(&inputs(vec![passed], vec![of]), now());
    let drill = only(&scorecard);
    assert_eq!(drill.state, State::Stale);
    let red: Vec<_> = drill.calendar.iter().map(|cell| cell.overdue_since.is_some()).collect();
    assert_eq!(red.iter().filter(|red| **red).count(), 1, "only this week is red");
    assert!(red[52]);
}
