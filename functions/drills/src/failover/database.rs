//! Failover of a database: of a cluster to a reader, or of a Multi-AZ instance to its standby.

use std::rc::Rc;

use firedrill_core::{
    failover::{
        CallResult, Direction, FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget,
        WantedFailover,
    },
    ports::Clock,
    request::Arn,
};

use super::{Failover, FailoverContext, WrongRule, check_arn};
use crate::{
    ports::{Databases, Topics, outcome},
    resource_state::{Database, database_state},
};

/// Fails a database over, and never back: that would be a second failover, which an operator decides on.
#[derive(Clone, Debug)]
pub struct DatabaseFailover<C, K> {
    context: Rc<FailoverContext<C, K>>,
    arn: Arn,
    database: Database,
    reader: Option<String>,
}

impl<C: Databases + Topics + Clone, K: Clock + Clone> Failover for DatabaseFailover<C, K> {
    const PARAMETER: &'static str = "DatabaseFailovers";
    const ENTRY: &'static str = r#""clusterArn": "…" (or "instanceArn": "…")"#;
}

impl<C: Databases + Topics, K: Clock> DatabaseFailover<C, K> {
    /// The failover of this target.
    ///
    /// # Errors
    /// The target is no database, or the rule asks for something that is not done to one.
    pub fn new(
        context: Rc<FailoverContext<C, K>>,
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
        Ok(Self { context, arn: arn.clone(), database, reader })
    }

    async fn readiness(
        &self,
        direction: Direction,
        by_drill: bool,
    ) -> Result<FailoverReadiness, FailoverReadiness> {
        if direction == Direction::Back {
            return Err(FailoverReadiness::Unfit("a database is not failed back by itself".to_owned()));
        }
        let FailoverContext { cloud, clock, cool_down, .. } = &*self.context;
        let now = clock.now();
        let read = database_state(cloud, self.arn.region(), &self.database, *cool_down, now);
        let state = self.context.read(read).await?;
        check_arn(&state.arn, &self.arn)?;
        let wanted = WantedFailover {
            is_cluster: self.database.is_cluster(),
            reader: self.reader.as_deref(),
            cool_down: *cool_down,
            by_drill,
        };
        Ok(state.may_fail_over(&wanted, now))
    }
}

impl<C: Databases + Topics, K: Clock> FailoverAction for DatabaseFailover<C, K> {
    async fn look(&mut self, direction: Direction, by_drill: bool) -> FailoverReadiness {
        self.readiness(direction, by_drill).await.unwrap_or_else(|unread| unread)
    }

    async fn call(&mut self, _: Direction) -> CallResult {
        let (cloud, region) = (&self.context.cloud, self.arn.region());
        match &self.database {
            Database::Cluster(id) => {
                let outcome = outcome(cloud.failover_cluster(region, id, self.reader.as_deref()).await);
                let to = self.reader.as_deref().unwrap_or("the reader that RDS chooses");
                CallResult { outcome, what: format!("rds:FailoverDBCluster of {id} to {to}") }
            }
            Database::Instance(id) => {
                let outcome = outcome(cloud.reboot_with_failover(region, id).await);
                CallResult { outcome, what: format!("rds:RebootDBInstance of {id} with failover") }
            }
        }
    }

    /// No: a second failover would move the writer back.
    fn is_repeatable(&self) -> bool {
        false
    }

    async fn page(&mut self, text: &str) -> bool {
        self.context.tell(text).await
    }
}
