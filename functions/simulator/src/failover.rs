//! Failover through an alarm: the alarm, the failover function, and the distribution or database.

mod automation;
mod cloud;
mod drill;

use std::time::Duration;

pub(crate) use automation::function;
pub(crate) use cloud::{Cloud, Pending, ms};
pub(crate) use drill::SimulatedAlarmDrill;

/// The trigger of every simulated failover.
pub(crate) const ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore";
pub(crate) const DISTRIBUTION: &str = "arn:aws:cloudfront::123456789012:distribution/E1";
pub(crate) const CLUSTER: &str = "arn:aws:rds:eu-west-2:123456789012:cluster:bookstore";
/// The failover function's timeout and the greatest age of a change that it accepts.
pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const MAX_EVENT_AGE: Duration = Duration::from_mins(1);
/// The alarm's period in milliseconds, and how many periods it evaluates.
pub(crate) const PERIOD: u64 = 10_000;
pub(crate) const PERIODS: u64 = 2;
