//! Undo steps of a drill that works through an alarm, as data.

use thiserror::Error;

use crate::{UndoStep, failover::BehaviorOrigins, request::Arn, run::Datapoints};

fn step(arn: &Arn, service: &str, action: &str, before: String, set: String) -> UndoStep {
    UndoStep {
        service: service.to_owned(),
        action: action.to_owned(),
        partition: arn.partition().to_owned(),
        account: arn.account().to_owned(),
        region: arn.region().to_owned(),
        resources: vec![arn.to_string()],
        before,
        set,
        ..UndoStep::default()
    }
}

/// The step that sets the alarm back to OK. A metric alarm resets itself; a composite one would stay in ALARM.
#[must_use]
pub fn alarm_step(alarm: &Arn) -> UndoStep {
    step(alarm, "cloudwatch", "SetAlarmState", "OK".to_owned(), "ALARM".to_owned())
}

/// The step that waits until the last datapoint's window is over: a datapoint cannot be deleted.
#[must_use]
pub fn metric_step(alarm: &Arn, points: &Datapoints) -> UndoStep {
    let set = format!("{} of {} {}", points.value, points.namespace, points.metric);
    UndoStep {
        awaited: true,
        ..step(alarm, "cloudwatch", "DescribeAlarms", "nothing published".to_owned(), set)
    }
}

/// The step that points the distribution back to the primary, if it is still what the failover set. Both values are
/// [`BehaviorOrigins`] as JSON.
#[must_use]
pub fn distribution_step(distribution: &Arn, before: &BehaviorOrigins, set: &BehaviorOrigins) -> UndoStep {
    let text = |origins_by_behavior: &BehaviorOrigins| {
        serde_json::to_string(origins_by_behavior).unwrap_or_default()
    };
    UndoStep {
        moves_traffic: true,
        ..step(distribution, "cloudfront", "UpdateDistribution", text(before), text(set))
    }
}

/// A distribution's undo step whose values are not [`BehaviorOrigins`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the undo step holds `{text}`, which does not list the origin of each behaviour: {why}")]
pub struct UnreadableOrigins {
    /// What the step holds.
    pub text: String,
    /// What the parser says about it.
    pub why: String,
}

/// The two values of a [`distribution_step`]: before the run, and as the failover set them.
///
/// # Errors
/// A value on record is not [`BehaviorOrigins`] as JSON.
pub fn origins_of_step(step: &UndoStep) -> Result<(BehaviorOrigins, BehaviorOrigins), UnreadableOrigins> {
    let read = |text: &str| {
        serde_json::from_str(text)
            .map_err(|source| UnreadableOrigins { text: text.to_owned(), why: source.to_string() })
    };
    Ok((read(&step.before)?, read(&step.set)?))
}

/// The step that makes the original writer writer again, by a second failover.
#[must_use]
pub fn writer_step(cluster: &Arn, writer: &str) -> UndoStep {
    let set = "another writer".to_owned();
    UndoStep { moves_traffic: true, ..step(cluster, "rds", "FailoverDBCluster", writer.to_owned(), set) }
}

/// The step that leaves the new writer in place, and waits until the database is fully redundant again.
#[must_use]
pub fn whole_step(database: &Arn, is_cluster: bool) -> UndoStep {
    let action = if is_cluster { "DescribeDBClusters" } else { "DescribeDBInstances" };
    let set = "failed over; the new writer stays".to_owned();
    UndoStep { awaited: true, ..step(database, "rds", action, "available".to_owned(), set) }
}
