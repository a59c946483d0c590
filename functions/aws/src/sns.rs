//! SNS: a page to people, and who is subscribed to a topic.

use aws_sdk_sns::Client;

use crate::{client::Connection, error::Failure};

/// A subject must have fewer than 100 characters (API reference, `Publish`).
const MAX_SUBJECT: usize = 99;

/// SNS in one Region: that of the topics.
#[derive(Clone, Debug)]
pub struct Sns {
    reads: Client,
    mutating: Client,
}

/// Who gets what is published to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// `lambda`, `email`, `https`, …
    pub protocol: String,
    /// The function's ARN, an address, a URL.
    pub endpoint: String,
    /// Whether anything is sent there yet. Until somebody confirms a subscription it has
    /// `PendingConfirmation` in the place of an ARN (API reference, `Subscribe`).
    pub confirmed: bool,
}

impl Sns {
    /// SNS in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()), mutating: Client::new(connection.mutating()) }
    }

    /// Publishes one message, sent once. The subject is made to fit: without line breaks or control
    /// characters, and short (API reference, `Publish`), and in ASCII, as older versions of that
    /// reference ask.
    ///
    /// # Errors
    /// It was refused, or not answered.
    pub async fn publish(&self, topic_arn: &str, subject: &str, text: &str) -> Result<(), Failure> {
        let call = self.mutating.publish().topic_arn(topic_arn).set_subject(fitting(subject));
        let sent = call.message(text).send().await;
        sent.map(|_| ()).map_err(|error| Failure::of("sns:Publish", &error))
    }

    /// The subscriptions of this topic.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn subscriptions(&self, topic_arn: &str) -> Result<Vec<Subscription>, Failure> {
        let mut pages = self.reads.list_subscriptions_by_topic().topic_arn(topic_arn).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of("sns:ListSubscriptionsByTopic", &error))?;
            for one in page.subscriptions.unwrap_or_default() {
                found.push(Subscription {
                    protocol: one.protocol.unwrap_or_default(),
                    endpoint: one.endpoint.unwrap_or_default(),
                    confirmed: one.subscription_arn.is_some_and(|arn| arn.starts_with("arn:")),
                });
            }
        }
        Ok(found)
    }
}

/// The subject as SNS takes it; none if nothing is left of it.
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
