//! Simulator: AWS in memory, on virtual time, with seeded faults.
//!
//! One seed is one history: the drill kind, the faults, which invocations die when, what operators command. The code
//! under test is the core's own: `dispatch`, `run_loop`, `step`, the watchdog's `tick` and the failover functions'
//! `handle`. The [`oracle`] reads the world's log afterwards and shares no code with `step`.

mod actors;
mod aws_polling;
mod calls;
mod clock;
pub mod conformance;
mod event;
mod event_queue;
mod executor;
mod failover;
mod fault_kind;
mod fleet;
pub mod history;
mod instance_drill;
mod operators;
pub mod oracle;
mod planned_fault;
mod requests;
mod safety_rules;
pub mod scenario;
mod statistics;
mod store;
mod world;

pub use event::{Event, Logged};
pub use fault_kind::{FaultKind, FaultOccurrences};
pub use history::{History, play};
pub use operators::{PlannedCommand, Scope};
pub use planned_fault::{FaultEffect, FaultPoint, PlannedFault};
pub use scenario::Scenario;
pub use statistics::Statistics;
