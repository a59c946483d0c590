//! Connection to AWS: one SDK configuration for reads, which may be retried, and one for mutating calls, which may
//! not.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

/// Two configurations of the SDK. Endpoint, credentials and home Region come from the environment.
#[derive(Clone, Debug)]
pub struct Connection {
    reads: SdkConfig,
    mutating: SdkConfig,
}

impl Connection {
    /// Loads both from the environment. Every operation, retries included, ends within `call_deadline`.
    pub async fn load(call_deadline: Duration) -> Self {
        let loaded = aws_config::defaults(BehaviorVersion::latest()).load().await;
        Self::over(&loaded, call_deadline)
    }

    /// Both, from a configuration that was loaded elsewhere.
    #[must_use]
    pub fn over(loaded: &SdkConfig, call_deadline: Duration) -> Self {
        let reads = loaded
            .to_builder()
            // Not adaptive: after one throttled call, that mode delays others for longer than a drill can wait.
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts(call_deadline, call_deadline * 2 / 5))
            .build();
        // The SDK never sends a mutating call twice. The loop decides whether to send it again: it knows what a
        // second one would do.
        let mutating = reads
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(call_deadline, call_deadline))
            .build();
        Self { reads, mutating }
    }

    /// The configuration for calls that the SDK may send again.
    #[must_use]
    pub const fn reads(&self) -> &SdkConfig {
        &self.reads
    }

    /// The configuration for calls that are sent once.
    #[must_use]
    pub const fn mutating(&self) -> &SdkConfig {
        &self.mutating
    }

    /// The same connection to another Region. An empty name means the home Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        if region.is_empty() {
            return self.clone();
        }
        let in_region =
            |config: &SdkConfig| config.to_builder().region(Region::new(region.to_owned())).build();
        Self { reads: in_region(&self.reads), mutating: in_region(&self.mutating) }
    }

    /// The home Region; empty if there is none.
    #[must_use]
    pub fn region(&self) -> &str {
        self.reads.region().map(AsRef::as_ref).unwrap_or_default()
    }
}

/// The clients of one service: those of the function's own Region are built once, those of another when they are needed.
/// All share the HTTP client of the connection.
#[derive(Clone, Debug)]
pub struct Regional<T> {
    connection: Connection,
    home: T,
    build: fn(&Connection) -> T,
}

impl<T: Clone> Regional<T> {
    /// Those that `build` makes over a connection to one Region.
    #[must_use]
    pub fn new(connection: &Connection, build: fn(&Connection) -> T) -> Self {
        Self { connection: connection.clone(), home: build(connection), build }
    }

    /// The clients for this Region.
    #[must_use]
    pub fn at(&self, region: &str) -> T {
        if region == self.connection.region() {
            self.home.clone()
        } else {
            (self.build)(&self.connection.in_region(region))
        }
    }
}

/// Timeouts of an operation and of each of its attempts. An attempt shorter than the operation leaves time for
/// another.
fn timeouts(operation: Duration, attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(attempt.min(Duration::from_secs(2)))
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}
