//! Timing: the stack's timing parameters, checked against each other.

use std::time::Duration;

use thiserror::Error;

/// The timing parameters of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The pause between two looks at the application.
    pub poll: Duration,
    /// The pause between two looks at the state of AWS.
    pub aws_poll: Duration,
    /// The longest duration of one call to AWS.
    pub call_deadline: Duration,
    /// The lease: its holder sends mutating calls for half of it; taking it over waits for all of it and more.
    pub lease: Duration,
    /// The time after which the lease is renewed.
    pub renew: Duration,
    /// The margin added wherever clocks of two machines may differ.
    pub margin: Duration,
    /// How long a call whose answer was lost may still be executed: the life of a frozen Lambda sandbox.
    pub settle: Duration,
    /// The longest timeout of a function.
    pub function_timeout: Duration,
    /// The greatest age of the watchdog's last heartbeat at which a run may inject.
    pub heartbeat_fresh: Duration,
}

/// Timing parameters that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the stack's timing does not fit together: {0}")]
pub struct TimingError(String);

impl Timing {
    /// The timing of a stack that keeps the defaults of `infra/template.yaml`.
    pub const DEFAULT: Self = Self {
        poll: Duration::from_secs(1),
        aws_poll: Duration::from_secs(5),
        call_deadline: Duration::from_secs(10),
        lease: Duration::from_mins(1),
        renew: Duration::from_secs(15),
        margin: Duration::from_secs(10),
        settle: Duration::from_mins(15),
        function_timeout: Duration::from_mins(15),
        heartbeat_fresh: Duration::from_mins(3),
    };

    /// Checks the parameters against each other.
    ///
    /// # Errors
    /// Names the parameters and what must hold between them.
    pub fn checked(self) -> Result<Self, TimingError> {
        let Self { poll, aws_poll, call_deadline, lease, renew, settle, .. } = self;
        let fail = |text: String| Err(TimingError(text));
        if poll.is_zero() || aws_poll < poll {
            return fail(format!(
                "pollMs ({poll:?}) must be at least 1 and at most awsPollMs ({aws_poll:?})"
            ));
        }
        if lease / 2 <= renew + call_deadline {
            return fail(format!(
                "half of leaseMs ({lease:?}) must be more than renewMs ({renew:?}) and callDeadlineMs \
                 ({call_deadline:?}) together"
            ));
        }
        if settle < self.function_timeout {
            return fail(format!(
                "settleMs ({settle:?}) must be at least the function's timeout ({:?})",
                self.function_timeout
            ));
        }
        Ok(self)
    }

    /// How long the holder of a lease may send mutating calls after it acquired or renewed it.
    #[must_use]
    pub fn half_lease(&self) -> Duration {
        self.lease / 2
    }
    /// How long the head must have kept one version before its lease may be taken over.
    #[must_use]
    pub const fn takeover(&self) -> Duration {
        self.lease.saturating_add(self.call_deadline).saturating_add(self.margin)
    }
}
