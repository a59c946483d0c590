//! The repository against itself: schema, events, templates, layout, words.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use firedrill_core::{
    Request,
    request::{Delivery, parse},
    run::Caller,
};
use regex_lite::Regex;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file that belongs to the project, from its root.
fn files() -> Vec<PathBuf> {
    fn walk(at: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let skipped = ["target", ".git", ".aws-sam", "__pycache__"].iter().any(|skip| name == *skip);
            if skipped {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.path().strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

#[test]
fn the_schema_is_never_older_than_the_types() {
    let schema = schemars::schema_for!(Request);
    let now = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let path = root().join("events/request.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert!(
        read(path) == now,
        "events/request.schema.json is out of date: run `UPDATE=1 cargo test --test tidy`"
    );
}

#[test]
fn every_event_is_read_as_what_it_is() {
    for (name, caller, execute) in [
        ("instance-schedule", Caller::Schedule, true),
        ("instance-rule", Caller::Rule, true),
        ("instance-console", Caller::Direct, false),
        ("instance-local", Caller::Direct, true),
    ] {
        let event: Value = serde_json::from_str(&read(format!("events/{name}.json"))).unwrap();
        let Ok(Delivery::Start(request)) = parse(&event) else {
            panic!("{name}: {:?}", parse(&event));
        };
        assert_eq!((request.caller(), request.execute), (caller, execute), "{name}");
    }
    for (name, expected) in [
        ("get", Delivery::Get("staging/bookstore/instance-blue/2026-12-01T10:00:00.000Z".to_owned())),
        ("list", Delivery::List("staging/bookstore/instance-blue".to_owned())),
        ("resume", Delivery::Resume("staging/bookstore/instance-blue/2026-12-01T10:00:00.000Z".to_owned())),
    ] {
        let event: Value = serde_json::from_str(&read(format!("events/{name}.json"))).unwrap();
        assert_eq!(parse(&event), Ok(expected), "{name}");
    }
    let event: Value = serde_json::from_str(&read(format!("events/{}.json", "release"))).unwrap();
    assert!(matches!(parse(&event), Ok(Delivery::Release(release)) if !release.fail_back));
}

#[test]
fn every_event_file_is_known_to_these_tests() {
    let this = read("tests/tidy.rs");
    for file in files().iter().filter(|file| file.starts_with("events")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        assert!(
            this.contains(&format!("\"{name}\"")) || name == "request.schema",
            "{} is tested nowhere",
            file.display()
        );
    }
}

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

#[test]
fn no_permission_is_a_wildcard_without_a_reason() {
    for template in ["infra/template.yaml", "infra/drills.yaml", "infra/bookstore.yaml"] {
        let text = read(template);
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let bare: String =
                line.split('#').next().unwrap().chars().filter(|c| !"\"' -".contains(*c)).collect();
            assert!(
                bare != "Action:*" && bare != "*" || !line.contains("Action"),
                "{template}:{}",
                number + 1
            );
            if bare == "Resource:*" {
                let near = &lines[number.saturating_sub(16)..=number];
                assert!(
                    near.iter().any(|line| line.contains('#')),
                    "{template}:{}: Resource \"*\" without a comment that says why",
                    number + 1
                );
            }
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

#[test]
fn what_is_scheduled_by_schedule_and_by_rule_is_the_same_drill() {
    let text = read("infra/drills.yaml");
    let drills: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("\"drill\":")).collect();
    assert!(!drills.is_empty(), "no drill is scheduled");
    let names: BTreeSet<&str> = drills.iter().map(|line| line.trim()).collect();
    assert_eq!(drills.len(), 2 * names.len(), "each drill has one schedule and one rule: {drills:?}");
}

#[test]
fn the_tests_add_no_feature_to_what_the_functions_are_built_with() {
    let tree = |edges: &str| -> BTreeSet<String> {
        let arguments = ["tree", "--offline", "--prefix", "none", "--format", "{p} [{f}]", "--edges", edges];
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| line.trim_end_matches(" (*)").to_owned())
            .collect()
    };
    let (built, tested) = (tree("normal,build"), tree("normal,build,dev"));
    let changed: Vec<_> = built.difference(&tested).collect();
    assert!(changed.is_empty(), "`cargo test` builds these with other features: {changed:#?}");
}

#[test]
fn the_role_grants_what_the_adapters_call_and_nothing_else() {
    let action =
        Regex::new(r"(ec2|dynamodb|autoscaling|elasticloadbalancing|cloudwatch|kms):[A-Z]\w+").unwrap();
    let found = |text: &str| -> BTreeSet<String> {
        action.find_iter(text).map(|found| found.as_str().to_owned()).collect()
    };
    let mut called = BTreeSet::new();
    for file in files().iter().filter(|file| file.starts_with("functions/aws/src")) {
        called.extend(found(&read(file)));
    }
    // There is no permission of this name: a transaction needs those of its parts.
    assert!(called.remove("dynamodb:TransactWriteItems"));
    let parts = ["PutItem", "UpdateItem", "DeleteItem"].map(|part| format!("dynamodb:{part}"));
    called.extend(parts);
    let template = read("infra/template.yaml");
    let role = template.split("  DrillInstanceRole:").nth(1).unwrap();
    let lines = role.lines().skip(1).take_while(|line| line.starts_with("   ") || line.trim().is_empty());
    let granted: String = lines.map(|line| line.split(" #").next().unwrap().to_owned() + "\n").collect();
    let mut granted = found(&granted);
    // A condition on a grant, not an action.
    granted.remove("kms:GrantIsForAWSResource");
    assert_eq!(called, granted, "called by the adapters (left), granted by the template (right)");
}
