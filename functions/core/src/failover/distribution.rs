//! Distribution: where a CloudFront distribution's behaviours point, and whether traffic may be moved. Pure.

use std::collections::BTreeMap;

use super::{Direction, FailoverReadiness, check_opt_in};
use crate::{StepObservation, Tristate, plan::Permission};

/// The origin id of each cache behaviour, by its path pattern; the default behaviour is [`DEFAULT_BEHAVIOR`].
pub type BehaviorOrigins = BTreeMap<String, String>;

/// The key of the default cache behaviour, which has no path pattern.
pub const DEFAULT_BEHAVIOR: &str = "default";

/// A distribution, as CloudFront describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistributionState {
    /// Its ARN.
    pub arn: String,
    /// Whether every edge location has the configuration (`Deployed`, not `InProgress`).
    pub deployed: bool,
    /// Whether it serves at all.
    pub enabled: bool,
    /// The ids of its origins.
    pub origins: Vec<String>,
    /// The origin of each cache behaviour.
    pub origins_by_behavior: BehaviorOrigins,
    /// What of other services it is configured with.
    pub attachments: Attachments,
    /// Its tags; `None` if they could not be read.
    pub tags: Option<BTreeMap<String, String>>,
}

/// What of other services a distribution is configured with: an update sends it again, and CloudFront checks that the caller
/// may read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachments {
    /// The web ACL: an ARN, or the id of one of AWS WAF Classic; none if there is none.
    pub web_acl: Option<String>,
    /// The ids of the VPC origins.
    pub vpc_origins: Vec<String>,
    /// The ARNs of the Lambda@Edge functions, with their versions.
    pub edge_functions: Vec<String>,
}

impl Attachments {
    /// The permissions, beside its own, that `UpdateDistribution` may need for them. AWS has no dry run that would check any.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        let acl = self.web_acl.as_deref().map(|acl| {
            let action = if acl.starts_with("arn:") { "wafv2:GetWebACL" } else { "waf:GetWebACL" };
            (action, format!("web ACL {acl}"))
        });
        let origins = (!self.vpc_origins.is_empty())
            .then(|| ("cloudfront:GetVpcOrigin", format!("VPC origin {}", self.vpc_origins.join(", "))));
        let edge = (!self.edge_functions.is_empty()).then(|| {
            let named = self.edge_functions.join(", ");
            format!("edge function {named}, which the stack's parameter `EdgeFunctionArns` must name")
        });
        let edge = edge.into_iter().flat_map(|why| {
            ["lambda:GetFunction", "lambda:EnableReplication*"].map(|action| (action, why.clone()))
        });
        let needed = acl.into_iter().chain(origins).chain(edge);
        needed
            .map(|(action, why)| {
                let why = format!("CloudFront may check it when the distribution is updated: it has {why}");
                Permission::not_checked(action, Some(&why))
            })
            .collect()
    }
}

/// The default behaviour and these, all pointing to one origin.
#[must_use]
pub fn behavior_origins(behaviors: &[String], origin: &str) -> BehaviorOrigins {
    let named = behaviors.iter().map(String::as_str);
    std::iter::once(DEFAULT_BEHAVIOR)
        .chain(named)
        .map(|behavior| (behavior.to_owned(), origin.to_owned()))
        .collect()
}

impl DistributionState {
    /// Whether traffic may be moved from one origin to the other.
    #[must_use]
    pub fn may_move(
        &self,
        primary: &str,
        standby: &str,
        behaviors: &[String],
        direction: Direction,
    ) -> FailoverReadiness {
        let arn = &self.arn;
        if let Err(looked) = check_opt_in(self.tags.as_ref(), arn) {
            return looked;
        }
        if !self.enabled {
            return FailoverReadiness::Unfit(format!("{arn} is disabled"));
        }
        for origin in [primary, standby] {
            if !self.origins.iter().any(|id| id == origin) {
                let known = self.origins.join(", ");
                return FailoverReadiness::Unfit(format!(
                    "{arn} is not as configured: it has no origin `{origin}` (it has {known})"
                ));
            }
        }
        let (from, to) = match direction {
            Direction::Over => (primary, standby),
            Direction::Back => (standby, primary),
        };
        let mut moved_already = true;
        for behavior in behavior_origins(behaviors, "").keys() {
            match self.origins_by_behavior.get(behavior).map(String::as_str) {
                Some(origin) if origin == to => {}
                Some(origin) if origin == from => moved_already = false,
                Some(origin) => {
                    return FailoverReadiness::Unfit(format!(
                        "{arn} is not as configured: `{behavior}` points to `{origin}`, neither to `{primary}` nor to \
                         `{standby}`"
                    ));
                }
                None => {
                    return FailoverReadiness::Unfit(format!(
                        "{arn} is not as configured: it has no behaviour `{behavior}`"
                    ));
                }
            }
        }
        if moved_already {
            FailoverReadiness::Already(format!("{arn} points to `{to}` already"))
        } else {
            FailoverReadiness::Ready
        }
    }

