//! CloudFront: where a distribution's behaviours point, and pointing them elsewhere.

use std::collections::BTreeMap;

use aws_sdk_cloudfront::{
    Client,
    types::{CacheBehaviors, Distribution as SdkDistribution, DistributionConfig, Origins},
};

use crate::{
    client::Connection,
    error::{Failure, Proof},
};

/// What CloudFront says when all of its edges have a configuration. Else it says `InProgress` (API
/// reference, `Distribution`).
const DEPLOYED: &str = "Deployed";

/// CloudFront. It is one for all Regions: the SDK resolves its one endpoint, and signs for the Region
/// that this one lies in (`us-east-1`), whatever the Region of the connection; with an endpoint that was
/// set, it signs for the connection's Region (`aws-sdk-cloudfront`, `config/endpoint.rs`).
#[derive(Clone, Debug)]
pub struct CloudFront {
    reads: Client,
    mutating: Client,
}

/// One distribution as it is configured, which need not be what its edges serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// `arn:aws:cloudfront::…:distribution/…`
    pub arn: String,
    /// Such as `E2EXAMPLE`.
    pub id: String,
    /// The version of the configuration, which a change of it must name.
    pub etag: String,
    /// Whether all edges have this configuration.
    pub deployed: bool,
    /// Whether it answers at all.
    pub enabled: bool,
    /// Such as `d111111abcdef8.cloudfront.net`.
    pub domain: String,
    /// The ids of its origins. Those of origin groups are not among them.
    pub origins: Vec<String>,
    /// Where the default behaviour points. May be an origin group; empty if the answer does not say.
    pub default_origin: String,
    /// Where the other behaviours point, by their path pattern.
    pub behaviors: BTreeMap<String, String>,
}

/// The whole configuration of a distribution, to be sent back with a change. A field that this version
/// of the SDK does not know is lost on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct DistributionConfig {
    id: String,
    config: DistributionConfig,
}

impl CloudFront {
    /// CloudFront, as this connection reaches it.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()), mutating: Client::new(connection.mutating()) }
    }

    /// This distribution, and its configuration of the same moment: `GetDistribution` answers with
    /// version, status and configuration at once.
    ///
    /// # Errors
    /// It could not be read, or is not there (`NoSuchDistribution`).
    pub async fn distribution(&self, id: &str) -> Result<(Distribution, DistributionConfig), Failure> {
        let answer = self.reads.get_distribution().id(id).send().await;
        let answer = answer.map_err(|error| Failure::of("cloudfront:GetDistribution", &error))?;
        let etag = answer.e_tag.unwrap_or_default();
        answer.distribution.and_then(|distribution| read(distribution, etag)).ok_or_else(|| Failure {
            action: "cloudfront:GetDistribution",
            proof: Proof::Nothing,
            code: String::new(),
            message: format!("the answer has no configuration of {id}, or no version of it"),
        })
    }

    /// Points the default behaviour (no pattern) and others (by path pattern) to these origins, and
    /// changes nothing else. Sent once. `UpdateDistribution` replaces the whole configuration, and only
    /// if it still has this version: else the answer is `PreconditionFailed` and nothing was changed
    /// (API reference, `UpdateDistribution`). It is deployed to the edges minutes later.
    ///
    /// # Errors
    /// It was refused, or not answered; or not sent, because the configuration has no such behaviour.
    pub async fn point(
        &self,
        config: DistributionConfig,
        etag: &str,
        changes: &BTreeMap<Option<String>, String>,
    ) -> Result<(), Failure> {
        let DistributionConfig { id, config } = config;
        let config = pointed(config, changes).map_err(|message| Failure {
            action: "cloudfront:UpdateDistribution",
            proof: Proof::Refused,
            code: String::new(),
            message: format!("{id}: {message}; not sent"),
        })?;
        let call = self.mutating.update_distribution().id(id).if_match(etag).distribution_config(config);
        let sent = call.send().await;
        sent.map(|_| ()).map_err(|error| Failure::of("cloudfront:UpdateDistribution", &error))
    }

    /// The tags of this distribution. One page is all there is.
    ///
    /// # Errors
    /// They could not be read.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, Failure> {
        let answer = self.reads.list_tags_for_resource().resource(arn).send().await;
        let answer = answer.map_err(|error| Failure::of("cloudfront:ListTagsForResource", &error))?;
        let tags = answer.tags.and_then(|tags| tags.items).unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
    }
}

fn read(distribution: SdkDistribution, etag: String) -> Option<(Distribution, DistributionConfig)> {
    let config = distribution.distribution_config.filter(|_| !etag.is_empty())?;
    let default = config.default_cache_behavior.as_ref();
    let others = config.cache_behaviors.as_ref().map(CacheBehaviors::items).unwrap_or_default();
    let pointing = others.iter().map(|one| (one.path_pattern.clone(), one.target_origin_id.clone()));
    let origins = config.origins.as_ref().map(Origins::items).unwrap_or_default();
    let seen = Distribution {
        arn: distribution.arn,
        id: distribution.id.clone(),
        etag,
        deployed: distribution.status == DEPLOYED,
        enabled: config.enabled,
        domain: distribution.domain_name,
        origins: origins.iter().map(|origin| origin.id.clone()).collect(),
        default_origin: default.map(|default| default.target_origin_id.clone()).unwrap_or_default(),
        behaviors: pointing.collect(),
    };
    Some((seen, DistributionConfig { id: distribution.id, config }))
}

