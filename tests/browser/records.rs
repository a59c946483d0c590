//! Records: what the result items of the sample say, counted here once more. Nothing of it is the model's.

use std::collections::BTreeMap;

use firedrill_core::Timestamp;
use firedrill_scorecard::input::Inputs;
use serde_json::Value;

use crate::pages::AS_OF_MS;

pub const DAY_MS: i64 = 86_400_000;
/// A drill that must pass every 28 days is overdue after 35.
const OVERDUE_DAYS: i64 = 35;

/// A time to recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Time {
    /// Milliseconds, and by how many it may have been shorter.
    Measured(u64, u64),
    /// Nothing recovered.
    NotReached,
}

/// The items of one drill, as the table holds them, the oldest first.
pub struct Drill {
    pub environment: String,
    pub application: String,
    pub name: String,
    pub items: Vec<Value>,
}

/// Every drill that ran or is scheduled.
pub fn drills(inputs: &Inputs) -> Vec<Drill> {
    let mut items: BTreeMap<[String; 3], Vec<Value>> = BTreeMap::new();
    for result in &inputs.results {
        let item = serde_json::to_value(result).expect("an item is JSON");
        let run = item["run"].as_str().expect("it names its run");
        let mut parts = run.split('/').map(str::to_owned);
        let key = [(); 3].map(|()| parts.next().expect("a run's id has four parts"));
        items.entry(key).or_default().push(item);
    }
    for request in inputs.scheduled.drills.iter().filter_map(|scheduled| scheduled.request.as_ref().ok()) {
        let key = [&request.environment, &request.application, &request.drill].map(ToString::to_string);
        items.entry(key).or_default();
    }
    let drill = |([environment, application, name], mut items): ([String; 3], Vec<Value>)| {
        // RFC 3339 in UTC, so that the order of the texts is that of the moments.
        items.sort_by_key(|item| item["fin"].as_str().map(str::to_owned));
        Drill { environment, application, name, items }
    };
    items.into_iter().map(drill).collect()
}

/// A moment of an item, in milliseconds since 1970.
pub fn moment(item: &Value, field: &str) -> Option<i64> {
    let at: Timestamp = serde_json::from_value(item.get(field)?.clone()).expect("a moment");
    let since = at.millis_since(Timestamp::from_millis(0));
    Some(i64::try_from(since).expect("a moment after 1970"))
}

/// What was learned: beside `rollback-failed`, what else the item says.
fn verdict(item: &Value) -> &str {
    item.get("ver").unwrap_or(&item["out"]).as_str().expect("a word")
}

/// Whether a failure was in place.
pub fn injected(item: &Value) -> bool {
    item.get("inj").is_some() && verdict(item) != "not-injected"
}

/// The first moment of the first of 53 weeks from Monday to Sunday, the last of which holds the sample's moment.
pub fn first_week_ms() -> i64 {
    let today = AS_OF_MS / DAY_MS;
    // The first day of 1970 was a Thursday.
    let since_monday = (today + 3) % 7;
    (today - since_monday - 52 * 7) * DAY_MS
}

impl Drill {
    fn measured(&self, field: &str) -> Vec<Time> {
        let pair = |item: &Value| {
            let pair = item.get(field)?;
            Some(Time::Measured(pair[0].as_u64()?, pair[1].as_u64()?))
        };
        self.items.iter().filter_map(pair).collect()
    }

    /// Last, median and worst time to recover; none without a run that decided about it.
    pub fn recovery(&self) -> Option<[Time; 3]> {
        let decided = self
            .items
            .iter()
            .filter(|item| matches!(verdict(item), "recovered" | "objective-missed" | "not-recovered"));
        let time = |item: &Value| match item.get("rec") {
            Some(pair) => Time::Measured(pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap()),
            None => Time::NotReached,
        };
        let mut times: Vec<Time> = decided.map(time).collect();
        let last = *times.last()?;
        times.sort_unstable();
        Some([last, times[times.len() / 2], times[times.len() - 1]])
    }

    /// The median of a time that some runs measured.
    pub fn median(&self, field: &str) -> Option<Time> {
        let mut times = self.measured(field);
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// How many runs passed, of how many that injected a failure.
    pub fn passes(&self) -> (u32, u32) {
        let count = |passed: bool| {
            let of = self.items.iter().filter(|item| injected(item));
            of.filter(|item| !passed || item["out"] == "recovered").count()
        };
        (u32::try_from(count(true)).unwrap(), u32::try_from(count(false)).unwrap())
    }

    /// Its state at the sample's moment: what its row says, for a drill that must pass every 28 days.
    pub fn state(&self) -> String {
        let passed = |item: &&Value| item["out"] == "recovered";
        let failed = |item: &&Value| {
            ["objective-missed", "not-recovered", "rollback-failed"].iter().any(|word| item["out"] == *word)
        };
        let Some(last) = self.items.iter().rfind(|item| passed(item) || failed(item)) else {
            return "Never tried".to_owned();
        };
        if failed(&last) {
            let since = self.items.iter().rev().take_while(|item| !passed(item)).filter(failed).last();
            return format!("failing since {}", date(since.unwrap()["fin"].as_str().unwrap()));
        }
        let nominal = moment(last, "sched").expect("the sample is scheduled");
        let overdue_at = nominal + OVERDUE_DAYS * DAY_MS;
        if AS_OF_MS > overdue_at {
            format!("overdue {} days", (AS_OF_MS - overdue_at) / DAY_MS)
        } else {
            format!("proven {} days ago", (AS_OF_MS - nominal) / DAY_MS)
        }
    }
}

/// A date as people write it.
fn date(moment: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let number = |range: std::ops::Range<usize>| moment[range].parse::<usize>().expect("a number");
    format!("{} {} {}", number(8..10), MONTHS[number(5..7) - 1], number(0..4))
}
