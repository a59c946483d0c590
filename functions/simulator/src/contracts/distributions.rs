//! CloudFront: a distribution's origins.

use firedrill_core::request::OPT_IN_TAG;
use firedrill_drills::{
    Failure,
    failure::Answer,
    ports::{Distribution, Distributions, Origins},
};

use super::{Outside, refusal, until};

/// The distribution that a suite points elsewhere and back.
#[derive(Clone, Debug)]
pub struct DistributionSubject {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The origin of its default behaviour.
    pub from: String,
    /// Another one of its origins.
    pub to: String,
    /// The id of a distribution that does not exist.
    pub missing: String,
}

/// The suite of [`Distributions`].
///
/// # Panics
/// A promise is broken.
pub async fn distributions(aws: &impl Distributions, of: &DistributionSubject, outside: &impl Outside) {
    is_read(aws, of).await;
    nothing_wrong_is_sent(aws, of).await;
    let (before, first) = aws.get_distribution(&of.id).await.unwrap();
    let (same, second) = aws.get_distribution(&of.id).await.unwrap();
    assert_eq!(before, same, "nothing has changed");
    aws.update_origins(first, &before.etag, &default(&of.to)).await.unwrap();
    let (after, _) = aws.get_distribution(&of.id).await.unwrap();
    assert_ne!(after.etag, before.etag, "each configuration is a version of its own");
    let pointed = |origin: &str, now: &Distribution| Distribution {
        default_origin: origin.to_owned(),
        etag: now.etag.clone(),
        deployed: now.deployed,
        ..before.clone()
    };
    assert_eq!(after, pointed(&of.to, &after), "and nothing else has changed");

    // Somebody read the version before, and is too late.
    assert_eq!(
        refusal(aws.update_origins(second, &same.etag, &default(&of.from)).await),
        "PreconditionFailed"
    );
    let (kept, config) = aws.get_distribution(&of.id).await.unwrap();
    assert_eq!(kept, pointed(&of.to, &kept), "a lost race changes nothing");
    // What decides is the version that is sent, not the configuration.
    assert_eq!(
        refusal(aws.update_origins(config, &same.etag, &default(&of.from)).await),
        "PreconditionFailed"
    );
    deployed(aws, of, outside).await;

    let (now, config) = aws.get_distribution(&of.id).await.unwrap();
    assert_eq!(now.etag, kept.etag, "neither a lost race nor its deployment is a version");
    aws.update_origins(config, &now.etag, &default(&of.from)).await.unwrap();
    let back = deployed(aws, of, outside).await;
    assert_eq!(back, pointed(&of.from, &back));
}

fn default(origin: &str) -> Origins {
    Origins::from([(None, origin.to_owned())])
}

async fn deployed(
    aws: &impl Distributions,
    of: &DistributionSubject,
    outside: &impl Outside,
) -> Distribution {
    until(outside, "all edges have the configuration", async || {
        let (read, _) = aws.get_distribution(&of.id).await.unwrap();
        read.deployed.then_some(read)
    })
    .await
}

async fn is_read(aws: &impl Distributions, of: &DistributionSubject) {
    let (read, _) = aws.get_distribution(&of.id).await.unwrap();
    assert_eq!((read.arn.as_str(), read.default_origin.as_str()), (of.arn.as_str(), of.from.as_str()));
    assert!(read.enabled && !read.etag.is_empty(), "{read:?}");
    assert!(read.origins.contains(&of.from) && read.origins.contains(&of.to), "{read:?}");
    let tags = aws.distribution_tags(&of.arn).await.unwrap();
    assert_eq!(tags.get(OPT_IN_TAG.0).map(String::as_str), Some(OPT_IN_TAG.1));
    let Err(failure) = aws.get_distribution(&of.missing).await else { panic!("it does not exist") };
    assert_eq!(failure.code(), "NoSuchDistribution");
    assert_eq!(refusal(aws.distribution_tags(&of.arn.replace(&of.id, &of.missing)).await), "NoSuchResource");
}

async fn nothing_wrong_is_sent(aws: &impl Distributions, of: &DistributionSubject) {
    let (before, config) = aws.get_distribution(&of.id).await.unwrap();
    let pattern = Origins::from([(Some("/of/nobody/*".to_owned()), of.to.clone())]);
    let unsent = aws.update_origins(config, &before.etag, &pattern).await;
    assert!(matches!(unsent, Err(Failure { answer: Answer::NotSent, .. })), "{unsent:?}");
    let (_, config) = aws.get_distribution(&of.id).await.unwrap();
    let unsent = aws.update_origins(config, &before.etag, &Origins::new()).await;
    assert!(matches!(unsent, Err(Failure { answer: Answer::NotSent, .. })), "{unsent:?}");
    let (_, config) = aws.get_distribution(&of.id).await.unwrap();
    assert_eq!(refusal(aws.update_origins(config, &before.etag, &default("nobody")).await), "NoSuchOrigin");
    let (_, config) = aws.get_distribution(&of.id).await.unwrap();
    let invalid = refusal(aws.update_origins(config, "no version", &default(&of.to)).await);
    assert_eq!(invalid, "InvalidIfMatchVersion");
    assert_eq!(aws.get_distribution(&of.id).await.unwrap().0, before, "a refused call changes nothing");
}
