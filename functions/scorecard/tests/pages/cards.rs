//! Scorecards made by hand, of as many drills as a test needs.

use firedrill_core::{Outcome, Timestamp, Tristate, failover::Done, report::Took, request::Mode};
use firedrill_scorecard::model::{
    ApplicationAnswer, Basis, Cell, CellRun, Coverage, CoverageCell, CoverageRow, DependencyAnswer, Drill,
    DrillCadence, DrillKey, Figures, Finding, FindingKind, LastRun, Loss, LossIncident, LossSum, Mark,
    MonthLoss, PassRate, Playbook, Point, Requirement, Scorecard, Segment, SegmentKind, Stage, StageReached,
    Standing, State, Time, Week,
};

const DAY: u64 = 86_400_000;
/// 28 November 2026, 04:00 UTC.
pub const AS_OF: Timestamp = Timestamp::from_millis(1_795_838_400_000);

/// So many days before [`AS_OF`].
fn days_ago(days: u64) -> Timestamp {
    AS_OF - std::time::Duration::from_millis(days * DAY)
}

/// A name for which whoever chose it meant no good.
pub fn hostile(kind: &str) -> String {
    format!("<script>{kind}\"'&</script><cwdb-action action=\"call\">\u{202e}{}", "x".repeat(10_000))
}

/// A scorecard of so many drills of plain names, four to an application.
pub fn card(drills: usize) -> Scorecard {
    of(drills, &|kind, number| format!("{kind}-{number}"))
}

/// A scorecard of which every text is hostile.
pub fn hostile_card() -> Scorecard {
    of(6, &|kind, number| hostile(&format!("{kind}{number}")))
}

/// A name for a thing of this kind and number.
type Named<'a> = &'a dyn Fn(&str, usize) -> String;

fn of(count: usize, named: Named<'_>) -> Scorecard {
    let weeks = weeks();
    let mut drills: Vec<Drill> = (0..count).map(|number| drill(number, &weeks, named)).collect();
    drills.sort_by_key(|drill| std::cmp::Reverse(drill.state));
    let applications = count.div_ceil(4);
    Scorecard {
        as_of: AS_OF,
        version: "0.1.0".to_owned(),
        confidence_rule: "the rule of the bound",
        unread: if count == 1 {
            Vec::new()
        } else {
            vec![named("the schedules of eu-west-1 could not be read", 0)]
        },
        applications: (0..applications).map(|number| answer(number, &drills, named)).collect(),
        findings: drills
            .iter()
            .filter(|drill| drill.state == State::Failing)
            .map(|drill| finding(drill, named))
            .collect(),
        coverage: (0..applications).map(|number| coverage(number, named)).collect(),
        stages: (0..applications).map(|number| stage(number, named)).collect(),
        losses: (0..applications).map(|number| loss(number, named)).collect(),
        weeks,
        drills,
    }
}

fn weeks() -> Vec<Week> {
    // The Monday of the week of AS_OF is 5 days before it, at 00:00.
    let last = AS_OF - std::time::Duration::from_millis(5 * DAY + 4 * 3_600_000);
    let week = |back: u64| {
        let from = last - std::time::Duration::from_millis(back * 7 * DAY);
        let written = |format: &str| from.to_jiff().strftime(format).to_string();
        Week { from, monday: written("%Y-%m-%d"), month: written("%Y-%m") }
    };
    (0..53).rev().map(week).collect()
}

fn key(number: usize, named: Named<'_>) -> DrillKey {
    let environment = ["production", "staging"][number % 2];
    DrillKey {
        environment: environment.to_owned(),
        application: named("application", number / 4),
        drill: named("drill", number),
    }
}

