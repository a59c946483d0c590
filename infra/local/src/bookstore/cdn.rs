//! CDN: which origin the edges serve, and whether that origin answers.

use serde::Serialize;

use crate::emulator::{Behaviors, Distribution};

/// The path of the status document, which names the origin that serves.
pub(super) const STATUS: &str = "/static/status.json";

/// An origin of the CDN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cdn {
    /// The origin `primary` of the template.
    Primary,
    /// The origin `standby` of the template.
    Secondary,
}

impl Cdn {
    /// The origin's name in the status document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    fn of_origin(id: &str) -> Option<Self> {
        match id {
            "primary" => Some(Self::Primary),
            "standby" => Some(Self::Secondary),
            _ => None,
        }
    }
}

/// The answer to a request through the CDN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeResponse {
    /// Answered by this origin.
    Fresh(Cdn),
    /// Answered from the cache, which this origin filled.
    Cached(Cdn),
    /// The origin that the edges ask is down.
    Down,
}

/// The CDN and its two origins.
#[derive(Debug)]
pub(super) struct Delivery {
    cached: bool,
    primary_failed: bool,
    deployed: bool,
    /// The origin that the edges serve. Without a distribution, users ask the primary.
    edges: Option<Cdn>,
    first: Option<Cdn>,
}

impl Delivery {
    pub(super) const fn new(cached: bool) -> Self {
        Self { cached, primary_failed: false, deployed: false, edges: Some(Cdn::Primary), first: None }
    }

    /// Applies the state of the distribution; none if it does not exist.
    pub(super) fn update(&mut self, distribution: Option<&Distribution>) {
        self.deployed = distribution.is_some();
        self.edges = match distribution {
            Some(found) => found.serving.as_ref().and_then(|all| Cdn::of_origin(origin(all, STATUS))),
            None => Some(Cdn::Primary),
        };
        if self.deployed {
            self.first = self.first.or(self.edges);
        }
    }

    pub(super) const fn set_primary_failed(&mut self, failed: bool) {
        self.primary_failed = failed;
    }

    /// Whether the distribution exists.
    pub(super) const fn is_deployed(&self) -> bool {
        self.deployed
    }

    /// The origin that the edges serve; none if it is neither of the two.
    pub(super) const fn edges(&self) -> Option<Cdn> {
        self.edges
    }

    /// Whether this origin, asked directly, answers.
    pub(super) fn is_healthy(&self, cdn: Cdn) -> bool {
        cdn != Cdn::Primary || !self.primary_failed
    }

    /// Whether the edges serve an origin that answers.
    pub(super) fn is_served(&self) -> bool {
        self.edges.is_some_and(|cdn| self.is_healthy(cdn))
    }

    /// The answer to a request through the CDN.
    pub(super) fn answer(&self) -> EdgeResponse {
        match (self.edges, self.first) {
            (_, Some(old)) if self.cached => EdgeResponse::Cached(old),
            (Some(cdn), _) if self.is_healthy(cdn) => EdgeResponse::Fresh(cdn),
            _ => EdgeResponse::Down,
        }
    }
}

/// The distribution of this id or ARN; without one, the first that has both of our origins.
pub(super) fn ours<'a>(distributions: &'a [Distribution], named: Option<&str>) -> Option<&'a Distribution> {
    distributions.iter().find(|one| match named {
        Some(name) => one.id == name || one.arn == name,
        None => ["primary", "standby"].iter().all(|id| one.origins.contains_key(*id)),
    })
}

/// The id of the origin that a path is routed to. `CloudFront` takes the first matching pattern in the order of the
/// configuration; the emulator's answer does not hold that order, so the longest pattern is taken.
fn origin<'a>(behaviors: &'a Behaviors, path: &str) -> &'a str {
    let matching = behaviors.behaviors.iter().filter(|(pattern, _)| matches(pattern, path));
    matching.max_by_key(|(pattern, _)| pattern.len()).map_or(&behaviors.default, |(_, origin)| origin)
}

