//! The clocks. Nothing else here reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day, in milliseconds since the Unix epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub fn epoch_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A moment of a clock that is never set.
#[derive(Clone, Copy, Debug)]
pub struct Since(Instant);

impl Since {
    /// Now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How long ago that was; nothing if it lies ahead.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub fn age(then: SystemTime) -> Duration {
    SystemTime::now().duration_since(then).unwrap_or_default()
}