fn drill(number: usize, weeks: &[Week], named: Named<'_>) -> Drill {
    let key = key(number, named);
    let state =
        [State::Proven, State::Stale, State::Failing, State::NeverTried, State::CannotTell][number % 5];
    let history = if state == State::NeverTried { Vec::new() } else { history(number, state, &key) };
    let measured: Vec<Took> = history.iter().filter_map(|point| point.time_to_recover).collect();
    let figures = |part: u64| {
        let time = |took: &Took| Time::Measured(Took { ms: took.ms / part, ..*took });
        Figures {
            last: measured.last().map(time),
            median: measured.get(measured.len() / 2).map(time),
            worst: measured.iter().max_by_key(|took| took.ms).map(time),
            runs: measured.len(),
        }
    };
    let passed = history.iter().filter(|point| point.outcome == Outcome::Recovered).count();
    Drill {
        unread: None,
        dependency: named("dependency", number % 3),
        mode: Some(Mode::Alarm),
        state,
        words: format!("{state} 6 days ago"),
        replaced_by: None,
        retired: None,
        last: history.last().map(|point| LastRun {
            run_id: point.run_id.clone(),
            at: point.at,
            outcome: point.outcome,
            reason: Some(named("reason", number)),
        }),
        cadence: cadence(state),
        objective_ms: Some(120_000),
        time_to_recover: figures(1),
        time_to_detect: figures(3),
        time_to_fail_over: figures(2),
        passes: PassRate {
            passed: u32::try_from(passed).unwrap(),
            of: u32::try_from(history.len()).unwrap(),
            at_least_percent: Some(77.9),
            words: format!("{passed} of {} passed: at least 77.9 % (95 % confidence)", history.len()),
        },
        playbook: Some(Playbook {
            link: Some(
                if number % 5 == 4 {
                    "javascript:alert(1)"
                } else {
                    "https://playbooks.example.com/a?b=1&c=\""
                }
                .to_owned(),
            ),
            version: named("version", 3),
            owner: named("team", number % 4),
        }),
        calendar: weeks.iter().enumerate().map(|(index, week)| cell(number, index, week, state)).collect(),
        history,
        results_cut: false,
        key,
    }
}

fn cadence(state: State) -> DrillCadence {
    DrillCadence {
        every_days: Some(28),
        overdue_after_days: Some(35),
        last_pass: Some(days_ago(40)),
        due_at: Some(days_ago(12)),
        overdue_at: Some(days_ago(5)),
        standing: if state == State::Stale { Standing::Overdue } else { Standing::OnTime },
        words: if state == State::Stale {
            "overdue since 5 days".to_owned()
        } else {
            "due in 22 days".to_owned()
        },
        next_run: None,
        schedule: Some("rate(28 days)".to_owned()),
    }
}

fn history(number: usize, state: State, key: &DrillKey) -> Vec<Point> {
    let point = |index: u64| {
        let late = (index + number as u64).is_multiple_of(5);
        let (outcome, ms) = match (index, late) {
            (0, _) if state == State::Failing => (Outcome::NotRecovered, None),
            (_, true) => (Outcome::ObjectiveMissed, Some(140_000 + 900 * index)),
            (_, false) => (Outcome::Recovered, Some(60_000 + 3_000 * ((index * 7 + number as u64) % 11))),
        };
        let end = ms.unwrap_or(360_000);
        let segment = |kind, from_ms, to_ms| Segment { kind, from_ms, to_ms };
        Point {
            run_id: format!("{key}/{index}"),
            at: days_ago(6 + 28 * index),
            outcome,
            time_to_recover: ms.map(|ms| Took { ms, resolution_ms: 6_000 }),
            objective_ms: if index > 5 { 180_000 } else { 120_000 },
            segments: vec![
                segment(SegmentKind::Detect, 0, end / 3),
                segment(SegmentKind::FailOver, end / 3, end / 2),
                segment(SegmentKind::UsersWell, end / 2, end),
                segment(SegmentKind::Restored, end, end + 100_000),
            ],
        }
    };
    (0..13).rev().map(point).collect()
}

