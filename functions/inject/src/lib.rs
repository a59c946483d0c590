//! Inject: the three calls that cause a failure. Only the drill functions depend on this crate: the watchdog and the failover
//! functions cannot name what injects.
//!
//! Each is sent once: whether it is sent again is decided by the run loop, which has the intent on record.

#[cfg(feature = "alarm")]
mod alarm;
#[cfg(feature = "instance")]
mod instance;

#[cfg(feature = "alarm")]
pub use alarm::AlarmInjector;
use firedrill_core::{CallOutcome, ports::InjectingCall};
#[cfg(feature = "instance")]
pub use instance::InstanceInjector;

/// The outcome of a call that belongs to another function.
#[cfg(any(feature = "alarm", feature = "instance"))]
fn not_ours(call: &InjectingCall) -> CallOutcome {
    let message = format!("{} is another drill function's call; not sent", call.action());
    CallOutcome::not_sent("NotOurs", message, false)
}
