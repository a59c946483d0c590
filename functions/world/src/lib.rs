//! AWS in memory, with its own clock and seeded trouble.
//!
//! One seed is one history: what is drilled, what goes wrong, who dies when. The code that runs in it
//! is the core's own: `deliver`, `drive`, `step`. The [`oracle`] reads the world's log afterwards and
//! shares nothing with `step`.

mod calls;
mod drill;
mod executor;
mod failover;
pub mod history;
pub mod oracle;
mod people;
mod scenario;
mod store;
mod tally;
mod truth;

pub use history::{History, play};
pub use scenario::{Kind, Scenario, Trouble};
pub use tally::Tally;
pub use truth::{Event, Logged};