/// The configuration with these changes, or what it lacks.
fn pointed(
    mut config: DistributionConfig,
    changes: &BTreeMap<Option<String>, String>,
) -> Result<DistributionConfig, String> {
    if changes.is_empty() {
        return Err("no behaviour was named".to_owned());
    }
    for (pattern, origin) in changes {
        let target = match pattern {
            None => config.default_cache_behavior.as_mut().map(|default| &mut default.target_origin_id),
            Some(pattern) => config
                .cache_behaviors
                .as_mut()
                .and_then(|all| all.items.as_mut())
                .and_then(|all| all.iter_mut().find(|one| one.path_pattern == *pattern))
                .map(|one| &mut one.target_origin_id),
        };
        let name = || pattern.as_deref().unwrap_or("default").to_owned();
        origin.clone_into(target.ok_or_else(|| format!("there is no behaviour {}", name()))?);
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudfront::{
        primitives::DateTime,
        types::{CacheBehavior, DefaultCacheBehavior, Origin, ViewerProtocolPolicy},
    };

    use super::*;

    fn behavior(pattern: &str, origin: &str) -> CacheBehavior {
        let built = CacheBehavior::builder().path_pattern(pattern).target_origin_id(origin).compress(true);
        built.viewer_protocol_policy(ViewerProtocolPolicy::HttpsOnly).build().unwrap()
    }

    fn config(default: &str, first: &str, second: &str) -> DistributionConfig {
        let policy = ViewerProtocolPolicy::RedirectToHttps;
        let default =
            DefaultCacheBehavior::builder().target_origin_id(default).viewer_protocol_policy(policy);
        let origin =
            |id: &str| Origin::builder().id(id).domain_name(format!("{id}.example")).build().unwrap();
        let origins = Origins::builder().quantity(2).items(origin("primary")).items(origin("standby"));
        let behaviors = CacheBehaviors::builder().quantity(2);
        let behaviors = behaviors.items(behavior("/static/*", first)).items(behavior("/books/*", second));
        DistributionConfig::builder()
            .caller_reference("once")
            .comment("the bookstore")
            .enabled(true)
            .origins(origins.build().unwrap())
            .default_cache_behavior(default.build().unwrap())
            .cache_behaviors(behaviors.build().unwrap())
            .web_acl_id("acl")
            .build()
            .unwrap()
    }

    fn to(origin: &str, patterns: &[Option<&str>]) -> BTreeMap<Option<String>, String> {
        patterns.iter().map(|pattern| (pattern.map(str::to_owned), origin.to_owned())).collect()
    }

    #[test]
    fn only_the_named_behaviours_are_pointed_elsewhere() {
        let before = config("primary", "primary", "primary");
        let after = pointed(before.clone(), &to("standby", &[None, Some("/static/*")])).unwrap();
        assert_eq!(after, config("standby", "standby", "primary"), "and nothing else has changed");
        let back = pointed(after, &to("primary", &[None, Some("/static/*")])).unwrap();
        assert_eq!(back, before);
    }

    #[test]
    fn a_behaviour_that_is_not_there_is_not_passed_over() {
        let missing = pointed(config("a", "b", "c"), &to("standby", &[None, Some("/gone/*")]));
        assert_eq!(missing, Err("there is no behaviour /gone/*".to_owned()));
        assert!(pointed(config("a", "b", "c"), &BTreeMap::new()).is_err());
    }

    #[test]
    fn a_distribution_is_read_with_its_version_or_not_at_all() {
        let distribution = |status: &str| {
            SdkDistribution::builder()
                .id("E2EXAMPLE")
                .arn("arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE")
                .status(status)
                .last_modified_time(DateTime::from_secs(0))
                .in_progress_invalidation_batches(0)
                .domain_name("d111111abcdef8.cloudfront.net")
                .distribution_config(config("primary", "standby", "primary"))
                .build()
                .unwrap()
        };
        let (seen, whole) = read(distribution("InProgress"), "E1".to_owned()).unwrap();
        assert_eq!((seen.deployed, seen.enabled, seen.etag.as_str()), (false, true, "E1"));
        assert_eq!(seen.origins, ["primary", "standby"]);
        assert_eq!(seen.default_origin, "primary");
        assert_eq!(seen.behaviors.get("/static/*").map(String::as_str), Some("standby"));
        assert_eq!(whole.config, config("primary", "standby", "primary"));
        assert!(read(distribution(DEPLOYED), "E2".to_owned()).unwrap().0.deployed);
        assert_eq!(read(distribution(DEPLOYED), String::new()), None);
    }
}
