//! The drills of the sample, and what came of their runs.

use std::time::Duration;

use firedrill_core::{Outcome, Timestamp};
use serde_json::json;

use super::{DAY_MS, documents};
use crate::input::{DrillResult, ScheduledDrill};

/// One drill of the sample.
pub(super) struct SampleDrill {
    pub environment: &'static str,
    pub application: &'static str,
    pub drill: &'static str,
    pub dependency: &'static str,
    pub target: &'static str,
    /// So often it must pass.
    pub every_days: u64,
    /// So often its schedule starts it.
    pub scheduled_days: u64,
    /// When its last run was; none if it never ran.
    pub last_days_ago: Option<u64>,
    /// How many runs there were.
    pub runs: u64,
    pub rto_seconds: u64,
    /// What its usual recovery takes.
    pub usual_ms: u64,
    /// What came of the runs that did not pass, by their place from the last one, 0, backwards.
    pub others: &'static [(u64, Outcome)],
}

/// Each run was this much earlier, so that it was over as many days ago as it was scheduled.
const HOURS_AGO_MS: u64 = 3 * 3_600_000;
const SKIPPED: Outcome = Outcome::Skipped;

/// The drills, the one of [`year_of`](super::year_of) first.
pub(super) const DRILLS: [SampleDrill; 8] = [
    // A regression: it has failed since the last but one run.
    SampleDrill {
        environment: "staging",
        application: "bookstore",
        drill: "instance-blue",
        dependency: "compute",
        target: "instances",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: Some(2),
        runs: 14,
        rto_seconds: 120,
        usual_ms: 71_000,
        others: &[(0, Outcome::NotRecovered), (1, Outcome::ObjectiveMissed), (9, Outcome::ObjectiveMissed)],
    },
    SampleDrill {
        environment: "production",
        application: "bookstore",
        drill: "cdn-failover",
        dependency: "cdn",
        target: "distribution",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: Some(6),
        runs: 14,
        rto_seconds: 600,
        usual_ms: 262_000,
        others: &[(10, Outcome::ObjectiveMissed), (12, Outcome::ObjectiveMissed)],
    },
    // Overdue for 3 days: its last five weekly runs were skipped, and it passed last 38 days ago.
    SampleDrill {
        environment: "production",
        application: "bookstore",
        drill: "db-failover",
        dependency: "database",
        target: "database",
        every_days: 28,
        scheduled_days: 7,
        last_days_ago: Some(3),
        runs: 52,
        rto_seconds: 180,
        usual_ms: 64_000,
        others: &[
            (0, SKIPPED),
            (1, SKIPPED),
            (2, SKIPPED),
            (3, SKIPPED),
            (4, SKIPPED),
            (20, Outcome::Stopped),
        ],
    },
    SampleDrill {
        environment: "staging",
        application: "bookstore",
        drill: "db-failover",
        dependency: "database",
        target: "database",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: Some(12),
        runs: 13,
        rto_seconds: 180,
        usual_ms: 58_000,
        others: &[(7, Outcome::Inconclusive)],
    },
    SampleDrill {
        environment: "staging",
        application: "bookstore",
        drill: "cdn-failover",
        dependency: "cdn",
        target: "distribution",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: Some(20),
        runs: 13,
        rto_seconds: 600,
        usual_ms: 241_000,
        others: &[],
    },
    // Due: it passed 31 days ago, and its run of three days ago was skipped.
    SampleDrill {
        environment: "staging",
        application: "checkout",
        drill: "db-failover",
        dependency: "database",
        target: "database",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: Some(3),
        runs: 11,
        rto_seconds: 300,
        usual_ms: 90_000,
        others: &[(0, SKIPPED)],
    },
    SampleDrill {
        environment: "production",
        application: "checkout",
        drill: "instance-payments",
        dependency: "compute",
        target: "instances",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: Some(9),
        runs: 9,
        rto_seconds: 120,
        usual_ms: 55_000,
        others: &[(3, Outcome::RollbackFailed), (6, Outcome::NotInjected)],
    },
    SampleDrill {
        environment: "staging",
        application: "search",
        drill: "index-node",
        dependency: "search-index",
        target: "instances",
        every_days: 28,
        scheduled_days: 28,
        last_days_ago: None,
        runs: 0,
        rto_seconds: 240,
        usual_ms: 0,
        others: &[],
    },
];

/// What came of one run, in numbers.
struct Course {
    recover_ms: Option<u64>,
    lost_ms: Option<u64>,
}

impl SampleDrill {
    fn key(&self) -> String {
        format!("{}/{}/{}", self.environment, self.application, self.drill)
    }

    /// Its schedule, created with its first run; or, if it never ran, 20 days ago.
    pub(super) fn scheduled(&self, now: Timestamp) -> ScheduledDrill {
        let first =
            self.last_days_ago.map_or(20, |last| last + self.scheduled_days * self.runs.saturating_sub(1));
        let starts = now - Duration::from_millis(first * DAY_MS + HOURS_AGO_MS);
        let request = ScheduledDrill::request_in(&documents::request(self).to_string());
        ScheduledDrill {
            arn: documents::schedule_arn(&format!(
                "{}-{}-{}",
                self.environment, self.application, self.drill
            )),
            enabled: true,
            expression: Some(format!("rate({} days)", self.scheduled_days)),
            time_zone: Some("UTC".to_owned()),
            // A rate begins at its first time: what never ran is yet to begin.
            starts: Some(if self.runs == 0 { now.plus_millis(4 * DAY_MS) } else { starts }),
            ends: None,
            created: Some(starts),
            flexible_window_minutes: 0,
            request,
        }
    }