fn cell(number: usize, index: usize, week: &Week, state: State) -> Cell {
    let mark = match (index + number) % 4 {
        _ if index < number % 7 => Mark::Unknown,
        _ if state == State::NeverTried => Mark::Nothing,
        _ if state == State::Stale && index > 48 => Mark::Overdue,
        _ if state == State::Failing && index == 51 => Mark::NotRecovered,
        0 if index % 20 == 8 => Mark::ObjectiveMissed,
        0 if index % 20 == 12 => Mark::Inconclusive,
        0 if index % 20 == 15 => Mark::Skipped,
        0 => Mark::Passed,
        3 if index.is_multiple_of(3) => Mark::Due,
        _ => Mark::Nothing,
    };
    Cell {
        mark,
        runs: vec![CellRun {
            run_id: format!("{number}/{index}"),
            at: week.from,
            outcome: Outcome::Recovered,
        }],
        more_runs: 0,
        overdue_since: None,
        overdue_until: None,
        words: format!("{}: {mark:?}", week.monday),
    }
}

fn answer(number: usize, drills: &[Drill], named: Named<'_>) -> ApplicationAnswer {
    let application = named("application", number);
    let own = drills.iter().filter(|drill| drill.key.application == application);
    let dependencies: Vec<DependencyAnswer> = own
        .map(|drill| DependencyAnswer {
            dependency: drill.dependency.clone(),
            title: drill.dependency.clone(),
            critical: [Some(true), Some(false), None][number % 3],
            state: drill.state,
            words: drill.words.clone(),
            drill: Some(drill.key.clone()),
        })
        .collect();
    let state = dependencies.iter().map(|dependency| dependency.state).max().unwrap_or(State::CannotTell);
    ApplicationAnswer {
        title: application.clone(),
        application,
        state,
        why: (state == State::CannotTell).then(|| named("nothing is declared", number)),
        dependencies,
        sentence: named("sentence", number),
    }
}

fn finding(drill: &Drill, named: Named<'_>) -> Finding {
    Finding {
        occasion: String::new(),
        kind: FindingKind::Failed,
        key: drill.key.clone(),
        dependency: drill.dependency.clone(),
        since: Some(days_ago(6)),
        text: named("the standby never answered", 1),
        reason: Some(named("reason", 1)),
        run_id: drill.last.as_ref().map(|last| last.run_id.clone()),
        playbook: drill.playbook.clone(),
    }
}

fn coverage(number: usize, named: Named<'_>) -> Coverage {
    let row = |dependency: usize| CoverageRow {
        dependency: named("dependency", dependency),
        title: named("dependency", dependency),
        critical: Some(dependency == 0),
        cells: vec![
            CoverageCell { state: Some(State::Proven), drills: vec![key(number, named)] },
            CoverageCell::default(),
        ],
    };
    let application = named("application", number);
    Coverage {
        title: application.clone(),
        application,
        environments: vec!["staging".to_owned(), "production".to_owned()],
        rows: (0..3).map(row).collect(),
    }
}

fn stage(number: usize, named: Named<'_>) -> StageReached {
    let requirement = |basis, met| Requirement {
        id: "production-run",
        what: "one run in production within a year",
        met,
        basis,
        detail: named("detail", number),
        link: Some("https://wiki.example.com/agreement".to_owned()),
        date: Some("2026-03-01".to_owned()),
    };
    let stages = (0..=5).map(|number| Stage {
        number,
        name: "manual",
        requirements: vec![
            requirement(Basis::Proven, Tristate::Yes),
            requirement(Basis::Declared, Tristate::Unknown),
        ],
    });
    let application = named("application", number);
    StageReached {
        title: application.clone(),
        application,
        reached: 2,
        stages: stages.collect(),
        missing: vec![named("a run in production", number)],
    }
}

fn loss(number: usize, named: Named<'_>) -> Loss {
    let sum = |lost_ms| LossSum { events: 12, unknown: 1, lost_ms, cost: Some(lost_ms / 60) };
    let application = named("application", number);
    Loss {
        title: application.clone(),
        application,
        drills: sum(1_260_000),
        incidents: LossSum { events: 3, unknown: 0, lost_ms: 610_000, cost: Some(77) },
        incident_list: vec![LossIncident {
            alarm_arn: named("alarm", number),
            began: days_ago(70),
            lost_ms: None,
            done: Done::Refused,
            why: Some(named("why", number)),
        }],
        months: vec![MonthLoss {
            month: "2026-11".to_owned(),
            drills: sum(97_000),
            incidents: LossSum::default(),
        }],
    }
}
