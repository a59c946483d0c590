//! SNS: the topic of notices, and who subscribed to it.

use aws_sdk_sns::Client;
use firedrill_core::request::Arn;
#[cfg(feature = "widget")]
use firedrill_scorecard::ports::{Next, Page, Subscribers, Subscription};
use firedrill_scorecard::ports::{NoticeTopic, Reply};

use crate::{
    client::{Clients, Connection, failure},
    sns::fitting,
};
#[cfg(feature = "widget")]
use crate::{
    client::{page, token},
    scorecard::ScorecardCloud,
    sns::subscription,
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
    /// The subject is made to fit, as that of a page is.
    async fn publish(&self, subject: &str, text: &str) -> Reply<()> {
        let call = self.clients.mutating.at(self.arn.region()).publish().topic_arn(self.arn.as_str());
        let sent = call.set_subject(fitting(subject)).message(text).send().await;
        sent.map(drop).map_err(failure("sns:Publish"))
    }
}

#[cfg(feature = "widget")]
impl Subscribers for ScorecardCloud {
    async fn subscriptions(&self, next: Next<'_>) -> Reply<Page<Subscription>> {
        let NoticesTopic { clients, arn } = &self.topic;
        let call = clients.reads.at(arn.region()).list_subscriptions_by_topic();
        let sent = call.topic_arn(arn.as_str()).set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("sns:ListSubscriptionsByTopic"))?;
        Ok(page(answer.subscriptions.unwrap_or_default().into_iter().map(subscription), answer.next_token))
    }
}
