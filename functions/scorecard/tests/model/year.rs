//! A year of daily scorecards, each consistent with the records up to that day.

use firedrill_core::{
    Outcome::{
        self, Inconclusive, NotInjected, NotRecovered, ObjectiveMissed, Recovered, RollbackFailed, Skipped,
        Stopped,
    },
    Timestamp,
};
use firedrill_scorecard::{
    input::{DrillResult, Inputs, ScheduledDrill},
    model::{FindingKind, Scorecard, Standing, State},
    sample,
};
use serde_json::json;

use crate::common::{days, inputs, moment, result_of, scheduled_with};

const SEEDS: u64 = 4;
const DRILLS: [&str; 3] = ["blue", "green", "red"];
const OUTCOMES: [Outcome; 10] = [
    Recovered,
    Recovered,
    Recovered,
    ObjectiveMissed,
    NotRecovered,
    RollbackFailed,
    NotInjected,
    Stopped,
    Skipped,
    Inconclusive,
];

fn begin() -> Timestamp {
    moment("2025-12-01T00:00:00Z")
}

/// Three drills whose runs, outcomes and cadences are drawn.
fn drawn(seed: u64) -> Inputs {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut results = Vec::new();
    for drill in DRILLS {
        let mut at = begin() + days(random.u64(0..90));
        while at < begin() + days(365) {
            let every = *random.choice(&[1_u32, 7, 28]).unwrap();
            let outcome = *random.choice(&OUTCOMES).unwrap();
            // A run takes some hours, and may be scheduled before it injects.
            let injected = at - std::time::Duration::from_millis(random.u64(0..6 * 3_600_000));
            let mut fields = json!({ "days": every });
            if ![NotInjected, Skipped].contains(&outcome) {
                fields["inj"] = json!(injected);
            }
            if random.bool() {
                fields["sched"] =
                    json!(injected - std::time::Duration::from_millis(random.u64(0..3_600_000)));
            }
            results.push(result_of(&format!("staging/bookstore/{drill}"), at, outcome, &fields));
            at = at + days(random.u64(1..40)) + std::time::Duration::from_millis(random.u64(0..86_400_000));
        }
    }
    random.shuffle(&mut results);
    let scheduled = |drill: &str| ScheduledDrill {
        created: None,
        ..scheduled_with("rate(7 days)", &[("/drill", json!(drill)), ("/cadence/everyDays", json!(7))])
    };
    inputs(results, DRILLS.map(scheduled).to_vec())
}

/// What was on record at this moment.
fn until(inputs: &Inputs, now: Timestamp) -> Inputs {
    let mut known = inputs.clone();
    known.results.retain(|result| result.finished <= now);
    known.open_runs.retain(|run| run.began <= now);
    known.incidents.retain(|incident| incident.began <= now);
    for incident in &mut known.incidents {
        incident.ended = incident.ended.filter(|ended| *ended <= now);
    }
    known
}

/// The history of one drill, told in order by the simplest means.
#[derive(Default)]
struct Told {
    first: Option<Timestamp>,
    passed: Option<Timestamp>,
    /// From when on its last pass counts.
    nominal: Option<Timestamp>,
    /// When the runs after it began and were over.
    later_runs: Vec<(Timestamp, Timestamp)>,
    failing_since: Option<Timestamp>,
    tried: bool,
    recorded_days: u32,
}

fn told(inputs: &Inputs, drill: &str, now: Timestamp) -> Told {
    let mut results: Vec<&DrillResult> =
        inputs.results.iter().filter(|of| of.key().drill == drill && of.finished <= now).collect();
    results.sort_by_key(|result| result.finished);
    let mut told = Told::default();
    for result in results {
        told.first = told.first.or(Some(result.finished));
        told.tried |= result.injected.is_some();
        told.recorded_days = result.every_days.unwrap();
        let nominal = result.scheduled.or(result.injected).unwrap_or(result.finished);
        if result.outcome != Skipped {
            told.later_runs.push((nominal, result.finished));
        }
        if result.outcome == Recovered {
            told.passed = Some(result.finished);
            told.nominal = Some(nominal);
            told.later_runs.clear();
            told.failing_since = None;
        } else if [ObjectiveMissed, NotRecovered, RollbackFailed].contains(&result.outcome) {
            told.failing_since = told.failing_since.or(Some(result.finished));
        }
    }
    told
}

