//! Clocks: the time of day and monotonic time. Nothing else in this package reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day, in milliseconds since the Unix epoch; 0 if the host's clock stands before it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub fn epoch_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A moment of the monotonic clock, which is never set back.
#[derive(Clone, Copy, Debug)]
pub struct Since(Instant);

impl Since {
    /// The present moment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// The time that has passed since this moment.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How long ago `then` was; zero if it lies in the future.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub fn age(then: SystemTime) -> Duration {
    SystemTime::now().duration_since(then).unwrap_or_default()
}
