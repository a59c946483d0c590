//! EventBridge: the rules of a Region's default bus, on which CloudWatch puts each change of an alarm (CloudWatch user
//! guide, *Alarm events and EventBridge*).

use super::{Next, Page, Reply};

/// One rule, as `ListRules` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Whether it is on. Every state but `DISABLED` counts as on.
    pub enabled: bool,
    /// Its event pattern, as JSON; none if it only has a schedule.
    pub pattern: Option<String>,
}

/// EventBridge.
pub trait Rules {
    /// `ListRules`: those of the default bus.
    async fn list_rules(&self, region: &str, page: Next<'_>) -> Reply<Page<Rule>>;

    /// `ListTargetsByRule`: the ARNs of the targets of this rule of the default bus.
    async fn rule_targets(&self, region: &str, rule: &str, page: Next<'_>) -> Reply<Page<String>>;
}
