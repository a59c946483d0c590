//! A request, as far as the head of its run tells, where the request itself cannot be read.

use serde_json::{Value, json};

use super::{Request, read_leniently};
use crate::Run;

/// What has to be known of a request to take its run back: the targets, from the undo. Its probes are lost, so the
/// run is undone but never seen well again: that is for people, who are told in time.
///
/// # Errors
/// The undo is of a kind that this version does not know.
pub fn of_head(run: &Run) -> Result<Request, String> {
    let unknown = "the request cannot be read and is unknown";
    read_leniently(json!({
        "drill": run.drill, "application": run.application, "dependency": run.dependency,
        "environment": run.environment, "execute": true, "mode": run.mode, "target": target(run)?,
        "steadyState": { "probes": [] },
        "objective": {
            "rtoSeconds": run.limits.rto_ms / 1_000, "restoreWithinSeconds": run.limits.restore_within_ms / 1_000
        },
        "cadence": { "everyDays": 1 },
        "playbook": {
            "link": "urn:firedrill:the-request-cannot-be-read", "version": unknown, "owner": unknown,
            "severity": unknown
        }
    }))
}

fn target(run: &Run) -> Result<Value, String> {
    let alarm = run.trigger.as_ref().map(|trigger| trigger.alarm_arn.as_str());
    let kinds = run.undo.iter().filter_map(|step| {
        let arn = step.resources.first()?;
        match (step.service.as_str(), alarm) {
            ("ec2", None) => Some(json!({
                "region": step.region, "instances": { "ids": step.resources },
                "blastRadius": { "count": step.resources.len() }
            })),
            ("cloudfront", Some(alarm)) => Some(json!({ "alarmArn": alarm, "distributionArn": arn })),
            ("rds", Some(alarm)) if arn.contains(":db:") => {
                Some(json!({ "alarmArn": alarm, "instanceArn": arn }))
            }
            ("rds", Some(alarm)) => Some(json!({ "alarmArn": alarm, "clusterArn": arn })),
            _ => None,
        }
    });
    let found: Vec<Value> = kinds.collect();
    match <[Value; 1]>::try_from(found) {
        Ok([target]) => Ok(target),
        Err(found) => Err(format!(
            "the request of {} cannot be read, and its undo names {} kinds of target that this version knows",
            run.run_id,
            found.len()
        )),
    }
}
