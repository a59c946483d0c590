//! The clocks. Nothing else in the functions reads one.

use std::{
    future::Future,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use firedrill_core::{Timestamp, ports::Clock};

/// The clocks of this machine, as one invocation sees them.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    began: Instant,
}

impl SystemClock {
    /// An invocation begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }
}

/// Milliseconds since the Unix epoch as a moment.
pub(crate) fn moment(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
    fn now(&self) -> Timestamp {
        moment(SystemTime::now())
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(span)
    }
}
