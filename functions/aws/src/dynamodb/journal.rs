//! Journal of an alarm: the run whose trigger it is, and what failover functions did about its changes.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure},
};
use firedrill_core::{
    Run, Timestamp,
    failover::{Claimed, Journal, JournalEntry},
    ports::{Saved, StoreError},
    run::{RunId, Trigger},
};

use super::{
    Item, RunTable,
    begin::{Transacted, failed, put},
    item, read,
};
use firedrill_drills::{Failure, ports::AlarmRecord};

use crate::client::failure;

const ACTION: &str = "dynamodb:PutItem";

/// The result of a put with a condition.
pub(super) enum Put {
    Done,
    /// Not written, because the condition was not met; holds the recorded item, if DynamoDB returned it.
    Found(Option<Item>),
}

/// The result of replacing an entry.
enum Replaced {
    Done,
    /// Not replaced: why.
    Theirs(String),
}

impl RunTable {
    /// Replaces the head and registers the trigger's alarm for this run, or does neither.
    pub(super) async fn save_registered(
        &self,
        next: &Run,
        trigger: &Trigger,
        expected: u64,
    ) -> Result<Saved, StoreError> {
        let mut registration = item::keys(item::alarm_pk(&trigger.alarm_arn), "run");
        registration.insert("runId".to_owned(), item::text(&next.run_id.0));
        let registration = self
            .put(registration)
            .condition_expression("attribute_not_exists(pk) OR #run = :run")
            .expression_attribute_names("#run", "runId")
            .expression_attribute_values(":run", item::text(&next.run_id.0))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let head = self.head_after(next, expected)?;
        match self.transact(vec![put(head)?, put(registration)?]).await? {
            Transacted::Done => Ok(Saved::Saved),
            Transacted::Cancelled(reasons) => refused(&reasons, &trigger.alarm_arn),
        }
    }

    /// Writes an item if the condition holds. The SDK may send the call several times, so the caller must recognise
    /// its own item.
    pub(super) async fn put_if(
        &self,
        item: Item,
        condition: &str,
        names: HashMap<String, String>,
        values: HashMap<String, AttributeValue>,
    ) -> Result<Put, Failure> {
        let call = self
            .reads
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_names((!names.is_empty()).then_some(names))
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match call.send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(unmet)) => {
                    Ok(Put::Found(unmet.item.clone()))
                }
                _ => Err(failure(ACTION)(error)),
            },
        }
    }

    /// The entry of this change, read consistently.
    async fn entry(&self, of: &JournalEntry) -> Result<Option<JournalEntry>, StoreError> {
        let found = self.get(item::alarm_pk(&of.alarm_arn), &of.key()).await?;
        found.map(item::entry_of).transpose()
    }

    async fn claim_entry(&self, entry: &JournalEntry) -> Result<Claimed, StoreError> {
        let item = item::entry(entry, self.retention)?;
        let put = self.put_if(item, "attribute_not_exists(pk)", HashMap::new(), HashMap::new()).await;
        let there = match put {
            Ok(Put::Done) => return Ok(Claimed::New),
            Ok(Put::Found(Some(item))) => Some(item::entry_of(item)?),
            Ok(Put::Found(None)) => self.entry(entry).await?,
            Err(failure) => match StoreError::from(failure) {
                // It may have been written though its answer was lost.
                lost @ StoreError::Unknown(_) => Some(self.entry(entry).await?.ok_or(lost)?),
                refused => return Err(refused),
            },
        };
        match there {
            Some(there) if there == *entry => Ok(Claimed::New),
            Some(there) => Ok(Claimed::Exists(Box::new(there))),
            None => Err(StoreError::Unknown(format!("{ACTION}: the entry exists, and cannot be read"))),
        }
    }

    /// Replaces an entry that is not concluded, and that `holder` still works on. So neither a delayed write nor an
    /// invocation that was taken for dead changes what another one concluded.
    async fn replace_entry(&self, entry: &JournalEntry, holder: &str) -> Result<Replaced, StoreError> {
        let item = item::entry(entry, self.retention)?;
        let condition = "attribute_not_exists(#done) AND #by = :by";
        let names = [("#done", "done"), ("#by", "by")].map(|(name, of)| (name.to_owned(), of.to_owned()));
        let values = HashMap::from([(":by".to_owned(), item::text(holder))]);
        let there = match self.put_if(item, condition, HashMap::from(names), values).await {
            Ok(Put::Done) => return Ok(Replaced::Done),
            Ok(Put::Found(there)) => there.map(item::entry_of).transpose()?,
            Err(failure) => match StoreError::from(failure) {
                // It may have been written though the answer was lost, or may still be written.
                lost @ StoreError::Unknown(_) => {
                    let there = self.entry(entry).await?;
                    if there.as_ref() != Some(entry) {
                        return Err(lost);
                    }
                    there
                }
                refused => return Err(refused),
            },
        };
        Ok(match there {
            Some(there) if there == *entry => Replaced::Done,
            there => Replaced::Theirs(there.map_or("the record holds no such entry".to_owned(), |there| {
                format!("invocation {} works on it, or concluded it", there.by)
            })),
        })
    }

    async fn remember_change(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut item = item::keys(item::alarm_pk(&entry.alarm_arn), "newest");
        item.insert("at".to_owned(), item::text(entry.at.to_string()));
        item.insert("state".to_owned(), item::text(entry.state.to_string()));
        let names = HashMap::from([("#at".to_owned(), "at".to_owned())]);
        let values = HashMap::from([(":at".to_owned(), item::text(entry.at.to_string()))]);
        // If the condition is not met, a newer change, or this one, is recorded already.
        self.put_if(item, "attribute_not_exists(#at) OR #at < :at", names, values).await?;
        Ok(())
    }
}

