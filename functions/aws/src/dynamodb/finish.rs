//! Finish of a run: head, lock, registration of the alarm and the drill's summary in one transaction.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update, builders::PutBuilder};
use firedrill_core::{
    Outcome, Run, Timestamp,
    ports::{Saved, StoreError},
    result::DrillResult,
};

use super::{
    Item, RunTable,
    begin::{Transacted, failed, put},
    item,
};

fn unbuildable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(error.to_string())
}

/// The index of the head among the transaction's parts.
const HEAD: usize = 0;

impl RunTable {
    pub(super) async fn finish_run(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        let head = put(self.head_after(next, expected)?)?;
        let mut parts = vec![head];
        parts.extend(self.looking_back(next)?);
        parts.push(self.release(item::keys(item::lock_pk(next), "lock"), next)?);
        if let Some(trigger) = &next.trigger {
            parts.push(self.release(item::keys(item::alarm_pk(&trigger.alarm_arn), "run"), next)?);
        }
        loop {
            let Transacted::Cancelled(reasons) = self.transact(parts.clone()).await? else {
                return Ok(Saved::Saved);
            };
            let theirs: Vec<bool> = (0..parts.len()).map(|part| failed(&reasons, part)).collect();
            if theirs[HEAD] || !theirs.contains(&true) {
                return Ok(Saved::Conflict);
            }
            // An operator deleted the lock or the registration by hand, and another run holds it now: it keeps it.
            tracing::warn!(runId = %next.run_id, "another run holds the lock or the alarm of this run, and keeps it");
            let mut theirs = theirs.into_iter();
            parts.retain(|_| theirs.next() != Some(true));
        }
    }

    /// What a finished run leaves for whoever looks back at many: its result, and its part of the drill's summary.
    pub(super) fn looking_back(&self, run: &Run) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut parts = vec![self.summary(run)?];
        if let Some(result) = DrillResult::of(run) {
            parts.push(put(self.put(item::result(&result, self.retention)?))?);
        }
        Ok(parts)
    }

    /// A put of the head, on the condition that the recorded one still has this version.
    pub(super) fn head_after(&self, next: &Run, expected: u64) -> Result<PutBuilder, StoreError> {
        Ok(self
            .put(item::head(next, self.retention)?)
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":expected", AttributeValue::N(expected.to_string())))
    }

    /// Deletes a lock or registration, on the condition that no other run holds it.
    fn release(&self, key: Item, run: &Run) -> Result<TransactWriteItem, StoreError> {
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

    /// What a finished run adds to its drill's summary. All summaries lie under one key, so that one query lists the drills.
    fn summary(&self, run: &Run) -> Result<TransactWriteItem, StoreError> {
        let outcome = run.outcome.map(|outcome| outcome.to_string()).unwrap_or_default();
        let over = run.times.finished.or(run.times.started).unwrap_or(Timestamp::from_millis(0));
        let started = run.times.started.unwrap_or(over).to_string();
        let passed = run.outcome == Some(Outcome::Recovered);
        let set = "SET #run = :run, #at = :at, #outcome = :outcome, #ttl = :ttl";
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(item::keys(item::DRILLS_PK, run.drill_key())))
            .update_expression(format!("{set}{} ADD #count :one", if passed { ", #pass = :at" } else { "" }))
            .expression_attribute_names("#run", "lastRun")
            .expression_attribute_names("#at", "lastRunAt")
            .expression_attribute_names("#outcome", "lastOutcome")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#count", format!("count-{outcome}"))
            .expression_attribute_values(":run", item::text(&run.run_id.0))
            .expression_attribute_values(":at", item::text(started))
            .expression_attribute_values(":outcome", item::text(outcome))
            .expression_attribute_values(":ttl", item::expires(over, self.retention))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        // A name that no expression uses is refused.
        let update = if passed { update.expression_attribute_names("#pass", "lastPass") } else { update };
        let update = update.build().map_err(unbuildable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
