//! How AWS is spoken to: two configurations, because a read may be repeated and a change may not.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

/// Two loaded configurations of the SDK. Endpoint, credentials and home Region come from the
/// environment.
#[derive(Clone, Debug)]
pub struct Connection {
    reads: SdkConfig,
    mutating: SdkConfig,
}

impl Connection {
    /// Loads them. Every operation ends within `call_deadline`.
    pub async fn load(call_deadline: Duration) -> Self {
        let loaded = aws_config::defaults(BehaviorVersion::latest()).load().await;
        Self::over(&loaded, call_deadline)
    }

    /// Over a configuration that was loaded elsewhere.
    #[must_use]
    pub fn over(loaded: &SdkConfig, call_deadline: Duration) -> Self {
        let reads = loaded
            .to_builder()
            // Never adaptive: after one throttle it holds back for longer than a drill can wait.
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts(call_deadline, call_deadline * 2 / 5))
            .build();
        // Nothing that changes something is ever sent twice by itself: whether to send it again is
        // for the loop to decide, which knows what a second one would do.
        let mutating = reads
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(call_deadline, call_deadline))
            .build();
        Self { reads, mutating }
    }

    /// For calls that may be repeated.
    #[must_use]
    pub const fn reads(&self) -> &SdkConfig {
        &self.reads
    }

    /// For calls that are sent once.
    #[must_use]
    pub const fn mutating(&self) -> &SdkConfig {
        &self.mutating
    }

    /// The same, to another Region. An empty name means the home Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        if region.is_empty() {
            return self.clone();
        }
        let there = |config: &SdkConfig| config.to_builder().region(Region::new(region.to_owned())).build();
        Self { reads: there(&self.reads), mutating: there(&self.mutating) }
    }

    /// The home Region; empty if there is none.
    #[must_use]
    pub fn region(&self) -> &str {
        self.reads.region().map(AsRef::as_ref).unwrap_or_default()
    }
}

/// One attempt is cut off early enough that another one fits into the operation.
fn timeouts(operation: Duration, attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt.min(Duration::from_secs(2)))
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}
