//! Target database: a cluster that fails over to a reader, or a Multi-AZ instance to its standby.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use firedrill_core::{
    CallOutcome, ClockName, Run, StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{self, DatabaseState, WantedFailover},
    request::Arn,
    trigger::{FailoverPath, whole_step, writer_step},
};

use super::target::{
    AlarmDrillTarget, FailoverPlan, arn_of, check_arn, check_readiness, unreadable, without_a_call,
};
use crate::{
    NotReady,
    ports::{Databases, Reply, outcome},
    procedure::Context,
    resource_state::{self, WrongArn, database_events, database_state},
};

/// A database that a drill fails over.
#[derive(Debug)]
pub(super) struct Database<C, K> {
    context: Rc<Context<C, K>>,
    arn: Arn,
    identifier: resource_state::Database,
    restore_writer: bool,
}

impl<C: Databases, K> Database<C, K> {
    /// The database with this ARN.
    ///
    /// # Errors
    /// The ARN is not that of a database.
    pub(super) fn new(context: Rc<Context<C, K>>, arn: &Arn, restore_writer: bool) -> Result<Self, WrongArn> {
        let identifier = resource_state::Database::of(arn)?;
        Ok(Self { context, arn: arn.clone(), identifier, restore_writer })
    }

    fn cool_down(&self) -> Duration {
        self.context.settings.cool_down
    }

    /// Checks that the cool-down and a second failover fit into `restoreWithinSeconds`, where the writer is restored.
    fn check_time_to_restore(&self, run: &Run) -> Result<(), NotReady> {
        let (needed, within) =
            (self.cool_down().saturating_add(run.limits.consistency), run.limits.restore_within);
        if !self.restore_writer || needed <= within {
            return Ok(());
        }
        Err(NotReady::Refused(format!(
            "`target.restoreWriter` needs a second failover, {needed:?} after the first at the soonest (the stack's \
             cool-down and margin); `objective.restoreWithinSeconds` allows {within:?}"
        )))
    }
}

impl<C: Databases, K> AlarmDrillTarget for Database<C, K> {
    type State = DatabaseState;

    fn arn(&self) -> &Arn {
        &self.arn
    }

    async fn read(&self, run: &Run, now: Timestamp) -> Reply<DatabaseState> {
        let since_injection = run.injection_began().map_or(Duration::ZERO, |began| now - began);
        let look_back = self.cool_down().max(since_injection);
        let region = self.arn.region();
        let state = database_state(&self.context.cloud, region, &self.identifier, look_back, now).await?;
        let action =
            if self.identifier.is_cluster() { "rds:DescribeDBClusters" } else { "rds:DescribeDBInstances" };
        check_arn(action, &self.arn, &state.arn)?;
        Ok(state)
    }

    fn tags<'a>(&self, state: &'a DatabaseState) -> Option<&'a BTreeMap<String, String>> {
        state.tags.as_ref()
    }

    fn prepare(
        &self,
        run: &Run,
        state: &DatabaseState,
        path: &FailoverPath,
        now: Timestamp,
    ) -> Result<FailoverPlan, NotReady> {
        let reader = match path {
            FailoverPath::Function { resource: failover::FailoverTarget::Cluster { reader, .. }, .. } => {
                reader.as_deref()
            }
            FailoverPath::Function { .. } => None,
            FailoverPath::HealthCheck(id) => {
                return Err(NotReady::Refused(format!(
                    "no trigger: Route 53 health check {id} moves names, not the writer of {}",
                    self.arn
                )));
            }
        };
        let is_cluster = self.identifier.is_cluster();
        let wanted = WantedFailover { is_cluster, reader, cool_down: self.cool_down(), by_drill: true };
        check_readiness(state.may_fail_over(&wanted, now), "there is nothing to fail over")?;
        self.check_time_to_restore(run)?;
        let undo = match state.writer().filter(|_| self.restore_writer) {
            Some(writer) => writer_step(&self.arn, writer),
            None => whole_step(&self.arn, is_cluster),
        };
        Ok(FailoverPlan { undo: vec![undo], database: Some(state.clone()), permissions: Vec::new() })
    }

    fn describe(&self, _run: &Run, state: &DatabaseState) -> String {
        state.describe()
    }

    fn failed_over(&self, run: &Run, state: &DatabaseState) -> Tristate {
        let before = run.trigger.as_ref().and_then(|trigger| trigger.database.as_ref());
        match (before, run.injection_began()) {
            (Some(before), Some(began)) => state.failed_over(before, self.identifier.is_cluster(), began),
            _ => Tristate::Unknown,
        }
    }

    fn completed_failover(&self, run: &Run, state: &DatabaseState) -> Tristate {
        let before = run.trigger.as_ref().and_then(|trigger| trigger.database.as_ref());
        match (before, run.injection_began()) {
            (Some(before), Some(began)) => {
                state.completed_failover(before, self.identifier.is_cluster(), began)
            }
            _ => Tristate::Unknown,
        }
    }

    fn deployed(&self, _run: &Run, _state: &DatabaseState) -> Tristate {
        Tristate::Unknown
    }

    fn undone(&self, state: &DatabaseState, step: &UndoStep, now: Timestamp) -> StepObservation {
        if step.action == "FailoverDBCluster" {
            state.writer_restored(&step.before, self.cool_down(), now)
        } else {
            state.is_whole(self.identifier.is_cluster())
        }
    }

    /// Fails the cluster over a second time, to its original writer, if a fresh read shows that this is possible and
    /// needed.
    async fn undo(&self, run: &Run, step: &UndoStep, now: Timestamp) -> CallOutcome {
        let known = |arn: Arn| {
            resource_state::Database::of(&arn).map_err(|error| unreadable("names a wrong resource", error))
        };
        let database = match arn_of(step).and_then(known) {
            Ok(database) => database,
            Err(unreadable) => return unreadable,
        };
        let state = match self.read(run, now).await {
            Ok(state) => state,
            Err(failure) => return CallOutcome::not_sent("Unreadable", failure.to_string(), true),
        };
        if let Some(outcome) = without_a_call(self.undone(&state, step, now)) {
            return outcome;
        }
        // Always a cluster: the step of an instance is awaited, and no call is sent for it.
        let (region, writer) = (self.arn.region(), Some(step.before.as_str()));
        outcome(self.context.cloud.failover_cluster(region, database.id(), writer).await)
    }

    async fn events(&self, run: &Run, now: Timestamp) -> Reply<Vec<Evidence>> {
        let Some(began) = run.injection_began() else { return Ok(Vec::new()) };
        let region = self.arn.region();
        let events = database_events(&self.context.cloud, region, &self.identifier, began, now).await?;
        let evidence = events.into_iter().map(|event| Evidence::Event {
            at: event.at,
            clock: ClockName::Rds,
            resource: self.arn.to_string(),
            message: event.message,
        });
        Ok(evidence.collect())
    }

    fn call(&self) -> (&'static str, String) {
        let action =
            if self.identifier.is_cluster() { "rds:FailoverDBCluster" } else { "rds:RebootDBInstance" };
        (action, self.arn.region().to_owned())
    }
}
