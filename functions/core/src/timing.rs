//! Timing: the stack's timing parameters, checked against each other.

use std::time::Duration;

use thiserror::Error;

/// The timing parameters of a stack. All in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The pause between two looks at the application.
    pub poll_ms: u64,
    /// The pause between two looks at the state of AWS.
    pub aws_poll_ms: u64,
    /// The longest duration of one call to AWS.
    pub call_deadline_ms: u64,
    /// The lease: its holder sends mutating calls for half of it; taking it over waits for all of it and more.
    pub lease_ms: u64,
    /// The time after which the lease is renewed.
    pub renew_ms: u64,
    /// The margin added wherever clocks of two machines may differ.
    pub margin_ms: u64,
    /// How long a call whose answer was lost may still be executed: the life of a frozen Lambda sandbox.
    pub settle_ms: u64,
    /// The longest timeout of a function.
    pub function_timeout_ms: u64,
    /// The greatest age of the watchdog's last heartbeat at which a run may inject.
    pub heartbeat_fresh_ms: u64,
}

/// Timing parameters that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the stack's timing does not fit together: {0}")]
pub struct TimingError(String);

impl Timing {
    /// The timing of a stack that keeps the defaults of `infra/template.yaml`.
    pub const DEFAULT: Self = Self {
        poll_ms: 1_000,
        aws_poll_ms: 5_000,
        call_deadline_ms: 10_000,
        lease_ms: 60_000,
        renew_ms: 15_000,
        margin_ms: 10_000,
        settle_ms: 900_000,
        function_timeout_ms: 900_000,
        heartbeat_fresh_ms: 180_000,
    };

    /// Checks the parameters against each other.
    ///
    /// # Errors
    /// Names the parameters and what must hold between them.
    pub fn checked(self) -> Result<Self, TimingError> {
        let Self { poll_ms, aws_poll_ms, call_deadline_ms, lease_ms, renew_ms, settle_ms, .. } = self;
        let fail = |text: String| Err(TimingError(text));
        if poll_ms == 0 || aws_poll_ms < poll_ms {
            return fail(format!(
                "pollMs ({poll_ms}) must be at least 1 and at most awsPollMs ({aws_poll_ms})"
            ));
        }
        if lease_ms / 2 <= renew_ms + call_deadline_ms {
            return fail(format!(
                "half of leaseMs ({lease_ms}) must be more than renewMs ({renew_ms}) and callDeadlineMs \
                 ({call_deadline_ms}) together"
            ));
        }
        if settle_ms < self.function_timeout_ms {
            return fail(format!(
                "settleMs ({settle_ms}) must be at least the function's timeout ({} ms)",
                self.function_timeout_ms
            ));
        }
        Ok(self)
    }

    /// [`Self::poll_ms`] as a duration.
    #[must_use]
    pub const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
    /// [`Self::renew_ms`] as a duration.
    #[must_use]
    pub const fn renew(&self) -> Duration {
        Duration::from_millis(self.renew_ms)
    }
    /// [`Self::call_deadline_ms`] as a duration.
    #[must_use]
    pub const fn call_deadline(&self) -> Duration {
        Duration::from_millis(self.call_deadline_ms)
    }
    /// How long the holder of a lease may send mutating calls after it acquired or renewed it.
    #[must_use]
    pub const fn half_lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms / 2)
    }
    /// How long the head must have kept one version before its lease may be taken over.
    #[must_use]
    pub const fn takeover(&self) -> Duration {
        Duration::from_millis(self.lease_ms + self.call_deadline_ms + self.margin_ms)
    }
}