impl Told {
    fn is_overdue(&self, now: Timestamp, every_days: u32) -> bool {
        let grace = match every_days {
            1 => 1,
            7 => 2,
            _ => 7,
        };
        let Some(from) = self.nominal.or(self.first) else { return false };
        let mut overdue_at = from + days(u64::from(every_days + grace));
        for (began, over) in &self.later_runs {
            if *began <= overdue_at {
                overdue_at = overdue_at.max(*over);
            }
        }
        now > overdue_at
    }

    fn state(&self, now: Timestamp) -> State {
        match (self.failing_since, self.passed) {
            (Some(_), _) => State::Failing,
            (None, Some(_)) if self.is_overdue(now, 7) => State::Stale,
            (None, Some(_)) => State::Proven,
            (None, None) if self.tried => State::CannotTell,
            (None, None) => State::NeverTried,
        }
    }
}

/// Everything that must hold of the scorecard of one day.
fn check(inputs: &Inputs, scorecard: &Scorecard, now: Timestamp) {
    for drill in &scorecard.drills {
        let told = told(inputs, &drill.key.drill, now);
        assert_eq!(drill.state, told.state(now), "{}", drill.key);
        assert_eq!(drill.cadence.standing == Standing::Overdue, told.is_overdue(now, 7), "{}", drill.key);
        assert_eq!(drill.cadence.last_pass, told.passed);
        let failed =
            scorecard.findings.iter().find(|of| of.key == drill.key && of.kind == FindingKind::Failed);
        assert_eq!(failed.and_then(|finding| finding.since), told.failing_since, "{}", drill.key);
        for (week, cell) in scorecard.weeks.iter().zip(&drill.calendar).take(52) {
            let end = week.from + days(7);
            let then = self::told(inputs, &drill.key.drill, end - std::time::Duration::from_millis(1));
            let was_overdue = then.is_overdue(end, then.recorded_days.max(1));
            let is_red_at_end = cell.overdue_since.is_some() && cell.overdue_until.is_none();
            assert_eq!(is_red_at_end, was_overdue, "{} in the week of {}: {cell:?}", drill.key, week.monday);
        }
        let shown: usize = drill.calendar.iter().map(|cell| cell.runs.len() + cell.more_runs).sum();
        let ended = inputs.results.iter().filter(|of| of.key() == drill.key && of.finished <= now);
        assert_eq!(shown, ended.filter(|of| of.finished >= scorecard.weeks[0].from).count());
    }
    let worst = scorecard.drills.iter().map(|drill| drill.state).chain([State::CannotTell]).max();
    assert_eq!(Some(scorecard.applications[0].state), worst, "nothing is declared");
}

#[test]
fn no_record_of_the_future_ever_shows_in_a_scorecard() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let inputs = drawn(seed);
        let mut before: Option<Scorecard> = None;
        for day in 0..=365 {
            let now = begin() + days(day) + std::time::Duration::from_hours(4);
            let scorecard = Scorecard::of(&inputs, now);
            assert_eq!(scorecard, Scorecard::of(&until(&inputs, now), now), "day {day}");
            check(&inputs, &scorecard, now);
            if let Some(before) = before {
                past_is_kept(&before, &scorecard);
            }
            before = Some(scorecard);
        }
    }
}

/// What was over yesterday looks the same today.
fn past_is_kept(before: &Scorecard, after: &Scorecard) {
    for drill in &before.drills {
        let same = after.drills.iter().find(|other| other.key == drill.key).unwrap();
        for (week, cell) in before.weeks.iter().zip(&drill.calendar).take(52) {
            let index = after.weeks.iter().position(|other| other == week);
            let later = index.map(|index| &same.calendar[index]);
            assert!(later.is_none_or(|later| later == cell), "{} in the week of {}", drill.key, week.monday);
        }
    }
}

#[test]
fn the_sample_year_never_knows_its_own_future() {
    let end = moment("2026-11-28T04:00:00Z");
    let inputs = sample::year(end);
    for day in 0..365 {
        let now = end - days(day);
        assert_eq!(Scorecard::of(&inputs, now), Scorecard::of(&until(&inputs, now), now), "{now}");
    }
}
