//! The trigger of a drill that works through an alarm: whether it may be pulled, and what it leads to.
//!
//! Pure: what CloudWatch, SNS, Lambda and Route 53 say arrives as facts; what speaks against it leaves as
//! a reason.

mod history;
mod metric;
mod undo;
mod wiring;

pub use history::{AlarmHistory, HistoryChange, is_caused_by_run};
pub use metric::{Comparison, MetricAlarm, Period, Statistic, plan};
pub use undo::{alarm_step, distribution_step, metric_step, origins_of_step, whole_step, writer_step};
pub use wiring::{
    AlarmConsumers, AlarmKind, Consumer, FailoverFunction, FailoverPath, TriggerAlarm, find, hops, refuse,
};
