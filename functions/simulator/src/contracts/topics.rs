//! SNS: topics.

use firedrill_core::request::Arn;
use firedrill_drills::ports::{Next, Subscription, Topics};

use super::{Outside, pages, refusal, until};

/// The topic that a suite publishes to.
#[derive(Clone, Debug)]
pub struct TopicsSubject {
    /// Its ARN.
    pub topic: Arn,
    /// Its subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// A topic that does not exist.
    pub missing: Arn,
    /// On how many pages the subscriptions come, at least.
    pub pages: usize,
}

/// The suite of [`Topics`].
///
/// # Panics
/// A promise is broken.
pub async fn topics(aws: &impl Topics, of: &TopicsSubject, outside: &impl Outside) {
    let subject = format!("held:\r\nthe primary is ill… {}", "and more ".repeat(40));
    let text = "a run is held\nand waits for an operator: é";
    aws.publish(&of.topic, &subject, text).await.unwrap();
    aws.publish(&of.topic, "", "without a subject").await.unwrap();
    let messages = until(outside, "both messages", async || {
        Some(outside.messages(of.topic.as_str()).await).filter(|messages| messages.len() > 1)
    })
    .await;
    assert_eq!(messages, [text, "without a subject"]);
    assert_eq!(refusal(aws.publish(&of.missing, "held", text).await), "NotFound");

    let found = pages::all(async |page: Next<'_>| aws.subscriptions(&of.topic, page).await).await;
    let expected: Vec<String> = of.subscriptions.iter().map(|one| format!("{one:?}")).collect();
    pages::assert_same(found, |one| format!("{one:?}"), &expected, of.pages);
    assert_eq!(refusal(aws.subscriptions(&of.missing, None).await), "NotFound");
}
