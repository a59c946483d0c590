//! An HTTP answer.

use std::sync::Arc;

use firedrill_core::{
    Tristate,
    request::{Header, HttpProbe, JsonValue},
};
use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};
use serde_json::Value;

use super::{ProbeResult, address, failed, short};

/// Longer ways than this are a loop, to a probe.
const MAX_REDIRECTS: usize = 3;
/// More of a body is not read.
const MAX_BYTES: usize = 64 * 1024;

pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::custom(redirect))
        .dns_resolver(Arc::new(Resolver))
        // A connection of its own for each ask: whether *new* users get through is what counts.
        .pool_max_idle_per_host(0)
        .user_agent("firedrill")
        .build()
}

/// Resolves names, and refuses some of what they resolve to.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = address::resolve(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Hosts written as addresses never come to the resolver.
fn check_literal(url: &Url) -> Result<(), address::Refused> {
    match url.host_str().and_then(address::literal) {
        Some(host) => address::check(host).map(|_| ()),
        None => Ok(()),
    }
}

fn redirect(attempt: Attempt) -> reqwest::redirect::Action {
    if let Err(refused) = check_literal(attempt.url()) {
        return attempt.error(refused);
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

/// The answer's head, or why there is none.
pub(super) async fn get(client: &Client, url: &Url) -> Result<Response, ProbeResult> {
    if let Err(refused) = check_literal(url) {
        return Err((Tristate::Unknown, refused.to_string()));
    }
    let request = client.get(url.clone()).header("cache-control", "no-cache");
    match request.send().await {
        Ok(answer) => Ok(answer),
        Err(error) if error.is_builder() => Err((Tristate::Unknown, "the probe cannot be sent".to_owned())),
        Err(error) => Err(failed(&error)),
    }
}

pub(super) async fn ask(client: &Client, probe: &HttpProbe) -> ProbeResult {
    let answer = match get(client, &probe.url).await {
        Ok(answer) => answer,
        Err(look) => return look,
    };
    let status = answer.status().as_u16();
    if status != probe.status {
        return (Tristate::No, status.to_string());
    }
    if let Some(Header { name, value }) = &probe.header {
        match answer.headers().get(name).map(|found| String::from_utf8_lossy(found.as_bytes())) {
            Some(found) if found == *value => {}
            Some(found) => return (Tristate::No, format!("{status}, header {name} is \"{found}\"")),
            None => return (Tristate::No, format!("{status}, without header {name}")),
        }
    }
    match &probe.json {
        None => (Tristate::Yes, status.to_string()),
        Some(wanted) => match body(answer).await {
            Ok(body) => document(status, &body, wanted),
            Err(look) => look,
        },
    }
}

/// The body, if it is not too long to be looked at.
pub(super) async fn body(mut answer: Response) -> Result<Vec<u8>, ProbeResult> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BYTES => {
                let what = format!("the body is longer than {MAX_BYTES} bytes, which a probe does not read");
                return Err((Tristate::Unknown, what));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(failed(&error)),
        }
    }
}

fn document(status: u16, body: &[u8], wanted: &JsonValue) -> ProbeResult {
    let pointer = &wanted.pointer;
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return (Tristate::No, format!("{status}, the body is not JSON"));
    };
    match document.pointer(pointer) {
        Some(found) => {
            let seen = Tristate::from(same(found, &wanted.equals));
            (seen, format!("{status}, `{pointer}` is {}", short(found.to_string())))
        }
        None => (Tristate::No, format!("{status}, without `{pointer}`")),
    }
}

/// Equal as JSON has it: 1 and 1.0 are one number, and the record does not keep them apart.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests;
