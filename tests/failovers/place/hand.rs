//! The calls of AWS's own API that a person would make.

use std::time::Duration;

use firedrill_core::failover::Entry;
use firedrill_local::LocalAws;
use serde_json::{Map, Value, json};

use super::cases::REGION;

/// A person's calls.
#[derive(Clone)]
pub struct Hand {
    http: reqwest::Client,
    endpoint: String,
}

impl Hand {
    pub fn of(aws: &LocalAws) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            endpoint: aws.endpoint().to_owned(),
        }
    }

    fn signed(&self, method: reqwest::Method, path: &str, service: &str) -> reqwest::RequestBuilder {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=LOCALTEST/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=none"
        );
        let request = self.http.request(method, format!("{}{path}", self.endpoint));
        request.header("authorization", scope).timeout(Duration::from_mins(1))
    }

    /// A call of a service that speaks the query protocol (CloudWatch, SNS, RDS): its answer, as XML.
    pub async fn query(&self, service: &str, version: &str, fields: &[(&str, &str)]) -> String {
        let escaped = |text: &str| -> String {
            let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            let one = |byte: u8| {
                if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            };
            text.bytes().map(one).collect()
        };
        let version = [("Version", version)];
        let fields = fields.iter().chain(&version);
        let body: Vec<String> =
            fields.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        let request = self.signed(reqwest::Method::POST, "/", service).body(body.join("&"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    /// `SetAlarmState`.
    pub async fn set_alarm(&self, name: &str, state: &str, reason: &str) {
        let fields = [
            ("Action", "SetAlarmState"),
            ("AlarmName", name),
            ("StateValue", state),
            ("StateReason", reason),
        ];
        self.query("monitoring", "2010-08-01", &fields).await;
    }

    /// `Publish`.
    pub async fn publish(&self, topic: &str, message: &str) {
        let fields = [("Action", "Publish"), ("TopicArn", topic), ("Message", message)];
        self.query("sns", "2010-03-31", &fields).await;
    }

    async fn dynamodb(&self, action: &str, body: &Value) -> Value {
        let request = self.signed(reqwest::Method::POST, "/", "dynamodb").body(body.to_string());
        let request = request.header("x-amz-target", format!("DynamoDB_20120810.{action}"));
        let answer = request.header("content-type", "application/x-amz-json-1.0").send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{action}: {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The items under this partition key whose sort key begins so, as plain JSON.
    pub async fn items(&self, table: &str, pk: &str, begins: &str) -> Vec<Value> {
        let mut query = json!({
            "TableName": table, "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": { ":pk": { "S": pk }, ":sk": { "S": begins } }
        });
        let mut found = Vec::new();
        loop {
            let mut page = self.dynamodb("Query", &query).await;
            let Value::Array(items) = page["Items"].take() else { return found };
            found.extend(items.into_iter().map(|item| plain(json!({ "M": item }))));
            match page["LastEvaluatedKey"].take() {
                Value::Null => return found,
                key => query["ExclusiveStartKey"] = key,
            }
        }
    }

    /// Writes an item, given as plain JSON.
    pub async fn put(&self, table: &str, item: &Value) {
        let put = json!({ "TableName": table, "Item": attribute(item)["M"] });
        self.dynamodb("PutItem", &put).await;
    }

    /// Deletes an item.
    pub async fn delete(&self, table: &str, pk: &str, sk: &str) {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        self.dynamodb("DeleteItem", &json!({ "TableName": table, "Key": key })).await;
    }

    /// What the failover functions did about this alarm, oldest first.
    pub async fn entries(&self, table: &str, alarm_arn: &str) -> Vec<Entry> {
        let items = self.items(table, &format!("alarm#{alarm_arn}"), "change#").await;
        items.into_iter().map(|item| serde_json::from_value(item).unwrap()).collect()
    }

    /// A distribution's configuration as XML, and its version.
    pub async fn distribution(&self, id: &str) -> (String, String) {
        let path = format!("/2020-05-31/distribution/{id}/config");
        let answer = self.signed(reqwest::Method::GET, &path, "cloudfront").send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
        (answer.text().await.unwrap(), etag)
    }

    /// `UpdateDistribution` on its newest version.
    pub async fn update_distribution(&self, id: &str, change: impl FnOnce(&str) -> String) {
        let (config, etag) = self.distribution(id).await;
        let changed = change(&config);
        assert_ne!(changed, config, "it changes nothing");
        let path = format!("/2020-05-31/distribution/{id}/config");
        let request = self.signed(reqwest::Method::PUT, &path, "cloudfront").header("if-match", etag);
        let answer = request.header("content-type", "application/xml").body(changed).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {text}");
    }
}

/// An attribute value of `DynamoDB`'s as the JSON it means.
fn plain(attribute: Value) -> Value {
    let Value::Object(fields) = attribute else { return attribute };
    let Some((kind, value)) = fields.into_iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("N", Value::String(number)) => serde_json::from_str(&number).unwrap(),
        ("NULL", _) => Value::Null,
        ("L", Value::Array(values)) => values.into_iter().map(plain).collect(),
        ("M", Value::Object(fields)) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect::<Map<_, _>>())
        }
        (_, value) => value,
    }
}

/// The reverse of [`plain`].
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            let fields: Map<_, _> =
                fields.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": fields })
        }
    }
}
