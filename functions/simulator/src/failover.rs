//! What fails over through an alarm: the alarm, the automation behind it, the distribution or database.

mod automation;
mod cloud;
mod drill;

pub(crate) use automation::function;
pub(crate) use cloud::{Cloud, Pending, ms};
pub(crate) use drill::SimulatedAlarmDrill;

/// The trigger of every simulated failover.
pub(crate) const ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore";
pub(crate) const DISTRIBUTION: &str = "arn:aws:cloudfront::123456789012:distribution/E1";
pub(crate) const CLUSTER: &str = "arn:aws:rds:eu-west-2:123456789012:cluster:bookstore";
/// The automation's numbers, in milliseconds.
pub(crate) const FUNCTION_TIMEOUT: u64 = 20_000;
pub(crate) const MAX_EVENT_AGE: u64 = 60_000;
/// The alarm's period, and how many of them it looks at.
pub(crate) const PERIOD: u64 = 10_000;
pub(crate) const PERIODS: u64 = 2;
