//! Requests to the emulator: its own API under `/_local/`, and the few AWS calls that a demo needs.
//!
//! They carry the id of a dummy key, by which the call log names the caller, and no valid signature: the real AWS
//! would refuse them even if the endpoint were not loopback.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Value, json};

use crate::LocalError;

/// The Region of every resource on local AWS.
pub(crate) const REGION: &str = "us-east-1";
/// The id of the dummy key for calls by an operator.
pub(crate) const OPERATOR: &str = "LOCALOPERATOR";

/// A client of one emulator that calls with one dummy key.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    http: Client,
    endpoint: Url,
    caller: &'static str,
}

impl Requests {
    /// A client of the emulator at this endpoint. `caller` is the dummy key's id, which the call log shows.
    ///
    /// # Errors
    /// The endpoint is not loopback, or the HTTP client cannot be built.
    pub(crate) fn new(endpoint: &str, caller: &'static str) -> Result<Self, LocalError> {
        let endpoint = loopback(endpoint)?;
        let client = Client::builder().no_proxy().timeout(Duration::from_mins(2)).build();
        let http = client.map_err(|error| LocalError::Emulator(format!("has no HTTP client: {error}")))?;
        Ok(Self { http, endpoint, caller })
    }

    /// One request to the emulator's own API; `path` follows `/_local/`.
    pub(crate) async fn local(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, LocalError> {
        let request = self.http.request(method.clone(), self.at(&format!("_local/{path}")));
        let request = if let Some(body) = body { request.json(body) } else { request };
        answer(format!("{method} {path}"), request).await
    }

    /// One call of `DynamoDB`'s JSON protocol.
    pub(crate) async fn dynamodb(&self, action: &str, body: &Value) -> Result<Value, LocalError> {
        let request = self.signed(Method::POST, "", "dynamodb");
        let request =
            request.header("x-amz-target", format!("DynamoDB_20120810.{action}")).body(body.to_string());
        answer(action.to_owned(), request.header("content-type", "application/x-amz-json-1.0")).await
    }

    /// A function's configuration as it was deployed.
    pub(crate) async fn function(&self, name: &str) -> Result<Value, LocalError> {
        let path = format!("2015-03-31/functions/{name}/configuration");
        answer(format!("GetFunctionConfiguration of {name}"), self.signed(Method::GET, &path, "lambda")).await
    }

    /// How many concurrent executions are reserved for a function.
    pub(crate) async fn reserved_concurrency(&self, name: &str) -> Result<Option<u64>, LocalError> {
        let path = format!("2019-09-30/functions/{name}/concurrency");
        let what = format!("GetFunctionConcurrency of {name}");
        let answer = answer(what, self.signed(Method::GET, &path, "lambda")).await?;
        Ok(answer["ReservedConcurrentExecutions"].as_u64())
    }

    /// A schedule as it was deployed.
    pub(crate) async fn schedule(&self, name: &str) -> Result<Value, LocalError> {
        let request = self.signed(Method::GET, &format!("schedules/{name}"), "scheduler");
        answer(format!("GetSchedule of {name}"), request).await
    }

    /// Creates a schedule of this name.
    pub(crate) async fn create_schedule(&self, name: &str, schedule: &Value) -> Result<Value, LocalError> {
        let request = self.signed(Method::POST, &format!("schedules/{name}"), "scheduler").json(schedule);
        answer(format!("CreateSchedule of {name}"), request).await
    }

    /// Writes a parameter of Systems Manager, and replaces what was there.
    pub(crate) async fn put_parameter(&self, name: &str, value: &str) -> Result<Value, LocalError> {
        let body = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
        let request = self.signed(Method::POST, "", "ssm").header("x-amz-target", "AmazonSSM.PutParameter");
        let request = request.body(body.to_string()).header("content-type", "application/x-amz-json-1.1");
        answer(format!("PutParameter of {name}"), request).await
    }

    /// Invokes a function and waits for its answer; the flag says whether the answer is a function error
    /// (header `X-Amz-Function-Error`).
    pub(crate) async fn invoke(&self, name: &str, payload: &Value) -> Result<(Value, bool), LocalError> {
        let fail = |why: String| LocalError::Answer { what: format!("Invoke of {name}"), why };
        let request =
            self.signed(Method::POST, &format!("2015-03-31/functions/{name}/invocations"), "lambda");
        // Lambda's longest function timeout.
        let sent = request.timeout(Duration::from_mins(15)).json(payload).send().await;
        let answer = sent.map_err(|error| fail(error.to_string()))?;
        let (status, failed) = (answer.status(), answer.headers().contains_key("x-amz-function-error"));
        let text = answer.text().await.map_err(|error| fail(error.to_string()))?;
        if !status.is_success() {
            return Err(fail(format!("{status}: {}", text.trim())));
        }
        Ok((serde_json::from_str(&text).unwrap_or(Value::String(text)), failed))
    }

    /// Publishes datapoints of a namespace, each of a metric with the dimension `Host`: (metric, host, value).
    pub(crate) async fn put_metrics(
        &self,
        namespace: &str,
        points: &[(&str, &str, u8)],
    ) -> Result<(), LocalError> {
        if points.is_empty() {
            return Ok(());
        }
        let members = (1..).zip(points).map(|(number, (metric, host, value)): (u32, _)| {
            let of = format!("&MetricData.member.{number}");
            format!(
                "{of}.MetricName={metric}{of}.Value={value}{of}.StorageResolution=1{of}.Dimensions.member.1.Name=Host\
                 {of}.Dimensions.member.1.Value={host}"
            )
        });
        let members: String = members.collect();
        let body = format!("Action=PutMetricData&Version=2010-08-01&Namespace={namespace}{members}");
        let request = self.signed(Method::POST, "", "monitoring").body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let sent = request.send().await.and_then(reqwest::Response::error_for_status);
        sent.map(drop)
            .map_err(|error| LocalError::Answer { what: "PutMetricData".to_owned(), why: error.to_string() })
    }

    /// The state of an alarm; none if there is no such alarm.
    pub(crate) async fn alarm_state(&self, name: &str) -> Result<Option<String>, LocalError> {
        let body = format!(
            "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1={name}\
             &AlarmTypes.member.1=MetricAlarm&AlarmTypes.member.2=CompositeAlarm"
        );
        let request = self.signed(Method::POST, "", "monitoring").body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let fail = |error: reqwest::Error| LocalError::Answer {
            what: format!("DescribeAlarms of {name}"),
            why: error.to_string(),
        };
        let sent = request.send().await.and_then(reqwest::Response::error_for_status).map_err(fail)?;
        let text = sent.text().await.map_err(fail)?;
        let state = text.split("<StateValue>").nth(1).and_then(|rest| rest.split("</StateValue>").next());
        Ok(state.map(str::to_owned))
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.endpoint.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url
    }

    fn signed(&self, method: Method, path: &str, service: &str) -> RequestBuilder {
        let caller = self.caller;
        let scope = format!("Credential={caller}/20260101/{REGION}/{service}/aws4_request");
        let header = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none");
        self.http.request(method, self.at(path)).header("authorization", header)
    }
}

async fn answer(what: String, request: RequestBuilder) -> Result<Value, LocalError> {
    let fail = |why: String| LocalError::Answer { what: what.clone(), why };
    let answer = request.send().await.map_err(|error| fail(format!("no answer: {error}")))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| fail(error.to_string()))?;
    if !status.is_success() {
        return Err(fail(format!("{status}: {}", text.trim())));
    }
    serde_json::from_str(&text).map_err(|error| fail(format!("{error} in {text}")))
}

/// The endpoint as a URL, if it is plain HTTP on this machine.
///
/// # Errors
/// Any other endpoint, which could be the real AWS.
fn loopback(endpoint: &str) -> Result<Url, LocalError> {
    let url = Url::parse(endpoint).ok().filter(|url| url.scheme() == "http" && is_loopback(url));
    url.ok_or_else(|| LocalError::Emulator(format!("answers at {endpoint}, which is not this machine")))
}

/// Whether the URL's host is `localhost` or a loopback address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}
