//! Who the CDN's edges serve, and whether that one answers.

use serde::Serialize;

use crate::emulator::{Behaviors, Distribution};

/// What is asked for to learn who serves.
pub(super) const STATUS: &str = "/static/status.json";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cdn {
    /// The origin `primary` of the template.
    Primary,
    /// The origin `standby`.
    Secondary,
}

impl Cdn {
    /// As its status document calls it.
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

/// What somebody who asks the CDN is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeResponse {
    /// The origin itself spoke.
    Fresh(Cdn),
    /// What an origin said long ago.
    Cached(Cdn),
    /// The origin that is asked is down.
    Down,
}

/// The CDN and its two origins.
#[derive(Debug)]
pub(super) struct Delivery {
    cached: bool,
    primary_failed: bool,
    deployed: bool,
    /// Without a distribution, users ask the primary.
    edges: Option<Cdn>,
    first: Option<Cdn>,
}

impl Delivery {
    pub(super) const fn new(cached: bool) -> Self {
        Self { cached, primary_failed: false, deployed: false, edges: Some(Cdn::Primary), first: None }
    }

    /// Takes in a look at the distribution, if there is one.
    pub(super) fn look(&mut self, distribution: Option<&Distribution>) {
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

    /// Whether there is a distribution.
    pub(super) const fn is_deployed(&self) -> bool {
        self.deployed
    }

    /// Whom the edges serve.
    pub(super) const fn edges(&self) -> Option<Cdn> {
        self.edges
    }

    /// Whether this origin, asked directly, answers.
    pub(super) fn is_well(&self, cdn: Cdn) -> bool {
        cdn != Cdn::Primary || !self.primary_failed
    }

    /// Whether the edges serve one that answers.
    pub(super) fn is_served(&self) -> bool {
        self.edges.is_some_and(|cdn| self.is_well(cdn))
    }

    /// What is answered through the CDN.
    pub(super) fn answer(&self) -> EdgeResponse {
        match (self.edges, self.first) {
            (_, Some(old)) if self.cached => EdgeResponse::Cached(old),
            (Some(cdn), _) if self.is_well(cdn) => EdgeResponse::Fresh(cdn),
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

/// Which origin a path leads to. `CloudFront` takes the first pattern that matches, in the order of the
/// configuration; that order is not told here, so it is the longest.
fn origin<'a>(behaviors: &'a Behaviors, path: &str) -> &'a str {
    let matching = behaviors.behaviors.iter().filter(|(pattern, _)| matches(pattern, path));
    matching.max_by_key(|(pattern, _)| pattern.len()).map_or(&behaviors.default, |(_, origin)| origin)
}

/// `*` is any number of characters, `?` is one; a slash at the start may be left out.
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
        delivery.look(Some(&found));
        found.configured.default = "standby".to_owned();
        delivery.look(Some(&found));
        assert_eq!(delivery.answer(), EdgeResponse::Fresh(Cdn::Primary));
        found.serving = Some(behaviors("standby", &[]));
        delivery.look(Some(&found));
        assert_eq!(delivery.answer(), EdgeResponse::Fresh(Cdn::Secondary));
        for nowhere in [Some(behaviors("elsewhere", &[])), None] {
            found.serving = nowhere;
            delivery.look(Some(&found));
            assert_eq!((delivery.answer(), delivery.edges()), (EdgeResponse::Down, None));
            assert!(!delivery.is_served());
        }
    }

    #[test]
    fn a_primary_that_failed_is_missed_by_those_it_serves_until_it_heals() {
        let mut delivery = Delivery::new(false);
        delivery.look(Some(&serving("primary")));
        delivery.set_primary_failed(true);
        assert_eq!((delivery.answer(), delivery.is_served()), (EdgeResponse::Down, false));
        assert!(!delivery.is_well(Cdn::Primary) && delivery.is_well(Cdn::Secondary));
        delivery.look(Some(&serving("standby")));
        assert_eq!((delivery.answer(), delivery.is_served()), (EdgeResponse::Fresh(Cdn::Secondary), true));
        delivery.look(Some(&serving("primary")));
        assert_eq!(delivery.answer(), EdgeResponse::Down, "a failback onto what is still ill");
        delivery.set_primary_failed(false);
        assert_eq!(delivery.answer(), EdgeResponse::Fresh(Cdn::Primary));
    }

    #[test]
    fn without_a_distribution_the_primary_is_asked() {
        let mut delivery = Delivery::new(true);
        delivery.look(None);
        assert_eq!((delivery.answer(), delivery.is_deployed()), (EdgeResponse::Fresh(Cdn::Primary), false));
        delivery.set_primary_failed(true);
        assert_eq!(delivery.answer(), EdgeResponse::Down);
    }

    #[test]
    fn a_cache_says_what_was_true_once() {
        let mut delivery = Delivery::new(true);
        delivery.look(Some(&serving("primary")));
        delivery.look(Some(&serving("standby")));
        delivery.set_primary_failed(true);
        assert_eq!(delivery.answer(), EdgeResponse::Cached(Cdn::Primary));
        assert_eq!(delivery.edges(), Some(Cdn::Secondary), "the truth is another");
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
    fn a_path_leads_where_its_longest_pattern_says() {
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
