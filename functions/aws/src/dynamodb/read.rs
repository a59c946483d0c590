//! Reads of the record: heads, requests, locks, journals and lists of runs.

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use firedrill_core::{Request, Run, Timestamp, failover::JournalEntry, ports::StoreError, run::RunId};

use super::{Item, RunTable, item};
use crate::client::failure;

/// The run that an item names.
pub(super) fn run_id(item: &mut Item) -> Option<RunId> {
    match item.remove("runId") {
        Some(AttributeValue::S(id)) => Some(RunId(id)),
        _ => None,
    }
}

impl RunTable {
    /// One item, read consistently.
    pub(super) async fn get(&self, pk: String, sk: &str) -> Result<Option<Item>, StoreError> {
        let sent = self
            .reads
            .get_item()
            .table_name(&self.name)
            .set_key(Some(item::keys(pk, sk)))
            .consistent_read(true)
            .send()
            .await;
        Ok(sent.map_err(failure("dynamodb:GetItem"))?.item)
    }

    pub(super) async fn load_run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.get(item::run_pk(id), "head").await?.map(item::run).transpose()
    }

    pub(super) async fn load_request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        let item = self.get(item::run_pk(id), "request").await?;
        item.map(|item| item::request_of(item, id)).transpose()
    }

    /// The run that holds the lock that this run needs; none if no run does.
    pub(super) async fn lock_holder(&self, run: &Run) -> Result<Option<RunId>, StoreError> {
        Ok(self.get(item::lock_pk(run), "lock").await?.and_then(|mut lock| run_id(&mut lock)))
    }

    /// The run for which this alarm is registered as the trigger, read consistently; none if for no run.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn holder(&self, alarm_arn: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.get(item::alarm_pk(alarm_arn), "run").await?.and_then(|mut held| run_id(&mut held)))
    }

    /// The journal entries about changes of this alarm since then, oldest first, read consistently.
    ///
    /// # Errors
    /// They could not be read, or not within the table's deadline.
    pub async fn journal(&self, alarm_arn: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError> {
        self.within(self.list_journal(alarm_arn, since)).await
    }

    pub(super) async fn list_journal(
        &self,
        alarm_arn: &str,
        since: Timestamp,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let query = self
            .reads
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :since AND :last")
            .expression_attribute_values(":pk", item::text(item::alarm_pk(alarm_arn)))
            .expression_attribute_values(":since", item::text(format!("change#{since}")))
            .expression_attribute_values(":last", item::text("change#~"))
            .consistent_read(true);
        every_item(query).await?.into_iter().map(item::entry_of).collect()
    }

    /// The open runs, oldest first. A hint: the index may lag behind the heads.
    pub(super) async fn open_runs(&self) -> Result<Vec<RunId>, StoreError> {
        let query = self
            .reads
            .query()
            .table_name(&self.name)
            .index_name("open")
            .key_condition_expression("#open = :open")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":open", item::text("1"));
        Ok(every_item(query).await?.iter().filter_map(item::id_of).collect())
    }

    pub(super) async fn list_runs(&self, drill_key: &str, most: u32) -> Result<Vec<Run>, StoreError> {
        let most = most as usize;
        let mut runs = Vec::new();
        let mut found = self
            .reads
            .query()
            .table_name(&self.name)
            .index_name("byDrill")
            .key_condition_expression("#key = :key")
            .expression_attribute_names("#key", "drillKey")
            .expression_attribute_values(":key", item::text(drill_key))
            .scan_index_forward(false)
            .limit(i32::try_from(most.clamp(1, 1_000)).unwrap_or(100))
            .into_paginator()
            .items()
            .send();
        while runs.len() < most {
            let Some(item) = found.next().await else { break };
            match item::run(item.map_err(failure("dynamodb:Query"))?) {
                Ok(run) => runs.push(run),
                // A later version wrote it, and only that version can read it.
                Err(error @ StoreError::UnknownLayout { .. }) => {
                    tracing::warn!(%error, "a run is left out of the list");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(runs)
    }
}

/// Every item that a query finds, on all pages.
pub(super) async fn every_item(query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
    let found: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
    Ok(found.map_err(failure("dynamodb:Query"))?)
}
