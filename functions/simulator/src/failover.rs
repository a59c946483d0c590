//! Failover through an alarm: the alarm, the failover function, and the distribution or database.

mod automation;
mod cloud;

use std::time::Duration;

pub use automation::SimulatedJournal;
pub(crate) use automation::{Stack, function, invocation};
pub(crate) use cloud::{Cloud, MuteRule, Pending, Shown, Unusual, ms};
pub use cloud::{DistributionConfig, Place};

/// The trigger of every simulated failover.
pub(crate) const ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore";
/// The alarm of the request's stop condition.
pub(crate) const STOP_ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors";
/// The failover function.
pub(crate) const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:failover";
/// A topic that the alarm notifies if it leads elsewhere.
pub(crate) const ALARM_TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alarms";
/// A function of somebody else.
pub(crate) const ANOTHER_FUNCTION: &str =
    "arn:aws:lambda:us-east-1:123456789012:function:terminate-the-fleet";
/// A composite alarm that follows the trigger if that leads elsewhere.
pub(crate) const COMPOSITE_ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:everything";
pub(crate) const DISTRIBUTION: &str = "arn:aws:cloudfront::123456789012:distribution/E1";
pub(crate) const CLUSTER: &str = "arn:aws:rds:eu-west-2:123456789012:cluster:bookstore";
/// The database of a test that is an instance.
pub(crate) const INSTANCE: &str = "arn:aws:rds:eu-west-2:123456789012:db:bookstore";
/// The failover function's timeout and the greatest age of a change that it accepts.
pub(crate) const FUNCTION_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const MAX_EVENT_AGE: Duration = Duration::from_mins(1);
/// The alarm's period in milliseconds, and how many periods it evaluates.
pub(crate) const PERIOD: u64 = 10_000;
pub(crate) const PERIODS: u64 = 2;