    /// The state of the undo: whether each behaviour points again to the origin from before the run.
    #[must_use]
    pub fn undone(&self, before: &BehaviorOrigins, set: &BehaviorOrigins) -> StepObservation {
        let now = |behavior: &String| self.origins_by_behavior.get(behavior);
        let drifted = |(behavior, origin): (&String, &String)| {
            now(behavior) != Some(origin) && now(behavior) != set.get(behavior)
        };
        if before.iter().any(drifted) {
            let (now, set) = (describe(&self.now_of(before)), describe(set));
            return StepObservation::Drifted(format!("it is now {now}; the run set {set}"));
        }
        match (before.iter().all(|(behavior, origin)| now(behavior) == Some(origin)), self.deployed) {
            (true, true) => StepObservation::Done,
            (true, false) => StepObservation::Busy,
            (false, _) => StepObservation::Open,
        }
    }

    /// Whether every behaviour points to what the failover sets. That is configuration only: edges may not serve it yet.
    #[must_use]
    pub fn failed_over(&self, set: &BehaviorOrigins) -> Tristate {
        set.iter().all(|(behavior, origin)| self.origins_by_behavior.get(behavior) == Some(origin)).into()
    }

    /// For the record: `default -> primary, Deployed`.
    #[must_use]
    pub fn describe(&self, of: &BehaviorOrigins) -> String {
        let deployed = if self.deployed { "Deployed" } else { "InProgress" };
        format!("{}, {deployed}", describe(&self.now_of(of)))
    }

    /// Where these behaviours point now.
    fn now_of(&self, behaviors: &BehaviorOrigins) -> BehaviorOrigins {
        let now = |behavior: &String| self.origins_by_behavior.get(behavior).cloned().unwrap_or_default();
        behaviors.keys().map(|behavior| (behavior.clone(), now(behavior))).collect()
    }
}

fn describe(origins_by_behavior: &BehaviorOrigins) -> String {
    let pairs = origins_by_behavior.iter().map(|(behavior, origin)| format!("{behavior} -> {origin}"));
    pairs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::tests::{tags, unfit};

    fn distribution(default: &str) -> DistributionState {
        DistributionState {
            arn: "E1".to_owned(),
            deployed: true,
            enabled: true,
            origins: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            origins_by_behavior: behavior_origins(&[], default),
            tags: Some(tags()),
            ..DistributionState::default()
        }
    }

    #[test]
    fn what_an_update_also_needs_is_never_left_out_of_a_plan() {
        let named = |attachments: Attachments| -> Vec<String> {
            attachments.permissions().into_iter().map(|permission| permission.action).collect()
        };
        assert_eq!(named(Attachments::default()), [""; 0]);
        let arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/1".to_owned();
        let all = Attachments {
            web_acl: Some(arn),
            vpc_origins: vec!["vo_1".to_owned()],
            edge_functions: vec!["arn:aws:lambda:us-east-1:123456789012:function:headers:3".to_owned()],
        };
        let four =
            ["wafv2:GetWebACL", "cloudfront:GetVpcOrigin", "lambda:GetFunction", "lambda:EnableReplication*"];
        assert_eq!(named(all), four);
        let classic = Attachments { web_acl: Some("11111111-2222".to_owned()), ..Attachments::default() };
        assert_eq!(named(classic), ["waf:GetWebACL"]);
    }

    #[test]
    fn a_distribution_that_is_not_as_configured_is_never_moved() {
        let may = |state: &DistributionState| state.may_move("a", "b", &[], Direction::Over);
        assert_eq!(may(&distribution("a")), FailoverReadiness::Ready);
        assert!(matches!(may(&distribution("b")), FailoverReadiness::Already(_)));
        assert!(unfit(&may(&distribution("c"))).contains("points to `c`"));
        let untagged = DistributionState { tags: Some(BTreeMap::new()), ..distribution("a") };
        assert!(unfit(&may(&untagged)).contains("opt-in"));
        assert!(matches!(
            may(&DistributionState { tags: None, ..distribution("a") }),
            FailoverReadiness::Unknown(_)
        ));
        assert!(unfit(&may(&DistributionState { enabled: false, ..distribution("a") })).contains("disabled"));
        let no_standby = DistributionState { origins: vec!["a".to_owned()], ..distribution("a") };
        assert!(unfit(&may(&no_standby)).contains("no origin `b`"));
        let pattern = ["/static/*".to_owned()];
        let missing = distribution("a").may_move("a", "b", &pattern, Direction::Over);
        assert!(unfit(&missing).contains("no behaviour `/static/*`"));
        assert_eq!(distribution("b").may_move("a", "b", &[], Direction::Back), FailoverReadiness::Ready);
    }

    #[test]
    fn what_somebody_else_set_is_drift_with_both_versions() {
        let (before, set) = (behavior_origins(&[], "a"), behavior_origins(&[], "b"));
        assert_eq!(distribution("a").undone(&before, &set), StepObservation::Done);
        let deploying = DistributionState { deployed: false, ..distribution("a") };
        assert_eq!(deploying.undone(&before, &set), StepObservation::Busy, "no edge can be told yet");
        assert_eq!(distribution("b").undone(&before, &set), StepObservation::Open);
        let StepObservation::Drifted(both) = distribution("c").undone(&before, &set) else {
            panic!("overwritten")
        };
        assert!(both.contains("default -> c") && both.contains("default -> b"), "{both}");
    }
}
