//! Record of runs: core's `Store` and `Journal` on one `DynamoDB` table.
//!
//! # Item layout
//!
//! Keys `pk` and `sk`, both strings. Times are RFC 3339 in UTC.
//!
//! | item | `pk` | `sk` | attributes |
//! |---|---|---|---|
//! | head | `run#RUN_ID` | `head` | the fields of `Run`, each an attribute of its own; `status`; `drillKey`; `startedAt`; `open` = `"1"` until the run is finished; `ttl` once it is |
//! | request | `run#RUN_ID` | `request` | `request` (a map), `ttl` |
//! | evidence | `run#RUN_ID` | `evidence#…` | the fields of `Evidence`, `kind` among them; `ttl` |
//! | operator commands | `run#RUN_ID` | `commands` | `number`, which grows with every command; `release`, `stop`: the latest of each; `ttl` |
//! | stop | `application#APPLICATION` | `stop` | `at`, `by`, `reason`: every run of the application that began before `at` ends early; `ttl` |
//! | kill switch | `switch#account`, `switch#application/APPLICATION`, `switch#drill/DRILL_KEY` | `switch` | `by`, `reason`, `until` (without it: until an operator deletes the item), `engagedAt`. The switch is engaged while the item exists |
//! | heartbeat | `watchdog` | `heartbeat` | `at`: when the watchdog last listed the open runs |
//! | lock | `lock#ENVIRONMENT/APPLICATION` | `lock` | `runId` |
//! | result | `drill#DRILL_KEY` | `result#WHEN#HASH` | the fields of `DrillResult`, written when the run is finished; `ttl` |
//! | summary | `drills` | `DRILL_KEY` | `lastRun`, `lastRunAt`, `lastOutcome`; `lastPass` (when the last run that recovered began); `count-OUTCOME` for each outcome; `ttl` |
//! | registration | `alarm#ALARM_ARN` | `run` | `runId`: the run whose trigger this alarm is, from its intent until it is finished |
//! | newest change | `alarm#ALARM_ARN` | `newest` | `at` and `state` of the newest change that is remembered |
//! | journal entry | `alarm#ALARM_ARN` | `change#WHEN#STATE` | the fields of `JournalEntry`: what a failover function did about this change; no `done` until an invocation has concluded it; `ttl` |
//! | marker | `marker#KIND#DRILL_KEY` | the occasion: a due date, or whatever else tells one from the next | `at`; `notice` (a map): what the table's stream delivers to people; `ttl` |
//!
//! `drillKey` is `ENVIRONMENT/APPLICATION/DRILL`; that of a plan ends in `#plan`, so that no list of a drill's runs
//! and no cadence counts it. Index `byDrill` (`drillKey`, `startedAt`) lists a drill's runs by time; index `open`
//! (`open`, `startedAt`) is sparse and holds unfinished runs, as a hint: the head is read consistently before a run
//! is changed.
//!
//! A head holds its `layout`. A head of a layout that this version does not know is neither parsed nor changed.
//! `ttl` (seconds since 1970) is for retention only: no lock and no deadline depends on it.

mod begin;
mod control_state;
mod evidence;
mod finish;
mod item;
mod journal;
mod read;
#[cfg(feature = "widget")]
mod scorecard;

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    operation::put_item::PutItemError,
    types::{AttributeValue, Put},
};
use firedrill_core::{
    Phase, Request, Run, Timestamp,
    evidence::Evidence,
    kill_switch::Switch,
    ports::{Begun, ControlState, OperatorCommand, Saved, Store, StoreError},
    run::{RunId, Stop},
};

use crate::client::{Connection, failure};

/// One item, in the SDK's type.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table that holds every run.
#[derive(Clone, Debug)]
pub struct RunTable {
    reads: Client,
    mutating: Client,
    name: String,
    retention: Duration,
    deadline: Duration,
}

impl RunTable {
    /// The table of this name in the home Region. `deadline` bounds every method, retries included.
    #[must_use]
    pub fn new(connection: &Connection, name: &str, retention: Duration, deadline: Duration) -> Self {
        Self {
            reads: Client::new(&connection.reads),
            mutating: Client::new(&connection.mutating),
            name: name.to_owned(),
            retention,
            deadline,
        }
    }

    /// A put of this item, to which the caller adds a condition.
    fn put(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(item))
    }

    /// Awaits several calls until the table's deadline.
    async fn within<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match tokio::time::timeout(self.deadline, Box::pin(work)).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Unknown(format!("no answer within {} ms", self.deadline.as_millis()))),
        }
    }
}

/// Logs a failed write: the loop tries again, and does not log it.
fn not_written(id: &RunId, error: &StoreError) {
    tracing::warn!(runId = %id, %error, "the record was not written; tried again at the next look");
}

impl Store for RunTable {
    async fn begin(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        self.within(self.begin_run(run, request)).await
    }

    async fn record(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        self.within(self.record_run(run, request)).await
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Box::pin(self.load_run(id)).await
    }

    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        Box::pin(self.load_request(id)).await
    }

    /// Sent once. If the answer is lost, the loop reads the head before it writes again.
    async fn save(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        if next.phase == Phase::Injecting
            && let Some(trigger) = &next.trigger
        {
            let done = self.within(self.save_registered(next, trigger, expected)).await;
            return done.inspect_err(|error| not_written(&next.run_id, error));
        }
        let sent = self
            .mutating
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item::head(next, self.retention)?))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":expected", AttributeValue::N(expected.to_string()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Saved::Saved),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(Saved::Conflict)
            }
            Err(error) => {
                let error = StoreError::from(failure("dynamodb:PutItem")(error));
                not_written(&next.run_id, &error);
                Err(error)
            }
        }
    }

    async fn finish(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        let done = self.within(self.finish_run(next, expected)).await;
        done.inspect_err(|error| not_written(&next.run_id, error))
    }

    async fn append(&self, id: &RunId, items: &[(String, Evidence)]) -> Result<(), StoreError> {
        self.within(self.append_evidence(id, items)).await.inspect_err(|error| not_written(id, error))
    }

    async fn control_state(&self, run: &Run) -> Result<ControlState, StoreError> {
        Box::pin(self.read_control_state(run)).await
    }

    async fn record_command(&self, id: &RunId, command: &OperatorCommand) -> Result<u64, StoreError> {
        Box::pin(self.write_command(id, command)).await
    }

    async fn stop_application(
        &self,
        application: &str,
        stop: &Stop,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Box::pin(self.write_application_stop(application, stop, at)).await
    }

    async fn switch(&self, switch: &Switch, engaged: bool) -> Result<Option<Switch>, StoreError> {
        if engaged {
            return self.within(self.engage(switch)).await.map(Some);
        }
        Box::pin(self.disengage(&switch.scope)).await.map(|()| None)
    }

    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.within(self.open_runs()).await
    }

    async fn write_heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        Box::pin(self.put_heartbeat(at)).await
    }

    async fn list(&self, drill_key: &str, most: u32) -> Result<Vec<Run>, StoreError> {
        self.within(self.list_runs(drill_key, most)).await
    }
}
