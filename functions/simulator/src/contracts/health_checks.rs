//! Route 53: health checks.

use firedrill_drills::ports::{HealthCheck, HealthChecks, Next};

use super::pages;

/// The health checks of the account.
#[derive(Clone, Debug)]
pub struct HealthChecksSubject {
    /// All of them.
    pub checks: Vec<HealthCheck>,
    /// On how many pages they come, at least.
    pub pages: usize,
}

/// The suite of [`HealthChecks`].
///
/// # Panics
/// A promise is broken.
pub async fn health_checks(aws: &impl HealthChecks, of: &HealthChecksSubject) {
    let found = pages::all(async |page: Next<'_>| aws.list_health_checks(page).await).await;
    let expected: Vec<String> = of.checks.iter().map(|check| format!("{check:?}")).collect();
    pages::assert_same(found, |check| format!("{check:?}"), &expected, of.pages);
}
