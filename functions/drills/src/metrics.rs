//! Metrics: lines in the embedded metric format, from which CloudWatch makes metrics when a function prints them
//! (user guide, *Specification: Embedded metric format*).

use firedrill_core::Timestamp;
use serde_json::{Value, json};

/// The namespace of all metrics of Firedrill.
pub const NAMESPACE: &str = "Firedrill";

/// One metric: its name, its unit and its value.
pub type Metric = (&'static str, &'static str, Value);

/// One line. The format allows 100 metrics and 30 dimensions: each caller has a handful. Each set of dimensions is billed as a
/// metric of its own.
#[must_use]
pub fn line(dimensions: &[(&str, &str)], metrics: &[Metric], at: Timestamp) -> Value {
    let keys: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let definitions: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": at.as_millis(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [keys], "Metrics": definitions }]
        }
    });
    for (name, value) in dimensions {
        line[*name] = json!(value);
    }
    for (name, _, value) in metrics {
        line[*name] = value.clone();
    }
    line
}
