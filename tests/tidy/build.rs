//! What the functions are built with, and what not.

use std::{collections::BTreeSet, process::Command};

use crate::{files, read, root};

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

/// Invariant 10. IAM tells stopping from starting; where one action serves both ways, it is the build that does.
#[test]
fn the_watchdog_is_never_built_with_what_injects() {
    let features = |package: &str| {
        let arguments = ["tree", "--offline", "--package", package, "--edges", "normal,features"];
        let format = ["--prefix", "none", "--format", "{p} [{f}]"];
        let output =
            Command::new(env!("CARGO")).args(arguments).args(format).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = tree.lines().find(|line| line.starts_with("firedrill-aws v")).unwrap().to_owned();
        let (_, list) = line.rsplit_once('[').unwrap();
        let list = list.split(']').next().unwrap();
        list.split(',').map(|name| name.trim().to_owned()).collect::<BTreeSet<String>>()
    };
    let watchdog = features("watchdog");
    assert!(watchdog.contains("watchdog") && !watchdog.contains("inject"), "{watchdog:?}");
    assert!(features("drill-instance").contains("inject"), "or this test would prove nothing");
    // What injects, by name: behind the feature, each of them.
    for (file, name) in [
        ("ec2.rs", "pub async fn stop("),
        ("cloudwatch/mod.rs", "pub async fn force("),
        ("cloudwatch/metric.rs", "pub async fn publish("),
        ("instance/mod.rs", "impl Inject for"),
        ("alarm/mod.rs", "impl<R: Resource> Inject for"),
        ("alarm/mod.rs", "mod force;"),
    ] {
        let text = read(format!("functions/aws/src/{file}"));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| line.starts_with(name));
        let at = at.unwrap_or_else(|| panic!("{file} has no `{name}`"));
        assert_eq!(lines[at - 1], "#[cfg(feature = \"inject\")]", "{file}: {name}");
    }
    for file in files().iter().filter(|file| file.starts_with("functions/aws/src")) {
        let text = read(file);
        let injects = ["stop_instances()", "put_metric_data()", "State::Alarm, reason"];
        let known = ["ec2.rs", "metric.rs", "mod.rs"].iter().any(|name| file.ends_with(name));
        assert!(known || !injects.iter().any(|call| text.contains(call)), "{} injects", file.display());
    }
}