/// Whether a path pattern of `CloudFront` matches: `*` is any number of characters, `?` is exactly one, and the
/// slash at the start may be left out.
fn matches(pattern: &str, path: &str) -> bool {
    fn rest(pattern: &[u8], path: &[u8]) -> bool {
        match (pattern, path) {
            ([], []) => true,
            ([b'*', after @ ..], _) => (0..=path.len()).any(|skip| rest(after, &path[skip..])),
            ([b'?', after @ ..], [_, left @ ..]) => rest(after, left),
            ([one, after @ ..], [other, left @ ..]) => one == other && rest(after, left),
            _ => false,
        }
    }
    let bare = |text: &str| text.strip_prefix('/').unwrap_or(text).as_bytes().to_vec();
    rest(&bare(pattern), &bare(path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn behaviors(default: &str, others: &[(&str, &str)]) -> Behaviors {
        let others = others.iter().map(|(pattern, origin)| ((*pattern).to_owned(), (*origin).to_owned()));
        Behaviors { default: default.to_owned(), behaviors: others.collect() }
    }

    fn distribution(id: &str, serving: Behaviors, origins: &[&str]) -> Distribution {
        let domain = |id: &&str| ((*id).to_owned(), format!("{id}.example.com"));
        Distribution {
            id: id.to_owned(),
            arn: format!("arn:aws:cloudfront::000000000000:distribution/{id}"),
            status: "Deployed".to_owned(),
            configured: serving.clone(),
            serving: Some(serving),
            origins: origins.iter().map(domain).collect::<BTreeMap<_, _>>(),
        }
    }

    fn serving(origin: &str) -> Distribution {
        distribution("E1", behaviors(origin, &[]), &["primary", "standby"])
    }

    #[test]
    fn what_is_served_follows_the_edges_and_never_the_configuration() {
        let mut delivery = Delivery::new(false);
        let mut found = serving("primary");
        delivery.update(Some(&found));
        found.configured.default = "standby".to_owned();
        delivery.update(Some(&found));
        assert_eq!(delivery.answer(), EdgeResponse::Fresh(Cdn::Primary));
        found.serving = Some(behaviors("standby", &[]));
        delivery.update(Some(&found));
        assert_eq!(delivery.answer(), EdgeResponse::Fresh(Cdn::Secondary));
        for nowhere in [Some(behaviors("elsewhere", &[])), None] {
            found.serving = nowhere;
            delivery.update(Some(&found));
            assert_eq!((delivery.answer(), delivery.edges()), (EdgeResponse::Down, None));
            assert!(!delivery.is_served());
        }
    }

    #[test]
    fn a_failed_primary_gives_its_users_no_answer_until_it_is_healthy_again() {
        let mut delivery = Delivery::new(false);
        delivery.update(Some(&serving("primary")));
        delivery.set_primary_failed(true);
        assert_eq!((delivery.answer(), delivery.is_served()), (EdgeResponse::Down, false));
        assert!(!delivery.is_healthy(Cdn::Primary) && delivery.is_healthy(Cdn::Secondary));
        delivery.update(Some(&serving("standby")));
        assert_eq!((delivery.answer(), delivery.is_served()), (EdgeResponse::Fresh(Cdn::Secondary), true));
        delivery.update(Some(&serving("primary")));
        assert_eq!(
            delivery.answer(),
            EdgeResponse::Down,
            "a failback onto a primary that is still unhealthy"
        );
        delivery.set_primary_failed(false);
        assert_eq!(delivery.answer(), EdgeResponse::Fresh(Cdn::Primary));
    }

    #[test]
    fn without_a_distribution_the_primary_is_asked() {
        let mut delivery = Delivery::new(true);
        delivery.update(None);
        assert_eq!((delivery.answer(), delivery.is_deployed()), (EdgeResponse::Fresh(Cdn::Primary), false));
        delivery.set_primary_failed(true);
        assert_eq!(delivery.answer(), EdgeResponse::Down);
    }

    #[test]
    fn a_cached_answer_names_the_origin_that_served_first() {
        let mut delivery = Delivery::new(true);
        delivery.update(Some(&serving("primary")));
        delivery.update(Some(&serving("standby")));
        delivery.set_primary_failed(true);
        assert_eq!(delivery.answer(), EdgeResponse::Cached(Cdn::Primary));
        assert_eq!(delivery.edges(), Some(Cdn::Secondary), "the edges serve the other one");
    }

    #[test]
    fn the_distribution_is_the_named_one_or_the_one_with_both_origins() {
        let both = ["primary", "standby"];
        let all = [
            distribution("E1", behaviors("primary", &[]), &["primary"]),
            distribution("E2", behaviors("primary", &[]), &both),
            distribution("E3", behaviors("primary", &[]), &both),
        ];
        let id = |named| ours(&all, named).map(|one| one.id.as_str());
        assert_eq!(id(None), Some("E2"));
        assert_eq!(id(Some("E3")), Some("E3"));
        assert_eq!(id(Some("arn:aws:cloudfront::000000000000:distribution/E1")), Some("E1"));
        assert_eq!(id(Some("E4")), None);
        assert!(ours(&all[..1], None).is_none());
    }

    #[test]
    fn a_path_is_routed_by_its_longest_matching_pattern() {
        let routes = behaviors("primary", &[("/static/*", "standby"), ("/static/old/*", "elsewhere")]);
        for (path, expected) in [
            ("/static/status.json", "standby"),
            ("/static/old/x", "elsewhere"),
            ("/origins/primary/static/status.json", "primary"),
            ("/Static/status.json", "primary"),
        ] {
            assert_eq!(origin(&routes, path), expected, "{path}");
        }
        for (pattern, path, expected) in [
            ("*", STATUS, true),
            ("static/*.json", STATUS, true),
            ("*.json", STATUS, true),
            ("/static/status.jso?", STATUS, true),
            ("/static/status.json?", STATUS, false),
            ("/static", STATUS, false),
            ("/static/*/status.json", STATUS, false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern}");
        }
    }
}
