//! The stack's numbers, checked against each other.

use std::time::Duration;

use thiserror::Error;

/// How fast we look and how long we wait. All in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two looks at the application.
    pub poll_ms: u64,
    /// Between two looks at the state of AWS.
    pub aws_poll_ms: u64,
    /// Every call to AWS ends within this.
    pub call_deadline_ms: u64,
    /// A holder mutates for half of this; a taker waits for all of it and more.
    pub lease_ms: u64,
    /// The lease is renewed this often.
    pub renew_ms: u64,
    /// Added wherever clocks or machines may differ.
    pub margin_ms: u64,
    /// A call whose answer was lost may land for so long: a frozen sandbox's life.
    pub settle_ms: u64,
    /// The longest an invocation may live.
    pub function_timeout_ms: u64,
    /// Nothing is injected unless the watchdog's last heartbeat is younger.
    pub heartbeat_fresh_ms: u64,
}

/// Numbers that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the stack's timing does not fit together: {0}")]
pub struct TimingError(String);

impl Timing {
    /// The numbers of a stack whose parameters are left as `infra/template.yaml` has them.
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

    /// Checks the numbers against each other.
    ///
    /// # Errors
    /// Names the numbers and what must hold between them.
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

    /// See `poll_ms`.
    #[must_use]
    pub const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
    /// See `renew_ms`.
    #[must_use]
    pub const fn renew(&self) -> Duration {
        Duration::from_millis(self.renew_ms)
    }
    /// See `call_deadline_ms`.
    #[must_use]
    pub const fn call_deadline(&self) -> Duration {
        Duration::from_millis(self.call_deadline_ms)
    }
    /// How long a holder may mutate after it made the lease its own.
    #[must_use]
    pub const fn half_lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms / 2)
    }
    /// How long a taker must have seen the same version.
    #[must_use]
    pub const fn takeover(&self) -> Duration {
        Duration::from_millis(self.lease_ms + self.call_deadline_ms + self.margin_ms)
    }
}
