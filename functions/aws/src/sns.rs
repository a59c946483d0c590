//! SNS: publishes pages, and lists the subscriptions of a topic.

use aws_sdk_sns::{Client, types::Subscription as SdkSubscription};
use firedrill_core::request::Arn;
use firedrill_drills::ports::{Next, Page, Reply, Subscription, Topics};

use crate::{
    Cloud,
    client::{Clients, failure, page, token},
};

/// The most characters of a subject: fewer than 100 (API reference, `Publish`).
const MAX_SUBJECT: usize = 99;

impl Topics for Cloud {
    async fn publish(&self, topic: &Arn, subject: &str, text: &str) -> Reply<()> {
        publish(&self.sns, topic, subject, text).await
    }

    async fn subscriptions(&self, topic: &Arn, next: Next<'_>) -> Reply<Page<Subscription>> {
        subscriptions(&self.sns, topic, next).await
    }
}

/// The subject is cut and cleaned of line breaks and control characters (API reference, `Publish`), and of characters
/// outside ASCII, which older versions of that reference forbid.
pub(crate) async fn publish(clients: &Clients<Client>, topic: &Arn, subject: &str, text: &str) -> Reply<()> {
    let call = clients.mutating.at(topic.region()).publish().topic_arn(topic.as_str());
    let sent = call.set_subject(fitting(subject)).message(text).send().await;
    sent.map(drop).map_err(failure("sns:Publish"))
}

pub(crate) async fn subscriptions(
    clients: &Clients<Client>,
    topic: &Arn,
    next: Next<'_>,
) -> Reply<Page<Subscription>> {
    let call = clients.reads.at(topic.region()).list_subscriptions_by_topic().topic_arn(topic.as_str());
    let answer =
        call.set_next_token(token(next)).send().await.map_err(failure("sns:ListSubscriptionsByTopic"))?;
    Ok(page(answer.subscriptions.unwrap_or_default().into_iter().map(subscription), answer.next_token))
}

fn subscription(subscription: SdkSubscription) -> Subscription {
    Subscription {
        protocol: subscription.protocol.unwrap_or_default(),
        endpoint: subscription.endpoint.unwrap_or_default(),
        confirmed: subscription.subscription_arn.is_some_and(|arn| arn.starts_with("arn:")),
    }
}

/// The subject in the form that SNS accepts; none if no character of it is left.
fn fitting(subject: &str) -> Option<String> {
    let plain = |character: char| match character {
        ' '..='~' => character,
        _ if character.is_control() || character.is_whitespace() => ' ',
        _ => '?',
    };
    let plain: String = subject.chars().map(plain).collect();
    let short: String = plain.trim().chars().take(MAX_SUBJECT).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_made_to_fit() {
        assert_eq!(fitting("Firedrill: held").as_deref(), Some("Firedrill: held"));
        assert_eq!(fitting(" held:\r\nthe\tprimary is ill… ").as_deref(), Some("held:  the primary is ill?"));
        assert_eq!(fitting("\u{2028}\u{85}\u{7}"), None);
        assert_eq!(fitting(&"é".repeat(300)).unwrap().len(), 99);
        let with_end = format!("{} and more", "x".repeat(98));
        assert_eq!(fitting(&with_end).unwrap().len(), 98, "no space at the end");
    }
}
