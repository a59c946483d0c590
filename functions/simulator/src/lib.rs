//! Simulator: AWS in memory, on virtual time, with seeded faults.
//!
//! One seed is one history: the drill kind, the faults, which invocations die when, what operators command. The code
//! under test is production's own: the core's engine, every drill and every failover function of `firedrill_drills`. The
//! [`oracle`] reads the world's log afterwards and shares no code with them.
//!
//! On a [`Stage`], a test acts itself: it invokes functions, leaves runs behind, and lets one operation fail.

mod actors;
mod alarm_event;
mod aws;
mod calls;
mod clock;
pub mod conformance;
pub mod contracts;
mod event;
mod event_queue;
mod executor;
mod failover;
pub mod failover_case;
mod fault_kind;
mod fleet;
pub mod history;
mod operators;
pub mod oracle;
pub mod overrides;
mod planned_fault;
mod requests;
mod safety_rules;
pub mod scenario;
pub mod stage;
mod statistics;
mod store;
mod world;

pub use alarm_event::Shape;
pub use calls::SentCall;
pub use event::{Event, Logged};
pub use failover::Place;
pub use failover_case::FailoverCase;
pub use fault_kind::{FaultKind, FaultOccurrences};
pub use history::{History, play};
pub use operators::{PlannedCommand, Scope};
pub use planned_fault::{ALWAYS, FaultEffect, FaultPoint, PlannedFault};
pub use scenario::Scenario;
pub use stage::Stage;
pub use statistics::Statistics;
