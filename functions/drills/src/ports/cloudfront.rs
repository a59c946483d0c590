//! CloudFront: a distribution's origins by behaviour.

use std::collections::BTreeMap;

use firedrill_core::failover::Attachments;

use super::Reply;

/// One distribution as it is configured. Until it is deployed, edges may serve an older configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `arn:aws:cloudfront::…:distribution/…`
    pub arn: String,
    /// The version of the configuration; a change must send it back.
    pub etag: String,
    /// Whether all edges have this configuration.
    pub deployed: bool,
    /// Whether it is enabled: a disabled distribution answers no request.
    pub enabled: bool,
    /// The ids of its origins, without those of origin groups.
    pub origins: Vec<String>,
    /// The origin, or origin group, of the default behaviour; empty if the answer does not say.
    pub default_origin: String,
    /// The origin, or origin group, of each other behaviour, by path pattern.
    pub behaviors: BTreeMap<String, String>,
    /// What of other services it is configured with.
    pub attachments: Attachments,
}

/// The origin of the default behaviour (no pattern) and of others (by path pattern).
pub type Origins = BTreeMap<Option<String>, String>;

/// CloudFront.
pub trait Distributions {
    /// The whole configuration of a distribution, to be sent back with a change.
    type Config;

    /// `GetDistribution`: version, status and configuration, of one read.
    async fn get_distribution(&self, id: &str) -> Reply<(Distribution, Self::Config)>;

    /// `ListTagsForResource`: the tags of a distribution. The answer has no pages.
    async fn distribution_tags(&self, arn: &str) -> Reply<BTreeMap<String, String>>;

    /// `UpdateDistribution`, sent once: sets these origins in the configuration whose version is `etag`, and changes nothing
    /// else. If the distribution has another version by now, AWS changes nothing. Edges get the new configuration minutes
    /// later.
    async fn update_origins(&self, config: Self::Config, etag: &str, origins: &Origins) -> Reply<()>;
}
