//! SNS: the topic of notices, and who subscribed to it.

use aws_sdk_sns::Client;
use firedrill_core::request::Arn;
#[cfg(feature = "widget")]
use firedrill_scorecard::ports::{Next, Page, Subscribers, Subscription};
use firedrill_scorecard::ports::{NoticeTopic, Reply};

#[cfg(feature = "widget")]
use crate::scorecard::ScorecardCloud;
use crate::{
    client::{Clients, Connection},
    sns,
};

/// The topic of notices.
#[derive(Clone, Debug)]
pub struct NoticesTopic {
    clients: Clients<Client>,
    arn: Arn,
}

impl NoticesTopic {
    /// The topic with this ARN. A notice is sent once: a second message would be a second notice.
    #[must_use]
    pub fn new(connection: &Connection, arn: Arn) -> Self {
        Self { clients: Clients::new(connection, Client::new), arn }
    }
}

impl NoticeTopic for NoticesTopic {
    async fn publish(&self, subject: &str, text: &str) -> Reply<()> {
        sns::publish(&self.clients, &self.arn, subject, text).await
    }
}

#[cfg(feature = "widget")]
impl Subscribers for ScorecardCloud {
    async fn subscriptions(&self, next: Next<'_>) -> Reply<Page<Subscription>> {
        sns::subscriptions(&self.topic.clients, &self.topic.arn, next).await
    }
}