/// Why head and registration were not written. A head of another version comes first: the run may not need the
/// alarm any more.
fn refused(reasons: &[CancellationReason], alarm_arn: &str) -> Result<Saved, StoreError> {
    if failed(reasons, 0) || !failed(reasons, 1) {
        return Ok(Saved::Conflict);
    }
    let holder = reasons.get(1).and_then(CancellationReason::item).cloned();
    let holder = holder.and_then(|mut item| read::run_id(&mut item));
    let holder = holder.map_or("another run".to_owned(), |id| format!("run {id}"));
    Err(StoreError::Refused(format!("alarm {alarm_arn} is held by {holder}")))
}

fn newest(item: &Item) -> Result<Timestamp, StoreError> {
    let at = match item.get("at") {
        Some(AttributeValue::S(at)) => at.parse().ok(),
        _ => None,
    };
    at.ok_or_else(|| StoreError::Refused("the newest change of an alarm cannot be read".to_owned()))
}

/// Each method sends one call or two, each bounded in time. Boxed, because the futures of the SDK are large.
impl Journal for RunTable {
    async fn claim(&self, entry: &JournalEntry) -> Result<Claimed, StoreError> {
        Box::pin(self.claim_entry(entry)).await
    }

    async fn take(&self, entry: &JournalEntry, from: &str) -> Result<bool, StoreError> {
        Ok(matches!(Box::pin(self.replace_entry(entry, from)).await?, Replaced::Done))
    }

    async fn write(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        match Box::pin(self.replace_entry(entry, &entry.by)).await? {
            Replaced::Done => Ok(()),
            Replaced::Theirs(why) => Err(StoreError::Refused(format!(
                "journal entry {} of {} was not written: {why}",
                entry.key(),
                entry.alarm_arn
            ))),
        }
    }

    async fn newest(&self, alarm_arn: &str) -> Result<Option<Timestamp>, StoreError> {
        let found = Box::pin(self.get(item::alarm_pk(alarm_arn), "newest")).await?;
        found.as_ref().map(newest).transpose()
    }

    async fn remember(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        Box::pin(self.remember_change(entry)).await
    }

    async fn holder(&self, alarm_arn: &str) -> Result<Option<RunId>, StoreError> {
        Box::pin(Self::holder(self, alarm_arn)).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Box::pin(self.load_run(id)).await
    }
}

/// The record of alarms, as drills read it.
impl AlarmRecord for crate::Cloud {
    async fn registered_run(&self, alarm: &str) -> Result<Option<RunId>, StoreError> {
        self.table.holder(alarm).await
    }

    async fn entries(&self, alarm: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError> {
        self.table.journal(alarm, since).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:cloudwatch:us-east-1:1:alarm:a";

    fn reason(code: &str, holder: Option<&str>) -> CancellationReason {
        let built = CancellationReason::builder().code(code);
        let named = |id: &str| HashMap::from([("runId".to_owned(), item::text(id))]);
        built.set_item(holder.map(named)).build()
    }

    #[test]
    fn an_alarm_that_another_run_holds_is_told_apart_from_a_head_that_moved_on() {
        let (held, moved) = ("ConditionalCheckFailed", "ConditionalCheckFailed");
        let error = refused(&[reason("None", None), reason(held, Some("r"))], ARN).unwrap_err();
        assert_eq!(error, StoreError::Refused(format!("alarm {ARN} is held by run r")));
        assert_eq!(refused(&[reason(moved, None), reason("None", None)], ARN), Ok(Saved::Conflict));
        assert_eq!(refused(&[reason(moved, None), reason(held, Some("r"))], ARN), Ok(Saved::Conflict));
    }

    #[test]
    fn a_newest_change_that_cannot_be_read_is_not_none() {
        let at = Timestamp::from_millis(1_795_460_400_120);
        let written = HashMap::from([("at".to_owned(), item::text(at.to_string()))]);
        assert_eq!(newest(&written), Ok(at));
        assert!(newest(&Item::new()).is_err());
    }
}
