//! A database: a cluster to a reader, or a Multi-AZ instance to its standby.

use std::time::Duration;

use firedrill_core::{
    failover::{CallResult, Direction, FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget},
    ports::Clock,
    request::Arn,
};

use super::{Failover, FailoverContext, tell, within};
use crate::{
    clock::SystemClock,
    pager::Pager,
    rds::Rds,
    resource_state::{Database, database_state},
};

/// Fails a database over. There is no way back but another failover, which is for people to decide.
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
        config: &FailoverRule,
        resource: &FailoverTarget,
    ) -> Result<Self, String> {
        let (arn, reader) = match resource {
            FailoverTarget::Cluster { arn, reader } => (arn, reader.clone()),
            FailoverTarget::Instance { arn } => (arn, None),
            FailoverTarget::Distribution { arn, .. } => {
                return Err(format!("this function fails over databases, and {arn} is none"));
            }
        };
        if config.fail_back_on_ok {
            return Err(format!(
                "`failBackOnOk` is for distributions: {arn} would fail over a second time within minutes"
            ));
        }
        let database = Database::of(arn)?;
        if database.is_cluster() != matches!(resource, FailoverTarget::Cluster { .. }) {
            return Err(format!("{arn} stands under the wrong name: `clusterArn` or `instanceArn`"));
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
}

impl FailoverAction for DatabaseFailover {
    async fn look(&mut self, direction: Direction) -> FailoverReadiness {
        if direction == Direction::Back {
            return FailoverReadiness::Unfit("a database is not failed back by itself".to_owned());
        }
        let now = self.clock.now();
        let looked =
            within(self.deadline, database_state(&self.rds, &self.database, self.cool_down, now)).await;
        let state = match looked {
            Ok(state) => state,
            Err(looked) => return looked,
        };
        if state.arn != self.arn.as_str() {
            return FailoverReadiness::Unfit(format!(
                "{} is not the {} that is configured",
                state.arn, self.arn
            ));
        }
        let cool_down_ms = u64::try_from(self.cool_down.as_millis()).unwrap_or(u64::MAX);
        state.may_fail_over(self.database.is_cluster(), self.reader.as_deref(), cool_down_ms, now)
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

    /// A second one would move the writer back.
    fn is_repeatable(&self) -> bool {
        false
    }

    async fn page(&mut self, text: &str) -> bool {
        tell(&self.pager, text).await
    }
}
