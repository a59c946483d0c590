//! Finishing a run: its head, its lock and its drill's summary in one transaction.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem, Update};
use firedrill_core::{
    Outcome, Run,
    ports::{Saved, StoreError},
};

use super::{
    Table,
    begin::{Transacted, failed, put},
    item,
};

fn unbuildable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(error.to_string())
}

impl Table {
    pub(super) async fn finish_run(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        let head = self
            .put(item::head(next, self.retention)?)
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(
                ":expected",
                aws_sdk_dynamodb::types::AttributeValue::N(expected.to_string()),
            );
        let unlock = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(item::keys(item::lock_pk(next), "lock")))
            .condition_expression("attribute_not_exists(pk) OR #run = :run")
            .expression_attribute_names("#run", "runId")
            .expression_attribute_values(":run", item::text(&next.run_id.0))
            .build()
            .map_err(unbuildable)?;
        let mut parts = vec![put(head)?, summary(&self.name, next)?];
        let without_lock = parts.clone();
        parts.push(TransactWriteItem::builder().delete(unlock).build());
        let done = |transacted| match transacted {
            Transacted::Done => Saved::Saved,
            Transacted::Cancelled(_) => Saved::Conflict,
        };
        match self.transact(parts).await? {
            // Somebody took the lock away by hand and another run holds it now: it stays theirs.
            Transacted::Cancelled(reasons) if failed(&reasons, 2) && !failed(&reasons, 0) => {
                tracing::warn!(runId = %next.run_id, "the lock of this run is held by another one");
                Ok(done(self.transact(without_lock).await?))
            }
            transacted => Ok(done(transacted)),
        }
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
        .expression_attribute_values(":one", aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned()));
    // A name that no expression uses is refused.
    let update = if passed { update.expression_attribute_names("#pass", "lastPass") } else { update };
    let update = update.build().map_err(unbuildable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}
