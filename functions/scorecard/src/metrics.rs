//! Metrics: what CloudWatch is told of a scorecard and of a run that is over, as lines that a function prints.
//!
//! Each set of dimensions is billed as a metric of its own, so the dimensions are the drill's three names, or the stack. What
//! cannot be told has no datapoint: a zero would end an alarm that is raised.

use firedrill_core::{
    Timestamp,
    request::Name,
    result::{DrillKey, DrillResult},
};
pub use firedrill_drills::metrics::NAMESPACE;
use firedrill_drills::metrics::{self, Metric};
use serde_json::{Value, json};

use crate::model::{Drill, Scorecard};

/// The dimensions of what is told of a drill.
pub const DRILL_DIMENSIONS: [&str; 3] = ["application", "environment", "drill"];

const DAY_MS: f64 = 86_400_000.0;

/// The lines of a scorecard: one for the stack, and one for each drill that counts. `is_complete` says whether it has all drills
/// that there are.
pub(crate) fn of_scorecard(scorecard: &Scorecard, is_complete: bool, stack: &str) -> Vec<Value> {
    let counts = of_stack(scorecard, is_complete);
    let stack = line(&[("stack", stack)], &counts, scorecard.as_of);
    let drills = scorecard.drills.iter().filter(|drill| drill.counts());
    let drills = drills.filter_map(|drill| of_drill(drill, scorecard.as_of));
    stack.into_iter().chain(drills).collect()
}

/// The line of a run that is over; none if there is nothing to tell. Its datapoints lie at the end of the run: told twice, they are
/// the same. CloudWatch takes none that are older than two weeks.
pub(crate) fn of_result(result: &DrillResult) -> Option<Value> {
    result.injected?;
    let recovered = result.time_to_recover.map(|took| ("timeToRecoverMs", "Milliseconds", json!(took.ms)));
    let objective = ("objectiveMs", "Milliseconds", json!(result.objective_ms));
    let metrics: Vec<Metric> = recovered.into_iter().chain([objective]).collect();
    line(&dimensions(&result.key())?, &metrics, result.finished)
}

fn of_stack(scorecard: &Scorecard, is_complete: bool) -> Vec<Metric> {
    let are_all_known = is_complete && scorecard.drills.iter().all(|drill| drill.unread.is_none());
    let count = |is_it: fn(&Drill) -> Option<bool>| {
        scorecard.drills.iter().filter(|drill| is_it(drill) == Some(true)).count()
    };
    // Zero is known only if everything was read that it depends on.
    let is_known = |count: usize| count > 0 || are_all_known;
    let counts = [("overdueDrills", count(Drill::is_overdue)), ("failingDrills", count(Drill::is_failing))];
    let known = counts.into_iter().filter(|(_, count)| is_known(*count));
    known
        .chain([("unreadSources", scorecard.unread.len())])
        .map(|(name, count)| (name, "Count", json!(count)))
        .collect()
}

fn of_drill(drill: &Drill, as_of: Timestamp) -> Option<Value> {
    let days = drill.cadence.last_pass.map(|at| days_since(at, as_of));
    let days = days.map(|days| ("daysSinceLastPass", "None", json!(days)));
    let flag = |name, value: Option<bool>| Some((name, "None", json!(u8::from(value?))));
    let flags = [flag("overdue", drill.is_overdue()), flag("failing", drill.is_failing())];
    let metrics: Vec<Metric> = days.into_iter().chain(flags.into_iter().flatten()).collect();
    line(&dimensions(&drill.key)?, &metrics, as_of)
}

/// Days of 24 hours, to two decimals.
fn days_since(at: Timestamp, now: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "400 days are far fewer milliseconds than a float counts")]
    let ms = now.millis_since(at) as f64;
    (ms / DAY_MS * 100.0).round() / 100.0
}

/// The dimensions of a drill; none if its names are not those of a request, and so not bounded.
fn dimensions(key: &DrillKey) -> Option<[(&'static str, &str); 3]> {
    let values = [&key.application, &key.environment, &key.drill];
    let are_names = values.iter().all(|name| Name::try_from((*name).clone()).is_ok());
    let [application, environment, drill] = DRILL_DIMENSIONS;
    let [of_application, of_environment, of_drill] = values.map(String::as_str);
    are_names.then_some([(application, of_application), (environment, of_environment), (drill, of_drill)])
}

/// One line; none without a metric.
fn line(dimensions: &[(&str, &str)], metrics: &[Metric], at: Timestamp) -> Option<Value> {
    (!metrics.is_empty()).then(|| metrics::line(dimensions, metrics, at))
}
