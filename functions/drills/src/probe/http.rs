//! HTTP probe: status, header and JSON value of a reply.

use firedrill_core::{
    Tristate,
    request::{Header, HttpProbe, JsonValue},
};
use serde_json::Value;

use super::{ProbeResult, short, without_reply};
use crate::ports::{HttpReply, NoReply};

pub(super) fn judge(reply: Result<HttpReply, NoReply>, probe: &HttpProbe) -> ProbeResult {
    let reply = match reply {
        Ok(reply) => reply,
        Err(no_reply) => return without_reply(no_reply),
    };
    let status = reply.status;
    if status != probe.status {
        return (Tristate::No, status.to_string());
    }
    if let Some(Header { name, value }) = &probe.header {
        match reply.header(name) {
            Some(found) if found == *value => {}
            Some(found) => return (Tristate::No, format!("{status}, header {name} is \"{found}\"")),
            None => return (Tristate::No, format!("{status}, without header {name}")),
        }
    }
    match &probe.json {
        None => (Tristate::Yes, status.to_string()),
        Some(wanted) => match reply.body {
            Ok(body) => document(status, &body, wanted),
            Err(no_reply) => without_reply(no_reply),
        },
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

/// Whether two JSON values are equal, where 1 and 1.0 are one number: the record does not keep them apart.
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
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(probe: Value) -> ProbeResult {
        let reply = HttpReply {
            status: 200,
            headers: vec![("x-cdn".to_owned(), "primary".to_owned())],
            body: Ok(br#"{"cdn":"secondary","n":1}"#.to_vec()),
        };
        judge(Ok(reply), &serde_json::from_value(probe).unwrap())
    }

    #[test]
    fn status_header_and_value_must_all_be_right() {
        let url = "http://a.example/";
        let is = |seen, detail: &str| (seen, detail.to_owned());
        assert_eq!(seen(json!({"url": url})), is(Tristate::Yes, "200"));
        assert_eq!(seen(json!({"url": url, "status": 204})), is(Tristate::No, "200"));
        let header = json!({"url": url, "header": {"name": "X-Cdn", "value": "secondary"}});
        assert_eq!(seen(header), is(Tristate::No, "200, header X-Cdn is \"primary\""));
        let value = |equals| json!({"url": url, "json": {"pointer": "/cdn", "equals": equals}});
        assert_eq!(seen(value("secondary")), is(Tristate::Yes, "200, `/cdn` is \"secondary\""));
        assert_eq!(seen(value("primary")), is(Tristate::No, "200, `/cdn` is \"secondary\""));
        let number = json!({"url": url, "json": {"pointer": "/n", "equals": 1.0}});
        assert_eq!(seen(number).0, Tristate::Yes);
    }

    #[test]
    fn a_body_that_was_not_read_is_a_no_only_if_users_would_not_read_it_either() {
        let probe = serde_json::from_value(json!({
            "url": "http://a.example/", "json": {"pointer": "", "equals": 1}
        }))
        .unwrap();
        let seen = |body: NoReply| {
            judge(Ok(HttpReply { status: 200, headers: Vec::new(), body: Err(body) }), &probe).0
        };
        assert_eq!(seen(NoReply::Ours("too long".to_owned())), Tristate::Unknown);
        assert_eq!(seen(NoReply::Failed("connection reset".to_owned())), Tristate::No);
        assert_eq!(judge(Err(NoReply::Unresolved), &probe).0, Tristate::No);
        let metadata = NoReply::Forbidden([169, 254, 169, 254].into());
        let (seen, detail) = judge(Err(metadata), &probe);
        assert!(seen == Tristate::Unknown && detail.contains("not asked"), "{detail}");
    }
}
