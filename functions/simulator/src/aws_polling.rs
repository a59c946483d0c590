//! Polling of AWS, as drills do it: at an interval, right after a call, and when a phase begins.

use std::time::Duration;

use firedrill_core::{Phase, ports::Clock};

use crate::{clock::SimulatedClock, requests::TIMING};

/// When a simulated drill last looked at AWS, and in which phase.
#[derive(Debug, Default)]
pub(crate) struct AwsPolling {
    last_look: Option<Duration>,
    last_phase: Option<Phase>,
}

impl AwsPolling {
    /// Whether AWS is read in this look. If it is, the interval begins anew.
    pub fn is_due(&mut self, clock: &SimulatedClock, phase: Phase) -> bool {
        let elapsed = clock.elapsed();
        let pause = TIMING.aws_poll;
        let began = self.last_phase.replace(phase) != Some(phase);
        let due = began || self.last_look.is_none_or(|last| elapsed.saturating_sub(last) >= pause);
        if due {
            self.last_look = Some(elapsed);
        }
        due
    }

    /// A call was sent: AWS is read in the next look.
    pub fn call_sent(&mut self) {
        self.last_look = None;
    }
}
