//! Who serves: an answer that names the primary or the standby.

use firedrill_core::{Tristate, request::IdentityProbe};
use reqwest::{Client, header::HeaderMap};
use serde_json::Value;

use super::{http, short};

/// Whom an answer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Primary,
    Standby,
    /// Neither of them: users were not served by one that is known.
    Nobody,
    /// The answer says nothing about now, or our own fault kept it away.
    Unknown,
}

impl Named {
    /// Whether the primary serves, and whether the standby does.
    pub(super) const fn seen(self) -> (Tristate, Tristate) {
        match self {
            Self::Primary => (Tristate::Yes, Tristate::No),
            Self::Standby => (Tristate::No, Tristate::Yes),
            Self::Nobody => (Tristate::No, Tristate::No),
            Self::Unknown => (Tristate::Unknown, Tristate::Unknown),
        }
    }

    fn of(name: &str, probe: &IdentityProbe) -> Self {
        if name == probe.primary {
            Self::Primary
        } else if name == probe.standby {
            Self::Standby
        } else {
            Self::Nobody
        }
    }

    const fn without_a_name(seen: Tristate) -> Self {
        match seen {
            Tristate::Unknown => Self::Unknown,
            Tristate::Yes | Tristate::No => Self::Nobody,
        }
    }
}

pub(super) async fn ask(client: &Client, probe: &IdentityProbe) -> (Named, String) {
    let answer = match http::get(client, &probe.url).await {
        Ok(answer) => answer,
        Err((seen, detail)) => return (Named::without_a_name(seen), detail),
    };
    let status = answer.status().as_u16();
    // Before the status: an error may come from a cache, too.
    if let Some(why) = cached(answer.headers()) {
        return (Named::Unknown, format!("{status}, from a cache ({why}): says nothing about now"));
    }
    if status != 200 {
        return (Named::Nobody, status.to_string());
    }
    match (&probe.header, &probe.json) {
        (Some(name), _) => header(status, answer.headers(), name, probe),
        (None, Some(pointer)) => match http::body(answer).await {
            Ok(body) => document(status, &body, pointer, probe),
            Err((seen, detail)) => (Named::without_a_name(seen), detail),
        },
        (None, None) => {
            (Named::Unknown, "the probe names neither a header nor a place in the body".to_owned())
        }
    }
}

/// By what an answer shows that it was not made for us. `RefreshHit` is CloudFront's word for a body from its
/// cache that the origin, whichever it is by now, said has not changed.
fn cached(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(age) = text("age").filter(|age| age.trim() != "0") {
        return Some(format!("Age {}", short(age.trim().to_owned())));
    }
    let hit = |word: &str| ["hit", "refreshhit"].iter().any(|hit| starts_with(word, hit));
    text("x-cache")
        .filter(|said| said.split(',').any(|one| hit(one.trim())))
        .map(|said| format!("X-Cache {}", short(said.into_owned())))
}

/// In any case.
fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn header(status: u16, headers: &HeaderMap, name: &str, probe: &IdentityProbe) -> (Named, String) {
    match headers.get(name).map(|found| String::from_utf8_lossy(found.as_bytes())) {
        Some(found) => (Named::of(&found, probe), format!("{status}, header {name} is \"{found}\"")),
        None => (Named::Nobody, format!("{status}, without header {name}")),
    }
}

fn document(status: u16, body: &[u8], pointer: &str, probe: &IdentityProbe) -> (Named, String) {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return (Named::Nobody, format!("{status}, the body is not JSON"));
    };
    match document.pointer(pointer) {
        Some(found) => {
            let named = found.as_str().map_or(Named::Nobody, |name| Named::of(name, probe));
            (named, format!("{status}, {pointer} is {}", short(found.to_string())))
        }
        None => (Named::Nobody, format!("{status}, without {pointer}")),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn probe() -> IdentityProbe {
        serde_json::from_value(json!({
            "url": "https://shop.example/", "json": "/cdn", "primary": "primary", "standby": "secondary"
        }))
        .unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn one_answer_is_a_yes_for_one_of_them_at_most() {
        let named = |body: &str| document(200, body.as_bytes(), "/cdn", &probe()).0.seen();
        assert_eq!(named(r#"{"cdn":"primary"}"#), (Tristate::Yes, Tristate::No));
        assert_eq!(named(r#"{"cdn":"secondary"}"#), (Tristate::No, Tristate::Yes));
        for other in [r#"{"cdn":"third"}"#, r#"{"cdn":1}"#, "{}", "<html>"] {
            assert_eq!(named(other), (Tristate::No, Tristate::No), "{other}");
        }
    }

    #[test]
    fn the_detail_says_who_served() {
        let detail = document(200, br#"{"cdn":"secondary"}"#, "/cdn", &probe()).1;
        assert_eq!(detail, "200, /cdn is \"secondary\"");
        let (named, detail) = header(200, &headers(&[("x-cdn", "primary")]), "X-Cdn", &probe());
        assert_eq!((named, detail.as_str()), (Named::Primary, "200, header X-Cdn is \"primary\""));
    }

    #[test]
    fn what_a_cache_answers_is_no_evidence() {
        for told in [
            ("age", "1"),
            ("age", "a while"),
            ("x-cache", "Hit from cloudfront"),
            ("x-cache", "RefreshHit from cloudfront"),
            ("x-cache", "MISS, HIT"),
        ] {
            assert!(cached(&headers(&[told])).is_some(), "{told:?}");
        }
        assert_eq!(cached(&headers(&[("age", "0"), ("x-cache", "Miss from cloudfront")])), None);
        assert_eq!(cached(&headers(&[])), None);
        assert_eq!(Named::Unknown.seen(), (Tristate::Unknown, Tristate::Unknown));
    }
}
