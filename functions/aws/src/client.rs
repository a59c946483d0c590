//! Connection to AWS: one SDK configuration for reads, which may be retried, and one for mutating calls, which may
//! not. Its clients, and what they answer in the words of `firedrill_drills`: failures and pages.

use std::{error::Error, iter, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient,
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use firedrill_drills::{
    Failure,
    failure::Answer,
    ports::{Next, Page, Token},
};
use hyper_util::client::legacy;

/// The most characters of a message.
const MAX_MESSAGE: usize = 600;

/// Two configurations of the SDK. Endpoint, credentials and home Region come from the environment.
#[derive(Clone, Debug)]
pub struct Connection {
    /// For calls that the SDK may send again.
    pub reads: SdkConfig,
    /// For calls that are sent once.
    pub mutating: SdkConfig,
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
            .http_client(without_kept_connections())
            .build();
        Self { reads, mutating }
    }

    /// The connection to the control planes of global services (CloudFront, Route 53), in the partition of the home Region.
    /// Requests to them are signed for the Region in which they lie.
    #[cfg(any(feature = "cloudfront", feature = "route53"))]
    pub(crate) fn global(&self) -> Self {
        let home = region_of(&self.reads);
        let region = if home.starts_with("cn-") {
            "cn-northwest-1"
        } else if home.starts_with("us-gov-") {
            "us-gov-west-1"
        } else {
            "us-east-1"
        };
        Self { reads: in_region(&self.reads, region), mutating: in_region(&self.mutating, region) }
    }
}

/// The SDK's own HTTP client, but for this: each call makes a connection of its own. One that was kept may have died while
/// Lambda had frozen the sandbox, and a call that is written to it fails in a way that proves nothing.
fn without_kept_connections() -> SharedHttpClient {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().pool_max_idle_per_host(0).tls_provider(provider.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
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

/// The clients of one service, for reads and for mutating calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients<C> {
    pub reads: Regional<C>,
    pub mutating: Regional<C>,
}

impl<C: Clone> Clients<C> {
    /// Those that `build` makes over this connection.
    pub fn new(connection: &Connection, build: fn(&SdkConfig) -> C) -> Self {
        Self {
            reads: Regional::new(&connection.reads, build),
            mutating: Regional::new(&connection.mutating, build),
        }
    }
}

/// A client of one service in any Region: that of the function's own Region is built once, that of another when it is
/// needed. All share the HTTP client of the connection.
#[derive(Clone, Debug)]
pub struct Regional<C> {
    config: SdkConfig,
    /// The client for the function's own Region.
    pub(crate) home: C,
    build: fn(&SdkConfig) -> C,
}

impl<C: Clone> Regional<C> {
    /// Those that `build` makes.
    #[must_use]
    pub fn new(config: &SdkConfig, build: fn(&SdkConfig) -> C) -> Self {
        Self { config: config.clone(), home: build(config), build }
    }

    /// The client for this Region. An empty name means the function's own.
    #[must_use]
    pub fn at(&self, region: &str) -> C {
        if region.is_empty() || region == region_of(&self.config) {
            return self.home.clone();
        }
        (self.build)(&in_region(&self.config, region))
    }
}

fn region_of(config: &SdkConfig) -> &str {
    config.region().map(AsRef::as_ref).unwrap_or_default()
}

fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}

/// The failure that an error of the SDK in this call means. The request's id, if AWS sent one, ends the message. What the
/// failure proves is decided in `firedrill_drills`.
pub fn failure<E>(action: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| {
        let answer = match &error {
            SdkError::ConstructionFailure(_) => Answer::NotSent,
            SdkError::ServiceError(answer) => Answer::Error {
                code: answer.err().code().unwrap_or_default().to_owned(),
                status: answer.raw().status().as_u16(),
            },
            SdkError::DispatchFailure(unsent) if never_connected(unsent.as_connector_error()) => {
                Answer::NotConnected
            }
            // Sent perhaps, not answered in time, or answered in a form that the SDK cannot read.
            _ => Answer::None,
        };
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let text = meta.and_then(|meta| meta.message());
        let mut message = text.map_or_else(|| DisplayErrorContext(&error).to_string(), str::to_owned);
        if let Some((cut, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(cut);
            message.push('…');
        }
        if let Some(id) = meta.and_then(|meta| meta.extra("aws_request_id")) {
            message.push_str(" (request ");
            message.push_str(id);
            message.push(')');
        }
        Failure { action, answer, message }
    }
}

/// Whether this error proves that no connection was made, and so nothing was sent: the name did not resolve, or nobody took
/// the connection in time. An error of a connection that was made proves nothing: the call may have been sent over it.
fn never_connected(error: Option<&ConnectorError>) -> bool {
    let first = error.map(|error| error as &(dyn Error + 'static));
    let whole = iter::successors(first, |&error| error.source());
    whole.filter_map(|error| error.downcast_ref::<legacy::Error>()).any(legacy::Error::is_connect)
}

/// The token of the page to read, as the SDK takes it.
pub(crate) fn token(page: Next<'_>) -> Option<String> {
    page.map(|token| token.0.clone())
}

/// One page, and where the next one begins. AWS answers the last page without a token, or with an empty one.
pub(crate) fn page<T>(items: impl IntoIterator<Item = T>, next: Option<String>) -> Page<T> {
    Page { items: items.into_iter().collect(), next: next.filter(|token| !token.is_empty()).map(Token) }
}

#[cfg(all(test, feature = "sns"))]
mod tests;
