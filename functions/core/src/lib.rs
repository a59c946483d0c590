//! The decisions of a failure drill, and nothing else.
//!
//! **Absences.** This crate performs no I/O, reads no clock, spawns nothing and knows no AWS type.
//! What it learns arrives in an [`Observation`]; what it wants leaves as an [`Decision`].
//!
//! - [`request`]: what a caller may ask for, and what is said to one who asks wrongly.
//! - [`run`]: the head of a run, as the record keeps it.
//! - [`mod@step`]: one run, one look, one decision. Start reading there.
//! - [`recovery`]: when an application had recovered, and whether that was soon enough.
//! - [`drive`]: the one small loop around `step`: observe, step, save, act.
//! - [`deliver`]: what an invocation does with what it was sent.
//! - [`watch`]: the watchdog, which finishes what nobody carries on.

pub mod dispatch;
pub mod evidence;
pub mod failover;
pub mod gate;
mod identity;
pub mod instance;
pub mod kill_switch;
pub mod lease;
mod observation;
pub mod plan;
pub mod ports;
pub mod recovery;
pub mod report;
pub mod request;
pub mod run;
pub mod run_loop;
mod shared;
pub mod step;
mod streak;
mod time;
pub mod timing;
pub mod trigger;
mod tristate;
pub mod watchdog;

pub use observation::{Decision, DecisionResult, Observation, PreparedInjection, Readiness, StepObservation};
pub use request::Request;
pub use run::{CallOutcome, Outcome, Phase, Run, UndoStep, Verdict};
pub use shared::Shared;
pub use step::step;
pub use streak::{ProbeAnswer, ProbeRole, Streak, StreakRule};
pub use time::{ClockName, Measured, Timestamp};
pub use tristate::Tristate;
