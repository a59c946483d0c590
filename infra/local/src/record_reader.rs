//! Record reader: a run's head, evidence and request, read from the table.
//!
//! The table's layout is documented at `firedrill_aws::dynamodb`.

use firedrill_core::{Run, evidence::Evidence};
use serde_json::{Map, Value, json};

use crate::{LocalAws, LocalError, request::Requests};

/// Reads the runs of one table.
#[derive(Clone, Debug)]
pub struct RecordReader {
    requests: Requests,
    /// The table's name.
    pub name: String,
}

/// Everything that the table holds about one run.
#[derive(Clone, Debug)]
pub struct Record {
    /// The run, parsed from its head.
    pub run: Run,
    /// The head's item, as plain JSON.
    pub head: Value,
    /// The evidence, in the order of its sort keys.
    pub evidence: Vec<Evidence>,
    /// The evidence's items in the same order, as plain JSON.
    pub items: Vec<Value>,
    /// The request that started the run; none if its item is missing.
    pub request: Option<Value>,
}

impl Record {
    /// The partition key that all items of the run share.
    #[must_use]
    pub fn partition(&self) -> String {
        partition(&self.run.run_id.0)
    }
}

fn partition(run_id: &str) -> String {
    format!("run#{run_id}")
}

impl RecordReader {
    /// A reader of the table of this name.
    #[must_use]
    pub fn new(aws: &LocalAws, name: &str) -> Self {
        Self { requests: aws.requests().clone(), name: name.to_owned() }
    }

    /// The identities of a drill's runs, newest first.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn runs_of(&self, drill_key: &str) -> Result<Vec<String>, LocalError> {
        let query = json!({
            "IndexName": "byDrill",
            "KeyConditionExpression": "drillKey = :key",
            "ExpressionAttributeValues": { ":key": { "S": drill_key } },
            "ScanIndexForward": false,
        });
        let found = self.query(query).await?;
        Ok(found.iter().filter_map(|head| head["runId"].as_str().map(str::to_owned)).collect())
    }

    /// The record of one run; none if there is no such run.
    ///
    /// # Errors
    /// The table cannot be read, or an item is not what its sort key says.
    pub async fn record(&self, run_id: &str) -> Result<Option<Record>, LocalError> {
        let (mut head, mut items, mut request) = (None, Vec::new(), None);
        for mut item in self.items(&partition(run_id)).await? {
            match item["sk"].as_str().unwrap_or_default() {
                "head" => head = Some(item),
                "request" => request = Some(item["request"].take()),
                "commands" => {}
                _ => items.push(item),
            }
        }
        let Some(head) = head else { return Ok(None) };
        let unreadable = |error: serde_json::Error| LocalError::Answer {
            what: format!("the record of {run_id}"),
            why: error.to_string(),
        };
        let run = serde_json::from_value(head.clone()).map_err(unreadable)?;
        let evidence = items.iter().cloned().map(serde_json::from_value).collect::<Result<_, _>>();
        Ok(Some(Record { run, head, evidence: evidence.map_err(unreadable)?, items, request }))
    }

    /// Every item under one partition key, as plain JSON.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn items(&self, partition: &str) -> Result<Vec<Value>, LocalError> {
        let query = json!({
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": partition } },
            "ConsistentRead": true,
        });
        self.query(query).await
    }

    /// The items of every page of a query, as plain JSON.
    async fn query(&self, mut query: Value) -> Result<Vec<Value>, LocalError> {
        query["TableName"] = json!(self.name);
        let mut found = Vec::new();
        loop {
            let mut page = self.requests.dynamodb("Query", &query).await?;
            if let Value::Array(items) = page["Items"].take() {
                found.extend(items.into_iter().map(|item| plain(json!({ "M": item }))));
            }
            match page["LastEvaluatedKey"].take() {
                Value::Null => return Ok(found),
                key => query["ExclusiveStartKey"] = key,
            }
        }
    }
}

/// A `DynamoDB` attribute value as plain JSON: `{"S": "x"}` is `"x"`.
fn plain(attribute: Value) -> Value {
    let Value::Object(fields) = attribute else { return attribute };
    let Some((kind, value)) = fields.into_iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("N", Value::String(number)) => serde_json::from_str(&number).unwrap_or(Value::String(number)),
        ("NULL", _) => Value::Null,
        ("L", Value::Array(values)) => values.into_iter().map(plain).collect(),
        ("M", Value::Object(fields)) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect::<Map<_, _>>())
        }
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_values_become_plain_json() {
        let item = json!({ "M": { "a": { "S": "x" }, "n": { "N": "1.5" }, "l": { "L": [{ "BOOL": true }, { "NULL": true }] } } });
        assert_eq!(plain(item), json!({ "a": "x", "n": 1.5, "l": [true, null] }));
    }
}
