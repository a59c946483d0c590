//! What lies where, and what it may name.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::{files, read};

#[test]
fn the_top_level_is_the_one_that_was_agreed() {
    let known =
        BTreeSet::from(["Cargo.toml", "Cargo.lock", "functions", "infra", "events", "tests", "README.md"]);
    let beside = BTreeSet::from([
        "LICENSE",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "clippy.toml",
        "rustfmt.toml",
    ]);
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
fn the_core_and_the_scorecard_never_name_aws_or_a_runtime() {
    for crate_of_ours in ["core", "scorecard"] {
        let manifest = read(format!("functions/{crate_of_ours}/Cargo.toml"));
        for word in ["aws", "tokio", "lambda"] {
            assert!(!manifest.contains(word), "functions/{crate_of_ours} depends on {word}");
        }
    }
    for file in files() {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = read(&file);
        let inside =
            ["functions/aws", "functions/inject", "infra/local"].iter().any(|at| file.starts_with(at));
        let sdk = concat!("aws_", "sdk_");
        assert!(inside || !text.contains(sdk) || file.starts_with("tests"), "{} names {sdk}", file.display());
    }
}

/// It judges what the code under test did: a decision that it shared with that code would be judged by itself.
#[test]
fn the_oracle_never_imports_more_than_types_of_the_code_that_it_judges() {
    let import = Regex::new(r"use firedrill_(\w+)::([^;]+);").unwrap();
    let leaf = Regex::new(r"(\w+)\s*[,}\n]|(\w+)$").unwrap();
    let oracle: Vec<_> = files()
        .into_iter()
        .filter(|file| file.to_string_lossy().starts_with("functions/simulator/src/oracle"))
        .collect();
    assert!(oracle.len() > 2, "{oracle:?}");
    for file in oracle {
        let text = read(&file);
        for found in import.captures_iter(&text) {
            assert_eq!(&found[1], "core", "{}: only the core's types", file.display());
            for name in leaf.captures_iter(&found[2]) {
                let name = name.get(1).or(name.get(2)).unwrap().as_str();
                let is_type = name.starts_with(char::is_uppercase);
                assert!(is_type, "{} imports `{name}`, which is no type", file.display());
            }
        }
    }
}
