//! Identity probe: whether a reply names the primary or the standby.

use firedrill_core::{Tristate, request::IdentityProbe};
use serde_json::Value;

use super::{short, without_reply};
use crate::ports::{HttpReply, NoReply};

/// The one that an answer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Primary,
    Standby,
    /// Neither of the two, or no answer.
    Neither,
    /// The answer is from a cache, or a fault of ours kept it away.
    Unknown,
}

impl Named {
    /// Whether the primary serves, and whether the standby does.
    pub(super) const fn seen(self) -> (Tristate, Tristate) {
        match self {
            Self::Primary => (Tristate::Yes, Tristate::No),
            Self::Standby => (Tristate::No, Tristate::Yes),
            Self::Neither => (Tristate::No, Tristate::No),
            Self::Unknown => (Tristate::Unknown, Tristate::Unknown),
        }
    }

    fn of(name: &str, probe: &IdentityProbe) -> Self {
        if name == probe.primary {
            Self::Primary
        } else if name == probe.standby {
            Self::Standby
        } else {
            Self::Neither
        }
    }

    const fn without_a_name(seen: Tristate) -> Self {
        match seen {
            Tristate::Unknown => Self::Unknown,
            Tristate::Yes | Tristate::No => Self::Neither,
        }
    }
}

pub(super) fn judge(reply: Result<HttpReply, NoReply>, probe: &IdentityProbe) -> (Named, String) {
    let unnamed = |no_reply| {
        let (seen, detail) = without_reply(no_reply);
        (Named::without_a_name(seen), detail)
    };
    let reply = match reply {
        Ok(reply) => reply,
        Err(no_reply) => return unnamed(no_reply),
    };
    let status = reply.status;
    // Before the status: an error may come from a cache, too.
    if let Some(why) = cached(&reply) {
        return (Named::Unknown, format!("{status}, from a cache ({why}): says nothing about now"));
    }
    if status != 200 {
        return (Named::Neither, status.to_string());
    }
    match (&probe.header, &probe.json) {
        (Some(name), _) => header(&reply, name, probe),
        (None, Some(pointer)) => match reply.body {
            Ok(body) => document(status, &body, pointer, probe),
            Err(no_reply) => unnamed(no_reply),
        },
        (None, None) => {
            (Named::Unknown, "the probe names neither a header nor a place in the body".to_owned())
        }
    }
}

/// The header that shows that a reply is from a cache; none if it is not. `RefreshHit` is CloudFront's name for a
/// body from its cache that the origin, which may be another one by now, confirmed as unchanged.
fn cached(reply: &HttpReply) -> Option<String> {
    if let Some(age) = reply.header("age").filter(|age| age.trim() != "0") {
        return Some(format!("Age {}", short(age.trim().to_owned())));
    }
    let hit = |word: &str| ["hit", "refreshhit"].iter().any(|hit| starts_with(word, hit));
    reply
        .header("x-cache")
        .filter(|value| value.split(',').any(|one| hit(one.trim())))
        .map(|value| format!("X-Cache {}", short(value.to_owned())))
}

/// Whether `text` starts with `word`, whatever the case of its letters.
fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn header(reply: &HttpReply, name: &str, probe: &IdentityProbe) -> (Named, String) {
    let status = reply.status;
    match reply.header(name) {
        Some(found) => (Named::of(found, probe), format!("{status}, header {name} is \"{found}\"")),
        None => (Named::Neither, format!("{status}, without header {name}")),
    }
}

fn document(status: u16, body: &[u8], pointer: &str, probe: &IdentityProbe) -> (Named, String) {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return (Named::Neither, format!("{status}, the body is not JSON"));
    };
    match document.pointer(pointer) {
        Some(found) => {
            let named = found.as_str().map_or(Named::Neither, |name| Named::of(name, probe));
            (named, format!("{status}, {pointer} is {}", short(found.to_string())))
        }
        None => (Named::Neither, format!("{status}, without {pointer}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn probe() -> IdentityProbe {
        serde_json::from_value(json!({
            "url": "https://shop.example/", "json": "/cdn", "primary": "primary", "standby": "secondary"
        }))
        .unwrap()
    }

    fn with(headers: &[(&str, &str)]) -> HttpReply {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        HttpReply { status: 200, headers: headers.collect(), body: Ok(Vec::new()) }
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
        let (named, detail) = header(&with(&[("x-cdn", "primary")]), "X-Cdn", &probe());
        assert_eq!((named, detail.as_str()), (Named::Primary, "200, header X-Cdn is \"primary\""));
    }

    #[test]
    fn what_a_cache_answers_is_no_evidence() {
        for header in [
            ("age", "1"),
            ("age", "a while"),
            ("x-cache", "Hit from cloudfront"),
            ("x-cache", "RefreshHit from cloudfront"),
            ("x-cache", "MISS, HIT"),
        ] {
            assert!(cached(&with(&[header])).is_some(), "{header:?}");
        }
        assert_eq!(cached(&with(&[("age", "0"), ("x-cache", "Miss from cloudfront")])), None);
        assert_eq!(cached(&with(&[])), None);
        assert_eq!(Named::Unknown.seen(), (Tristate::Unknown, Tristate::Unknown));
    }
}
