//! CloudFront: reads a distribution's origins by behaviour, and changes them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::types::{
    CacheBehaviors, Distribution as SdkDistribution, DistributionConfig, LambdaFunctionAssociations,
    Origins as SdkOrigins,
};
use firedrill_core::failover::Attachments;
use firedrill_drills::{
    Failure,
    failure::Answer,
    ports::{Distribution, Distributions, Origins, Reply},
};
use thiserror::Error;

use crate::{Cloud, client::failure};

/// The status of a distribution whose configuration all edges have; until then it is `InProgress` (API reference,
/// `Distribution`).
const DEPLOYED: &str = "Deployed";

/// The whole configuration of a distribution, to be sent back with a change. A field that this version of the SDK
/// does not know is lost when it is sent back.
#[derive(Clone, Debug, PartialEq)]
pub struct DistributionSettings {
    id: String,
    config: DistributionConfig,
}

impl Distributions for Cloud {
    type Config = DistributionSettings;

    async fn get_distribution(&self, id: &str) -> Reply<(Distribution, DistributionSettings)> {
        const ACTION: &str = "cloudfront:GetDistribution";
        let answer =
            self.cloudfront.reads.home.get_distribution().id(id).send().await.map_err(failure(ACTION))?;
        let etag = answer.e_tag.unwrap_or_default();
        answer.distribution.and_then(|distribution| read(distribution, etag)).ok_or_else(|| Failure {
            action: ACTION,
            answer: Answer::None,
            message: format!("the answer has no configuration of {id}, or no version of it"),
        })
    }

    async fn distribution_tags(&self, arn: &str) -> Reply<BTreeMap<String, String>> {
        let sent = self.cloudfront.reads.home.list_tags_for_resource().resource(arn).send().await;
        let answer = sent.map_err(failure("cloudfront:ListTagsForResource"))?;
        let tags = answer.tags.and_then(|tags| tags.items).unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
    }

    /// `UpdateDistribution` replaces the whole configuration, and only if it still has this version; otherwise AWS answers
    /// `PreconditionFailed` (API reference, `UpdateDistribution`). Not sent if the configuration has no such behaviour.
    async fn update_origins(&self, config: DistributionSettings, etag: &str, origins: &Origins) -> Reply<()> {
        const ACTION: &str = "cloudfront:UpdateDistribution";
        let DistributionSettings { id, config } = config;
        let config = with_origins(config, origins)
            .map_err(|error| Failure::not_sent(ACTION, format!("{id}: {error}; not sent")))?;
        let call = self.cloudfront.mutating.home.update_distribution().id(id).if_match(etag);
        call.distribution_config(config).send().await.map(drop).map_err(failure(ACTION))
    }
}

fn read(distribution: SdkDistribution, etag: String) -> Option<(Distribution, DistributionSettings)> {
    let config = distribution.distribution_config.filter(|_| !etag.is_empty())?;
    let default = config.default_cache_behavior.as_ref();
    let others = config.cache_behaviors.as_ref().map(CacheBehaviors::items).unwrap_or_default();
    let behaviors = others.iter().map(|one| (one.path_pattern.clone(), one.target_origin_id.clone()));
    let origins = config.origins.as_ref().map(SdkOrigins::items).unwrap_or_default();
    let read = Distribution {
        arn: distribution.arn,
        etag,
        deployed: distribution.status == DEPLOYED,
        enabled: config.enabled,
        origins: origins.iter().map(|origin| origin.id.clone()).collect(),
        default_origin: default.map(|default| default.target_origin_id.clone()).unwrap_or_default(),
        behaviors: behaviors.collect(),
        attachments: attachments(&config),
    };
    Some((read, DistributionSettings { id: distribution.id, config }))
}

fn attachments(config: &DistributionConfig) -> Attachments {
    let default =
        config.default_cache_behavior.iter().filter_map(|one| one.lambda_function_associations.as_ref());
    let others = config.cache_behaviors.as_ref().map(CacheBehaviors::items).unwrap_or_default();
    let others = others.iter().filter_map(|one| one.lambda_function_associations.as_ref());
    // One function may serve several behaviours.
    let edge_functions: BTreeSet<&String> = default
        .chain(others)
        .flat_map(LambdaFunctionAssociations::items)
        .map(|one| &one.lambda_function_arn)
        .collect();
    let origins = config.origins.as_ref().map(SdkOrigins::items).unwrap_or_default();
    let vpc_origins = origins.iter().filter_map(|origin| origin.vpc_origin_config.as_ref());
    Attachments {
        web_acl: config.web_acl_id.clone().filter(|id| !id.is_empty()),
        vpc_origins: vpc_origins.map(|origin| origin.vpc_origin_id.clone()).collect(),
        edge_functions: edge_functions.into_iter().cloned().collect(),
    }
}

/// Why origins cannot be set in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum WrongChange {
    #[error("no behaviour was named")]
    NothingNamed,
    /// By its path pattern, or `default`.
    #[error("there is no behaviour {0}")]
    NoSuchBehavior(String),
}

/// The configuration with the origins of these behaviours replaced.
fn with_origins(
    mut config: DistributionConfig,
    changes: &Origins,
) -> Result<DistributionConfig, WrongChange> {
    if changes.is_empty() {
        return Err(WrongChange::NothingNamed);
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
        let missing = || WrongChange::NoSuchBehavior(pattern.as_deref().unwrap_or("default").to_owned());
        origin.clone_into(target.ok_or_else(missing)?);
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
        let origins = SdkOrigins::builder().quantity(2).items(origin("primary")).items(origin("standby"));
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
        let after = with_origins(before.clone(), &to("standby", &[None, Some("/static/*")])).unwrap();
        assert_eq!(after, config("standby", "standby", "primary"), "and nothing else has changed");
        let back = with_origins(after, &to("primary", &[None, Some("/static/*")])).unwrap();
        assert_eq!(back, before);
    }

    #[test]
    fn a_behaviour_that_is_not_there_is_not_passed_over() {
        let missing = with_origins(config("a", "b", "c"), &to("standby", &[None, Some("/gone/*")]));
        assert_eq!(missing, Err(WrongChange::NoSuchBehavior("/gone/*".to_owned())));
        assert_eq!(with_origins(config("a", "b", "c"), &BTreeMap::new()), Err(WrongChange::NothingNamed));
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
        assert_eq!(
            seen.attachments,
            Attachments { web_acl: Some("acl".to_owned()), ..Attachments::default() }
        );
        assert_eq!(seen.behaviors.get("/static/*").map(String::as_str), Some("standby"));
        assert_eq!(whole.config, config("primary", "standby", "primary"));
        assert!(read(distribution(DEPLOYED), "E2".to_owned()).unwrap().0.deployed);
        assert_eq!(read(distribution(DEPLOYED), String::new()), None);
    }
}
