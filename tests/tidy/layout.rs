//! What lies where, and what it may name.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::{files, read};

#[test]
fn the_top_level_is_the_one_that_was_agreed() {
    let known =
        BTreeSet::from(["Cargo.toml", "Cargo.lock", "functions", "infra", "events", "tests", "README.md"]);
    let beside = BTreeSet::from(["LICENSE", "CHANGELOG.md", "clippy.toml", "rustfmt.toml"]);
    for file in files() {
        let first = file.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let fits = known.contains(&*first) || beside.contains(&*first) || first.starts_with('.');
        assert!(fits, "{} does not belong at the top level", file.display());
    }
}

/// A module `foo` lies in `foo.rs`, and what is below it in `foo/`: a file's name says which module it is.
#[test]
fn no_module_lies_in_a_mod_rs() {
    let below = ["functions", "infra", "tests"];
    for file in files().iter().filter(|file| below.iter().any(|directory| file.starts_with(directory))) {
        assert!(!file.ends_with("mod.rs"), "{}: name it after its module", file.display());
    }
}

#[test]
fn every_promise_of_the_readme_names_a_test_that_is_there() {
    let tests: String = files()
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(read)
        .collect();
    let readme = read("README.md");
    let table = readme.split("### What happens when…").nth(1).unwrap().split("\n## ").next().unwrap();
    let name = Regex::new("`([a-z0-9]+(?:_[a-z0-9]+){3,})`").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        let names: Vec<&str> = name.captures_iter(row).map(|found| found.get(1).unwrap().as_str()).collect();
        assert!(!names.is_empty(), "no test proves: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}()")), "there is no test {name}");
        }
    }
}

#[test]
fn the_core_never_names_aws_or_a_clock() {
    let manifest = read("functions/core/Cargo.toml");
    for word in ["aws", "tokio", "lambda"] {
        assert!(!manifest.contains(word), "functions/core depends on {word}");
    }
    for file in files() {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = read(&file);
        let inside = file.starts_with("functions/aws") || file.starts_with("infra/local");
        let sdk = concat!("aws_", "sdk_");
        assert!(inside || !text.contains(sdk) || file.starts_with("tests"), "{} names {sdk}", file.display());
    }
}
