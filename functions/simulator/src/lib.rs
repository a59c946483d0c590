//! AWS in memory, with its own clock and seeded trouble.
//!
//! One seed is one history: what is drilled, what goes wrong, who dies when, what people say. The code that runs in
//! it is the core's own: `deliver`, `drive`, `step`, the watchdog's `tick` and the failover functions' `handle`. The
//! [`oracle`] reads the world's log afterwards and shares nothing with `step`.

mod actors;
mod calls;
mod clock;
pub mod conformance;
mod event;
mod event_queue;
mod executor;
mod expectations;
mod failover;
mod fault_kind;
mod fleet;
pub mod history;
mod instance_drill;
mod operators;
pub mod oracle;
mod planned_fault;
mod requests;
pub mod scenario;
mod statistics;
mod store;
mod world;

pub use event::{Event, Logged};
pub use fault_kind::{Coverage, FaultKind};
pub use history::{History, play};
pub use operators::{OperatorOrder, Scope};
pub use planned_fault::{FaultEffect, FaultPoint, PlannedFault};
pub use scenario::{Kind, Scenario};
pub use statistics::Statistics;
