//! Route 53: health checks.

use super::{Next, Page, Reply};

/// One health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Its id.
    pub id: String,
    /// What it watches: `HTTP`, `CLOUDWATCH_METRIC`, …
    pub kind: String,
    /// Name and Region of the alarm whose metric it watches, if it watches one.
    pub alarm: Option<(String, String)>,
}

/// Route 53.
pub trait HealthChecks {
    /// `ListHealthChecks`: those of the account. The API has no filter.
    async fn list_health_checks(&self, page: Next<'_>) -> Reply<Page<HealthCheck>>;
}
