//! Stream of the table: its changes, as Lambda delivers them, and the answer that says which to deliver again.

use firedrill_scorecard::notice::StreamChange;
use serde::Deserialize;
use serde_dynamo::{Item, from_item};
use serde_json::{Value, json};

use super::Failed;

/// A batch of changes (Lambda's guide, *Using AWS Lambda with Amazon DynamoDB*).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    records: Vec<BatchRecord>,
}

#[derive(Debug, Deserialize)]
struct BatchRecord {
    dynamodb: ItemChange,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ItemChange {
    sequence_number: String,
    new_image: Option<Item>,
    old_image: Option<Item>,
}

/// One change, and the number by which it is asked for again.
#[derive(Debug)]
pub(super) struct Delivered {
    pub sequence_number: String,
    pub change: StreamChange,
}

/// Whether this event is of the stream.
pub(super) fn is_batch(event: &Value) -> bool {
    event.get("Records").is_some()
}

/// The changes of a batch, in order. A deletion is left out.
pub(super) fn read(event: Value) -> Result<Vec<Delivered>, Failed> {
    let batch: Batch = serde_json::from_value(event).map_err(unreadable)?;
    batch.records.into_iter().filter_map(|record| delivered(record.dynamodb).transpose()).collect()
}

fn delivered(item: ItemChange) -> Result<Option<Delivered>, Failed> {
    let ItemChange { sequence_number, new_image: Some(new), old_image } = item else { return Ok(None) };
    let new: Value = from_item(new).map_err(unreadable)?;
    let old: Option<Value> = old_image.map(from_item).transpose().map_err(unreadable)?;
    let key = |name: &str| match &new[name] {
        Value::String(key) => Ok(key.clone()),
        _ => Err(unreadable(format_args!("a change has no key `{name}`"))),
    };
    let (pk, sk) = (key("pk")?, key("sk")?);
    let change = StreamChange { inserted: old.is_none(), pk, sk, new, old };
    Ok(Some(Delivered { sequence_number, change }))
}

fn unreadable(error: impl std::fmt::Display) -> Failed {
    Failed { name: "UnreadableStream", text: format!("the stream's batch cannot be read: {error}") }
}

/// The answer to a batch. Lambda delivers it again from the first of these changes on.
pub(super) fn again(sequence_numbers: &[String]) -> Value {
    let failures = sequence_numbers.iter().map(|number| json!({ "itemIdentifier": number }));
    json!({ "batchItemFailures": failures.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: &str, new: &Value, old: &Value) -> Value {
        let mut change = json!({ "SequenceNumber": number, "StreamViewType": "NEW_AND_OLD_IMAGES" });
        for (name, image) in [("NewImage", new), ("OldImage", old)] {
            if !image.is_null() {
                change[name] = image.clone();
            }
        }
        json!({ "eventID": "1", "eventSource": "aws:dynamodb", "dynamodb": change })
    }

    #[test]
    fn a_change_is_read_as_plain_json_and_a_deletion_is_none() {
        let new = json!({
            "pk": { "S": "drill#a/b/c" }, "sk": { "S": "result#1" }, "rtoMs": { "N": "300000" },
            "rec": { "L": [{ "N": "1" }, { "N": "2" }] }, "open": { "BOOL": true }, "none": { "NULL": true }
        });
        let old = json!({ "pk": { "S": "drill#a/b/c" }, "sk": { "S": "result#1" } });
        let none = Value::Null;
        let batch = json!({ "Records": [record("7", &new, &none), record("8", &new, &old), record("9", &none, &old)] });
        assert!(is_batch(&batch) && !is_batch(&json!({})));
        let read = read(batch).unwrap();
        let plain = json!({
            "pk": "drill#a/b/c", "sk": "result#1", "rtoMs": 300_000, "rec": [1, 2], "open": true, "none": null
        });
        let [first, second] = &read[..] else { panic!("{read:?}") };
        assert_eq!((&*first.sequence_number, first.change.inserted), ("7", true));
        assert_eq!((&*first.change.pk, &*first.change.sk), ("drill#a/b/c", "result#1"));
        assert_eq!((&first.change.new, &first.change.old), (&plain, &None));
        assert!(!second.change.inserted && second.change.old.is_some());
    }

    #[test]
    fn a_batch_that_cannot_be_read_is_never_taken_for_an_empty_one() {
        let no_key = record("1", &json!({ "pk": { "S": "a" } }), &Value::Null);
        let no_number = json!({ "dynamodb": { "NewImage": {} } });
        for records in [json!([no_key]), json!([no_number]), json!({}), json!([{}]), Value::Null] {
            assert!(read(json!({ "Records": records })).is_err(), "{records}");
        }
    }

    #[test]
    fn what_failed_is_named_by_its_number() {
        assert_eq!(again(&[]), json!({ "batchItemFailures": [] }));
        assert_eq!(again(&["7".to_owned()]), json!({ "batchItemFailures": [{ "itemIdentifier": "7" }] }));
    }
}
