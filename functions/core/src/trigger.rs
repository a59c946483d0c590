//! Trigger: the alarm through which a CDN or database drill works, whether it may be set, and what it sets off.
//!
//! Pure: what CloudWatch, SNS, EventBridge, Lambda and Route 53 answer arrives as values; what forbids the drill is returned as a reason.

mod effects;
mod event_pattern;
mod history;
mod metric;
mod undo;
mod wiring;

pub use effects::{Effect, EffectKind, Objection, Purpose, all_hops, object};
pub use event_pattern::may_match;
pub use history::{AlarmHistory, StateUpdate, is_caused_by_run};
pub use metric::{CannotRaise, Comparison, MetricAlarm, Period, Statistic, plan_datapoints};
pub use undo::{
    UnreadableOrigins, alarm_step, distribution_step, metric_step, origins_of_step, whole_step, writer_step,
};
pub use wiring::{
    FailoverFunction, FailoverPath, NoPath, TriggerAlarm, UnknownDeadline, find_path, hops, refuse,
};
