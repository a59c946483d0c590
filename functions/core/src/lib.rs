//! Core: the decisions of a failure drill, and the engine around them.
//!
//! This crate performs no I/O, reads no clock, spawns nothing and knows no AWS type.
//! What it learns arrives in an [`Observation`]; what it decides leaves as a [`Decision`].
//!
//! - [`request`]: the request that starts a run, its checks, and the operator commands.
//! - [`run`]: the head of a run, as the record keeps it.
//! - [`mod@step`]: the pure function from one run and one observation to the next head and one decision. Start reading
//!   there.
//! - [`recovery`]: the time at which an application recovered, and whether that was within the objective.
//! - [`engine`]: what one invocation works with.
//! - [`run_loop`]: the loop around `step`: observe, step, save, act.
//! - [`lease`]: which invocation may continue a run, and until when.
//! - [`mod@result`]: the small item that is kept of each run for whoever looks back at many.
//! - [`dispatch`]: what an invocation does with one delivery.
//! - [`watchdog`]: the tick that finishes the runs whose owner is gone.
//! - [`failover`]: the decisions of the failover functions, and their journal.
//! - [`text`]: texts of callers and of AWS, cut before they are quoted or recorded.
//! - [`environment`]: to which environment a resource belongs, by its tag.
//! - [`kind`]: the one table of drill kinds.
//! - [`ports`]: the traits behind which AWS, the record and the clock are.

pub mod answer;
pub mod dispatch;
pub mod engine;
pub mod environment;
pub mod evidence;
pub mod failover;
pub mod gate;
mod identity;
pub mod instance;
pub mod kill_switch;
pub mod kind;
pub mod lease;
mod observation;
pub mod plan;
pub mod ports;
pub mod recovery;
pub mod report;
pub mod request;
pub mod result;
pub mod run;
pub mod run_loop;
pub mod step;
mod streak;
pub mod text;
mod time;
pub mod timing;
pub mod trigger;
mod tristate;
pub mod watchdog;

pub use observation::{Decision, DecisionResult, Observation, PreparedInjection, Readiness, StepObservation};
pub use request::Request;
pub use run::{CallOutcome, Outcome, Phase, Run, UndoStep, Verdict};
pub use step::step;
pub use streak::{ProbeAnswer, ProbeRole, Streak, StreakRule};
pub use time::{ClockName, Measured, Timestamp, millis};
pub use tristate::Tristate;
