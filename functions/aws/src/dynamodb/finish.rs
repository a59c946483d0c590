//! Finishing a run: its head, its lock and its drill's summary in one transaction.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update, builders::PutBuilder};
use firedrill_core::{
    Outcome, Run,
    ports::{Saved, StoreError},
};

use super::{
    Item, RunTable,
    begin::{Transacted, failed, put},
    item,
};

fn unbuildable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(error.to_string())
}

/// The head comes first.
const HEAD: usize = 0;

impl RunTable {
    pub(super) async fn finish_run(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        let head = put(self.head_after(next, expected)?)?;
        let mut parts = vec![head, summary(&self.name, next)?];
        parts.push(self.give_back(item::keys(item::lock_pk(next), "lock"), next)?);
        if let Some(trigger) = &next.trigger {
            parts.push(self.give_back(item::keys(item::alarm_pk(&trigger.alarm_arn), "run"), next)?);
        }
        loop {
            let Transacted::Cancelled(reasons) = self.transact(parts.clone()).await? else {
                return Ok(Saved::Saved);
            };
            let theirs: Vec<bool> = (0..parts.len()).map(|part| failed(&reasons, part)).collect();
            if theirs[HEAD] || !theirs.contains(&true) {
                return Ok(Saved::Conflict);
            }
            // Somebody took the lock or the alarm away by hand and another run holds it now: it stays theirs.
            tracing::warn!(runId = %next.run_id, "the lock or the alarm of this run is held by another one");
            let mut theirs = theirs.into_iter();
            parts.retain(|_| theirs.next() != Some(true));
        }
    }

    /// The head, if the one there is still of this version.
    pub(super) fn head_after(&self, next: &Run, expected: u64) -> Result<PutBuilder, StoreError> {
        Ok(self
            .put(item::head(next, self.retention)?)
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":expected", AttributeValue::N(expected.to_string())))
    }

    /// Deletes what this run holds, unless another one holds it.
    fn give_back(&self, key: Item, run: &Run) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key))
            .condition_expression("attribute_not_exists(pk) OR #run = :run")
            .expression_attribute_names("#run", "runId")
            .expression_attribute_values(":run", item::text(&run.run_id.0))
            .build()
            .map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

/// What a finished run adds to its drill's summary.
pub(super) fn summary(table: &str, run: &Run) -> Result<TransactWriteItem, StoreError> {
    let outcome = run.outcome.map(|outcome| outcome.to_string()).unwrap_or_default();
    let started = run.times.started.or(run.times.finished).map(|at| at.to_string()).unwrap_or_default();
    let passed = run.outcome == Some(Outcome::Recovered);
    let set = "SET #run = :run, #at = :at, #outcome = :outcome";
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(item::keys(format!("drill#{}", run.drill_key()), "summary")))
        .update_expression(format!("{set}{} ADD #count :one", if passed { ", #pass = :at" } else { "" }))
        .expression_attribute_names("#run", "lastRun")
        .expression_attribute_names("#at", "lastRunAt")
        .expression_attribute_names("#outcome", "lastOutcome")
        .expression_attribute_names("#count", format!("count-{outcome}"))
        .expression_attribute_values(":run", item::text(&run.run_id.0))
        .expression_attribute_values(":at", item::text(started))
        .expression_attribute_values(":outcome", item::text(outcome))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    // A name that no expression uses is refused.
    let update = if passed { update.expression_attribute_names("#pass", "lastPass") } else { update };
    let update = update.build().map_err(unbuildable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}
