//! EventBridge: rules of the default bus.

use firedrill_drills::ports::{Next, Rule, Rules};

use super::pages;

/// The rule that a suite reads.
#[derive(Clone, Debug)]
pub struct RulesSubject {
    /// Its Region.
    pub region: String,
    /// A rule of the default bus.
    pub rule: Rule,
    /// The ARNs of its targets.
    pub targets: Vec<String>,
    /// On how many pages the rules come, at least.
    pub pages: usize,
}

/// The suite of [`Rules`].
///
/// # Panics
/// A promise is broken.
pub async fn rules(aws: &impl Rules, of: &RulesSubject) {
    let (found, pages) = pages::all(async |page: Next<'_>| aws.list_rules(&of.region, page).await).await;
    assert!(pages >= of.pages, "{pages} pages");
    let same: Vec<&Rule> = found.iter().filter(|rule| rule.arn == of.rule.arn).collect();
    assert_eq!(same, [&of.rule]);
    let targets =
        pages::all(async |page: Next<'_>| aws.rule_targets(&of.region, &of.rule.name, page).await).await;
    pages::assert_same(targets, String::clone, &of.targets, 1);
}
