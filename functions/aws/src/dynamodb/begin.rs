//! Begin of a run: head, request and lock in one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use firedrill_core::{
    Outcome, Request, Run,
    ports::{Begun, StoreError},
    run::RunId,
};

use super::{RunTable, item};
use firedrill_drills::{Proof, failure::Answer};

use crate::client::failure;

const ACTION: &str = "dynamodb:TransactWriteItems";
/// The number of tries: two invocations that begin at once may cancel each other's transaction.
const MAX_TRIES: u32 = 8;
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// The result of a transaction.
pub(super) enum Transacted {
    Done,
    /// Not executed, because a condition was not met; holds one reason for each part.
    Cancelled(Vec<CancellationReason>),
}

/// Whether this part's condition was not met.
pub(super) fn failed(reasons: &[CancellationReason], part: usize) -> bool {
    reasons.get(part).and_then(CancellationReason::code) == Some(CONDITION_FAILED)
}

impl RunTable {
    /// Sends a transaction, again if it met another one. The SDK gives each call a token, so that its own retries are
    /// executed once.
    pub(super) async fn transact(&self, parts: Vec<TransactWriteItem>) -> Result<Transacted, StoreError> {
        let mut conflict = String::new();
        for tried in 0..MAX_TRIES {
            if tried > 0 {
                let pause = 25_u64 << tried.min(5);
                tokio::time::sleep(Duration::from_millis(fastrand::u64(pause / 2..=pause))).await;
            }
            let sent = self.reads.transact_write_items().set_transact_items(Some(parts.clone())).send().await;
            let Err(error) = sent else { return Ok(Transacted::Done) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons();
                    if (0..reasons.len()).any(|part| failed(reasons, part)) {
                        return Ok(Transacted::Cancelled(reasons.to_vec()));
                    }
                    conflict = cancelled_for(reasons)?;
                }
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                    "another transaction with the same token is in progress".clone_into(&mut conflict);
                }
                _ => return Err(failure(ACTION)(error).into()),
            }
        }
        Err(StoreError::Unknown(format!("{ACTION}: {conflict}, {MAX_TRIES} times")))
    }

    pub(super) async fn begin_run(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        let head = self
            .put(item::head(run, self.retention)?)
            .condition_expression("attribute_not_exists(pk) OR #phase = :pending")
            .expression_attribute_names("#phase", "phase")
            .expression_attribute_values(":pending", item::text("pending"));
        let mut lock = item::keys(item::lock_pk(run), "lock");
        lock.insert("runId".to_owned(), item::text(&run.run_id.0));
        let lock = self
            .put(lock)
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let parts =
            vec![put(head)?, put(self.put(item::request(run, request, self.retention)?))?, put(lock)?];
        let reasons = match self.transact(parts).await? {
            Transacted::Done => return Ok(Begun::Begun),
            Transacted::Cancelled(reasons) => reasons,
        };
        // A run of the same identity comes before the lock: the caller gets that run's head.
        if failed(&reasons, 0)
            && let Some(head) = self.load_run(&run.run_id).await?
        {
            return Ok(begun_or_exists(run, head));
        }
        let holder = reasons.get(2).and_then(CancellationReason::item).and_then(|lock| lock.get("runId"));
        match holder {
            Some(AttributeValue::S(id)) => Ok(Begun::Locked(RunId(id.clone()))),
            _ => match self.lock_holder(run).await? {
                Some(id) => Ok(Begun::Locked(id)),
                None => Err(StoreError::Unknown(format!("{ACTION}: another run released the lock just now"))),
            },
        }
    }

    pub(super) async fn record_run(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        let head =
            self.put(item::head(run, self.retention)?).condition_expression("attribute_not_exists(pk)");
        let mut parts = vec![put(head)?, put(self.put(item::request(run, request, self.retention)?))?];
        if run.outcome == Some(Outcome::Skipped) {
            parts.extend(self.looking_back(run)?);
        }
        match self.transact(parts).await? {
            Transacted::Done => Ok(Begun::Begun),
            Transacted::Cancelled(_) => match self.load_run(&run.run_id).await? {
                Some(head) => Ok(begun_or_exists(run, head)),
                None => Err(StoreError::Unknown(format!("{ACTION}: the head exists, and cannot be read"))),
            },
        }
    }
}

/// `Begun` if the head on record is the one of this call: an earlier attempt may have been executed though its
/// answer was lost.
fn begun_or_exists(run: &Run, head: Run) -> Begun {
    if head.starter == run.starter && head.version == run.version && head.phase == run.phase {
        Begun::Begun
    } else {
        Begun::Exists(Box::new(head))
    }
}

pub(super) fn put(
    put: aws_sdk_dynamodb::types::builders::PutBuilder,
) -> Result<TransactWriteItem, StoreError> {
    let put = put.build().map_err(|error| StoreError::Refused(error.to_string()))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Why a transaction was cancelled although every condition was met.
///
/// # Errors
/// The reason does not pass: another try would be cancelled too.
fn cancelled_for(reasons: &[CancellationReason]) -> Result<String, StoreError> {
    let mut texts = Vec::new();
    for reason in reasons {
        let code = reason.code().unwrap_or("None");
        if code == "None" {
            continue;
        }
        let text = format!("{code}: {}", reason.message().unwrap_or_default());
        let passes = code == "TransactionConflict" || code.contains("Throttl") || code.contains("Exceeded");
        let size = code == "ItemCollectionSizeLimitExceeded";
        let answer = Answer::Error { code: code.to_owned(), status: 400 };
        if (!passes || size) && matches!(answer.proof(), Proof::Denied | Proof::Refused) {
            return Err(StoreError::Refused(format!("{ACTION}: {text}")));
        }
        texts.push(text);
    }
    Ok(texts.join("; "))
}
