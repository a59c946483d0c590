//! Failover of a database: of a cluster to a reader, or of a Multi-AZ instance to its standby.

use std::time::Duration;

use firedrill_core::{
    failover::{CallResult, Direction, FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget},
    ports::Clock,
    request::Arn,
};

use super::{CannotMove, Failover, FailoverContext, WrongRule, read_state, tell};
use crate::{
    clock::SystemClock,
    pager::Pager,
    rds::Rds,
    resource_state::{Database, database_state},
};

/// Fails a database over, and never back: that would be a second failover, which an operator decides on.
#[derive(Clone, Debug)]
pub struct DatabaseFailover {
    rds: Rds,
    pager: Pager,
    clock: SystemClock,
    deadline: Duration,
    cool_down: Duration,
    arn: Arn,
    database: Database,
    reader: Option<String>,
}

impl Failover for DatabaseFailover {
    const PARAMETER: &'static str = "DatabaseFailovers";
    const ENTRY: &'static str = r#""clusterArn": "…" (or "instanceArn": "…")"#;

    fn configured(
        context: &FailoverContext,
        rule: &FailoverRule,
        target: &FailoverTarget,
    ) -> Result<Self, String> {
        Self::new(context, rule, target).map_err(|error| error.to_string())
    }
}

impl DatabaseFailover {
    fn new(
        context: &FailoverContext,
        rule: &FailoverRule,
        target: &FailoverTarget,
    ) -> Result<Self, WrongRule> {
        let (arn, reader) = match target {
            FailoverTarget::Cluster { arn, reader } => (arn, reader.clone()),
            FailoverTarget::Instance { arn } => (arn, None),
            FailoverTarget::Distribution { arn, .. } => {
                return Err(WrongRule::NotADatabase(arn.clone()));
            }
        };
        if rule.fail_back_on_ok {
            return Err(WrongRule::FailsBack(arn.clone()));
        }
        let database = Database::of(arn)?;
        if database.is_cluster() != matches!(target, FailoverTarget::Cluster { .. }) {
            return Err(WrongRule::WrongField(arn.clone()));
        }
        Ok(Self {
            rds: Rds::new(&context.connection.in_region(arn.region())),
            pager: context.pager.clone(),
            clock: SystemClock::start(),
            deadline: context.settings.call_deadline,
            cool_down: context.settings.cool_down,
            arn: arn.clone(),
            database,
            reader,
        })
    }

    async fn readiness(&self, direction: Direction) -> Result<FailoverReadiness, CannotMove> {
        if direction == Direction::Back {
            return Err(CannotMove::NoFailback);
        }
        let now = self.clock.now();
        let read = database_state(&self.rds, &self.database, self.cool_down, now);
        let state = read_state(self.deadline, read).await?;
        if state.arn != self.arn.as_str() {
            return Err(CannotMove::WrongResource { found: state.arn, configured: self.arn.clone() });
        }
        Ok(state.may_fail_over(self.database.is_cluster(), self.reader.as_deref(), self.cool_down, now))
    }
}

impl FailoverAction for DatabaseFailover {
    async fn look(&mut self, direction: Direction) -> FailoverReadiness {
        self.readiness(direction).await.unwrap_or_else(FailoverReadiness::from)
    }

    async fn call(&mut self, _: Direction) -> CallResult {
        match &self.database {
            Database::Cluster(id) => {
                let outcome = Box::pin(self.rds.fail_over_cluster(id, self.reader.as_deref())).await;
                let to = self.reader.as_deref().unwrap_or("the reader that RDS chooses");
                CallResult { outcome, what: format!("rds:FailoverDBCluster of {id} to {to}") }
            }
            Database::Instance(id) => {
                let outcome = Box::pin(self.rds.reboot_with_failover(id)).await;
                CallResult { outcome, what: format!("rds:RebootDBInstance of {id} with failover") }
            }
        }
    }

    /// No: a second failover would move the writer back.
    fn is_repeatable(&self) -> bool {
        false
    }

    async fn page(&mut self, text: &str) -> bool {
        tell(&self.pager, text).await
    }
}
