//! A database that fails over to its standby.

use std::time::Duration;

use firedrill_core::{
    CallOutcome, ClockName, Readiness, Run, StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{self, DatabaseState},
    request::Arn,
    trigger::{FailoverPath, whole_step, writer_step},
};

use super::target::{AlarmDrillTarget, FailoverPlan, arn_of, not_now, ready, without_a_call};
use crate::{
    error::Failure,
    rds::{Rds, Source},
    resource_state::{self, database_state},
};

/// A database, as a drill fails it over.
#[derive(Clone, Debug)]
pub struct Database {
    rds: Rds,
    arn: Arn,
    named: resource_state::Database,
    restore_writer: bool,
    cool_down: Duration,
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Database {
    /// The one with this ARN, in its Region.
    ///
    /// # Errors
    /// It is the ARN of something else.
    pub(super) fn new(
        rds: Rds,
        arn: &Arn,
        restore_writer: bool,
        cool_down: Duration,
    ) -> Result<Self, String> {
        let named = resource_state::Database::of(arn)?;
        Ok(Self { rds, arn: arn.clone(), named, restore_writer, cool_down })
    }

    async fn state(&self, run: &Run, now: Timestamp) -> Result<DatabaseState, Failure> {
        let since_injection = run.injection_began().map_or(0, |began| now.millis_since(began));
        let look_back = self.cool_down.max(Duration::from_millis(since_injection));
        database_state(&self.rds, &self.named, look_back, now).await
    }

    /// A second failover must fit into the time to restore, with the cool-down before it.
    fn fits(&self, run: &Run) -> Result<(), Readiness> {
        let (needed, within) =
            (millis(self.cool_down).saturating_add(run.limits.consistency_ms), run.limits.restore_within_ms);
        if !self.restore_writer || needed <= within {
            return Ok(());
        }
        Err(Readiness::Refused(format!(
            "`target.restoreWriter` needs a second failover, {} s after the first at the soonest (the stack's \
             cool-down and margin); `objective.restoreWithinSeconds` allows {} s",
            needed.div_ceil(1_000),
            within / 1_000
        )))
    }
}

impl AlarmDrillTarget for Database {
    type State = DatabaseState;

    fn arn(&self) -> &Arn {
        &self.arn
    }

    async fn read(&self, run: &Run, now: Timestamp) -> Result<DatabaseState, Failure> {
        self.state(run, now).await
    }

    fn prepare(
        &self,
        run: &Run,
        state: &DatabaseState,
        path: &FailoverPath,
        now: Timestamp,
    ) -> Result<FailoverPlan, Readiness> {
        let reader = match path {
            FailoverPath::Function {
                resource: failover::AlarmDrillTarget::Cluster { reader, .. }, ..
            } => reader.as_deref(),
            FailoverPath::Function { .. } => None,
            FailoverPath::HealthCheck(id) => {
                return Err(Readiness::Refused(format!(
                    "no trigger: Route 53 health check {id} moves names, not the writer of {}",
                    self.arn
                )));
            }
        };
        let is_cluster = self.named.is_cluster();
        let may = state.may_fail_over(is_cluster, reader, millis(self.cool_down), now);
        ready(may, "there is nothing to fail over")?;
        self.fits(run)?;
        let undo = match state.writer().filter(|_| self.restore_writer) {
            Some(writer) => writer_step(&self.arn, writer),
            None => whole_step(&self.arn, is_cluster),
        };
        Ok(FailoverPlan { undo: vec![undo], database: Some(state.clone()) })
    }

    fn describe(&self, _run: &Run, state: &DatabaseState) -> String {
        state.describe()
    }

    fn failed_over(&self, run: &Run, state: &DatabaseState) -> Tristate {
        let before = run.trigger.as_ref().and_then(|trigger| trigger.database.as_ref());
        match (before, run.injection_began()) {
            (Some(before), Some(began)) => state.failed_over(before, self.named.is_cluster(), began),
            _ => Tristate::Unknown,
        }
    }

    fn undone(&self, state: &DatabaseState, step: &UndoStep, now: Timestamp) -> StepObservation {
        if step.action == "FailoverDBCluster" {
            state.writer_restored(&step.before, millis(self.cool_down), now)
        } else {
            state.is_whole(self.named.is_cluster())
        }
    }

    /// A second failover, to the original writer, once a fresh look says that it can be and is needed.
    async fn undo(&self, run: &Run, step: &UndoStep, now: Timestamp) -> CallOutcome {
        let named = match arn_of(step).map(|arn| resource_state::Database::of(&arn)) {
            Ok(Ok(named)) => named,
            Ok(Err(message)) => {
                let code = "UnreadableRecord".to_owned();
                return CallOutcome::NotExecuted { code, message, again: false };
            }
            Err(outcome) => return outcome,
        };
        let state = match self.state(run, now).await {
            Ok(state) => state,
            Err(failure) => return not_now("Unreadable", failure.to_string()),
        };
        if let Some(outcome) = without_a_call(self.undone(&state, step, now)) {
            return outcome;
        }
        // Only a cluster has a writer to restore: the step of an instance is awaited, never asked for.
        self.rds.fail_over_cluster(named.id(), Some(&step.before)).await
    }

    async fn events(&self, run: &Run, now: Timestamp) -> Result<Vec<Evidence>, Failure> {
        let Some(began) = run.injection_began() else { return Ok(Vec::new()) };
        let source = if self.named.is_cluster() { Source::Cluster } else { Source::Instance };
        let events = self.rds.events(source, self.named.id(), began, now).await?;
        let evidence = events.into_iter().map(|event| Evidence::Event {
            at: event.at,
            clock: ClockName::Rds,
            resource: self.arn.to_string(),
            message: event.message,
        });
        Ok(evidence.collect())
    }

    fn call(&self) -> (&'static str, String) {
        let action = if self.named.is_cluster() { "rds:FailoverDBCluster" } else { "rds:RebootDBInstance" };
        (action, self.arn.region().to_owned())
    }
}
