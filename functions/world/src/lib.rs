//! AWS in memory, with its own clock and seeded trouble.
//!
//! One seed is one history: what is drilled, what goes wrong, who dies when, what people say. The code that runs in
//! it is the core's own: `deliver`, `drive`, `step`, the watchdog's `tick` and the failover functions' `handle`. The
//! [`oracle`] reads the world's log afterwards and shares nothing with `step`.

mod agenda;
mod calls;
mod clock;
pub mod conformance;
mod drill;
mod event;
mod executor;
mod failover;
mod fault;
mod fleet;
pub mod history;
pub mod oracle;
mod people;
mod players;
mod requests;
pub mod scenario;
mod store;
mod tally;
mod trouble;
mod truth;
mod wanted;

pub use event::{Event, Logged};
pub use fault::{Fault, Point, Way};
pub use history::{History, play};
pub use people::{Order, Scope};
pub use scenario::{Kind, Scenario};
pub use tally::Tally;
pub use trouble::{Met, Trouble};