    /// The results of its runs.
    pub(super) fn results(&self, now: Timestamp) -> Vec<DrillResult> {
        // The same numbers for the same drill, whatever the others are.
        let seed = self.key().bytes().fold(5_381, |sum: u64, byte| sum.wrapping_mul(33) ^ u64::from(byte));
        let mut random = fastrand::Rng::with_seed(seed);
        let Some(last) = self.last_days_ago else { return Vec::new() };
        let run = |back: u64| {
            let days_ago = last + back * self.scheduled_days;
            let scheduled = now - Duration::from_millis(days_ago * DAY_MS + HOURS_AGO_MS);
            let other = self.others.iter().find(|(place, _)| *place == back);
            self.result(scheduled, other.map_or(Outcome::Recovered, |(_, outcome)| *outcome), &mut random)
        };
        (0..self.runs).rev().map(run).collect()
    }

    fn result(&self, scheduled: Timestamp, outcome: Outcome, random: &mut fastrand::Rng) -> DrillResult {
        let injected = scheduled.plus_millis(random.u64(20_000..60_000));
        let course = self.course(outcome, random);
        let detect = self.usual_ms / 3 + random.u64(0..5_000);
        let restored = course.recover_ms.unwrap_or(self.rto_seconds * 3_000) + random.u64(60_000..240_000);
        let touched = !matches!(outcome, Outcome::Skipped | Outcome::NotInjected);
        let works_through_alarm = self.target != "instances";
        let finished = injected.plus_millis(if touched { restored + 1_000 } else { 0 });
        let mut item = json!({
            "v": 1, "run": format!("{}/{scheduled}", self.key()), "dep": self.dependency,
            "mode": if works_through_alarm { "alarm" } else { "stop" }, "by": "schedule", "out": outcome,
            "sched": scheduled, "fin": finished, "rtoMs": self.rto_seconds * 1_000, "days": self.every_days,
            "perMin": documents::revenue(self.application), "pbVer": "3", "own": documents::owner(self.application),
            "pb": documents::playbook(self.application, self.drill), "why": self.reason(outcome, &course),
        });
        let mut add = |field: &str, value: serde_json::Value| item[field] = value;
        if outcome == Outcome::RollbackFailed {
            add("ver", json!("recovered"));
        }
        if touched {
            add("inj", json!(injected));
            add("det", json!([detect, 1_000]));
            add("undoMs", json!(20_000));
            add("backMs", json!(restored));
        }
        if let Some(recover) = course.recover_ms {
            add("rec", json!([recover, 1_000]));
            if works_through_alarm {
                add("over", json!([u64::midpoint(detect, recover), 2_000]));
            }
        }
        if let Some(lost) = course.lost_ms {
            add("lostMs", json!(lost));
        }
        DrillResult::read(&item).unwrap_or_else(|error| unreachable!("the sample's own item: {error}"))
    }

    fn course(&self, outcome: Outcome, random: &mut fastrand::Rng) -> Course {
        let usual = self.usual_ms * random.u64(80..130) / 100;
        let late = self.rto_seconds * 1_000 + random.u64(15_000..90_000);
        let (recover_ms, lost_ms) = match outcome {
            Outcome::Recovered | Outcome::RollbackFailed => (Some(usual), Some(usual)),
            Outcome::ObjectiveMissed => (Some(late), Some(late)),
            Outcome::NotRecovered => (None, Some(self.rto_seconds * 3_000)),
            Outcome::Skipped | Outcome::Planned | Outcome::NotInjected => (None, Some(0)),
            Outcome::Stopped | Outcome::Inconclusive => (None, None),
        };
        // A forced alarm cuts nobody off.
        let lost_ms = if self.target == "instances" { lost_ms } else { lost_ms.map(|_| 0) };
        Course { recover_ms, lost_ms }
    }

    fn reason(&self, outcome: Outcome, course: &Course) -> String {
        let recovered = course.recover_ms.unwrap_or_default();
        match outcome {
            Outcome::Recovered => format!("recovery began {recovered} ms after the injection"),
            Outcome::ObjectiveMissed => format!(
                "recovery began {recovered} ms after the injection; the objective is {} ms",
                self.rto_seconds * 1_000
            ),
            Outcome::NotRecovered => {
                "probe `version answers` still answered no after the time to give up".to_owned()
            }
            Outcome::RollbackFailed => {
                "the undo was not seen done in time: start i-0a1b2c3d4e5f60718".to_owned()
            }
            Outcome::Skipped => "gate `open alarm`: an alarm of the application is in ALARM".to_owned(),
            Outcome::Stopped => "stop condition `checkout answers` was met".to_owned(),
            Outcome::Inconclusive => {
                "probe `books answer` gave no answer around the time to give up".to_owned()
            }
            Outcome::NotInjected => "EC2 refused the call: there is no such instance".to_owned(),
            Outcome::Planned => String::new(),
        }
    }
}
