//! SNS: topics.

use firedrill_core::request::Arn;

use super::{Next, Page, Reply};

/// A subscription to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `lambda`, `email`, `https`, …
    pub protocol: String,
    /// The function's ARN, an address, a URL.
    pub endpoint: String,
    /// Whether messages are delivered to it. An unconfirmed subscription has `PendingConfirmation` in place of its
    /// ARN (API reference, `Subscribe`).
    pub confirmed: bool,
}

/// SNS.
pub trait Topics {
    /// `Publish`, sent once. The subject is cut to what SNS accepts.
    async fn publish(&self, topic: &Arn, subject: &str, text: &str) -> Reply<()>;

    /// `ListSubscriptionsByTopic`.
    async fn subscriptions(&self, topic: &Arn, page: Next<'_>) -> Reply<Page<Subscription>>;
}
