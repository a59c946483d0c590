//! Paths of the published files. Ids come from callers: a path is made of a readable part and a hash of the whole id.

use crate::hash::short_hash;

/// The most bytes of the readable part.
const MAX_READABLE: usize = 80;

/// The path of the page of a run, relative to the root of the site. The same id has always the same path.
#[must_use]
pub fn run_path(run_id: &str) -> String {
    format!("runs/{}.html", file_name(run_id))
}

/// The path of the page of an application, relative to the root of the site.
pub(crate) fn application_path(application: &str) -> String {
    format!("applications/{}.html", file_name(application))
}

/// The id of the row of a drill on the page of its application.
pub(crate) fn drill_anchor(key: &str) -> String {
    format!("drill-{}", file_name(key))
}

/// A file name that is safe on every file system and in every URL: lower-case letters, digits and hyphens. The hash
/// keeps two ids from sharing one, also where upper and lower case are the same.
fn file_name(id: &str) -> String {
    let mut readable = String::new();
    for c in id.chars() {
        if readable.len() >= MAX_READABLE {
            break;
        }
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => readable.push(c),
            _ if readable.is_empty() || readable.ends_with('-') => {}
            _ => readable.push('-'),
        }
    }
    let hash = short_hash(id);
    let readable = readable.trim_end_matches('-');
    if readable.is_empty() { hash } else { format!("{readable}-{hash}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn two_ids_never_share_a_file() {
        let long = "x".repeat(10_000);
        let longer = format!("{long}y");
        let ids = ["a/b", "a-b", "A/b", "a//b", "", "/", "..", "../a", "a\u{202e}b", &long, &longer];
        let paths: BTreeSet<String> = ids.iter().map(|id| run_path(id)).collect();
        assert_eq!(paths.len(), ids.len(), "{paths:?}");
    }

    #[test]
    fn a_file_name_never_leaves_its_folder_nor_the_alphabet() {
        for id in [
            "../../etc/passwd",
            "a b\"<script>",
            "%2e%2e",
            "C:\\x",
            "production/bookstore/cdn/2026-11-22T10:00:00Z",
        ] {
            let name = file_name(id);
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
            assert!(name.len() <= MAX_READABLE + 21, "{name}");
        }
    }
}
