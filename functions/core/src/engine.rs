//! Engine: what one invocation works with, whatever it does with it.

use crate::timing::Timing;

/// The clock, the record, the drills and, in a drill function only, the capability to inject.
///
/// [`dispatch`](crate::dispatch) answers a delivery with it, the [`watchdog`](crate::watchdog) finishes open runs with it,
/// and both carry a run on by the same [`run_loop`](crate::run_loop).
#[derive(Debug)]
pub struct Engine<'a, C, S, F, I> {
    /// The clocks of this machine.
    pub clock: &'a C,
    /// The record.
    pub store: &'a S,
    /// The drills that this function carries out.
    pub drills: &'a F,
    /// What causes failures; none in the watchdog.
    pub injector: Option<&'a I>,
    /// The stack's timing parameters.
    pub timing: Timing,
}
