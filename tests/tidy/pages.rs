//! The pages: what they name is there, and what they show is so.

use std::{collections::BTreeSet, path::Path};

use regex_lite::Regex;

use crate::{files, read, root};

/// The page of what happens when things go wrong.
const PROMISES: &str = "tests/README.md";
/// A newcomer reads it in one go.
const LONGEST_README: usize = 150;

fn pages() -> Vec<String> {
    let pages =
        files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    pages.map(|page| page.to_string_lossy().into_owned()).collect()
}

/// Every Rust file of the project, in one text.
fn code() -> String {
    let code = files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    code.map(read).collect()
}

/// The words in backticks that have the form of a test's name.
fn test_names(text: &str) -> Vec<&str> {
    let name = Regex::new("`([a-z0-9]+(?:_[a-z0-9]+){3,})`").unwrap();
    name.captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect()
}

/// The rows of a table that follows `heading`, without its head.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let section = page.split(heading).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    section.lines().filter(|line| line.starts_with("| ")).skip(1).collect()
}

#[test]
fn no_link_of_a_page_leads_nowhere() {
    let link = Regex::new(r"\]\(([^)#]+)(?:#[^)]*)?\)").unwrap();
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().unwrap();
        for found in link.captures_iter(&text) {
            let to = found.get(1).unwrap().as_str();
            if !to.starts_with("https://") {
                assert!(root().join(folder).join(to).exists(), "{page} links to {to}, which is not there");
            }
        }
    }
}

#[test]
fn no_page_ever_names_a_test_that_is_not_there() {
    let code = code();
    for page in pages() {
        for name in test_names(&read(&page)) {
            assert!(code.contains(&format!("fn {name}(")), "{page}: there is no `{name}`");
        }
    }
}

#[test]
fn no_promise_is_made_without_a_test() {
    let page = read(PROMISES);
    let rows = rows(&page, "## What happens when…");
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        assert!(!test_names(row).is_empty(), "no test proves: {row}");
    }
}

/// Each invariant names a check of the oracle, a deliberate fault and a test; the last are looked for above.
#[test]
fn no_invariant_names_a_check_or_a_fault_that_is_not_there() {
    let page = read("ARCHITECTURE.md");
    let rows = rows(&page, "## Invariants");
    assert!(rows.len() > 10, "{} rows", rows.len());
    let oracle: String = files()
        .iter()
        .filter(|file| file.starts_with("functions/simulator/src/oracle") || file.ends_with("oracle.rs"))
        .map(read)
        .collect();
    let mutations = read("tests/mutations.rs");
    let quoted = Regex::new("`([^`]+)`").unwrap();
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, _, checks, faults, tests] = cells[..] else { panic!("not five columns: {row}") };
        let names = |cell| {
            let names: BTreeSet<String> =
                quoted.captures_iter(cell).map(|found| found.get(1).unwrap().as_str().to_owned()).collect();
            assert!(!names.is_empty(), "an empty column: {row}");
            names
        };
        for check in names(checks) {
            let function = check.rsplit("::").next().unwrap();
            assert!(oracle.contains(&format!("fn {function}(")), "the oracle has no check {check}");
        }
        for fault in names(faults) {
            assert!(mutations.contains(&format!("\"{fault}\"")), "there is no deliberate fault {fault}");
        }
        names(tests);
    }
}

#[test]
fn the_readme_is_never_longer_than_a_newcomer_reads() {
    let lines = read("README.md").lines().count();
    assert!(lines <= LONGEST_README, "{lines} lines");
}

/// The transcripts themselves are compared with what the demos print.
#[test]
fn the_readme_never_shows_what_no_transcript_has() {
    let readme = read("README.md");
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(read("tests/transcripts/demo.txt").contains(shown), "tests/transcripts/demo.txt has another");
}
