//! The lever of a drill that works through an alarm: whether it may be pulled, and what it leads to.
//!
//! Pure: what CloudWatch, SNS, Lambda and Route 53 say arrives as facts; what speaks against it leaves as
//! a reason.

mod metric;
mod undo;
mod watch;
mod wiring;

pub use metric::{Comparison, MetricAlarm, Period, Statistic, plan};
pub use undo::{alarm_step, distribution_step, metric_step, places_of, whole_step, writer_step};
pub use watch::{Change, Watched, caused};
pub use wiring::{AlarmFacts, AlarmKind, Consumer, FailoverFunction, Found, Way, find, hops, refuse};
