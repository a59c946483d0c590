//! What the functions are built with, and what not.

use std::{collections::BTreeSet, process::Command};

use firedrill_core::kind::DrillKind;

use crate::{files, read, roles::ROLES, root};

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
fn only_a_drill_function_is_ever_built_with_what_injects() {
    let injects = |package: &str| is_built_with(package, "firedrill-inject");
    for kind in DrillKind::ALL {
        assert!(injects(kind.row().package), "or this test would prove nothing");
        assert!(!kind.row().failover_package.is_some_and(injects));
    }
    for package in ["watchdog", "publisher", "notifier", "widget"] {
        assert!(!injects(package), "{package}");
    }
    // What injects, by name: in the crate that is built for it, and nowhere else.
    for file in files().iter().filter(|file| file.starts_with("functions")) {
        let text = read(file);
        let text = text.split("#[cfg(test)]").next().unwrap();
        let calls = ["stop_instances()", "put_metric_data()", "state_value(StateValue::Alarm)"];
        let found = calls.iter().any(|call| text.contains(call));
        assert!(!found || file.starts_with("functions/inject"), "{} injects", file.display());
    }
}

/// What publishes is large, and none of it is needed to drill.
#[test]
fn no_drill_is_ever_built_with_what_publishes() {
    for (package, ..) in ROLES {
        let publishes = ["publisher", "notifier", "widget"].contains(&package);
        assert_eq!(is_built_with(package, "firedrill-scorecard"), publishes, "{package}");
    }
}

/// Whether a package depends on this crate.
fn is_built_with(package: &str, depends_on: &str) -> bool {
    let arguments = ["tree", "--offline", "--package", package, "--edges", "normal", "--prefix", "none"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let begins = format!("{depends_on} v");
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with(&begins))
}

/// The wrapper is the checkout's: whoever builds here builds the same, and shares what was built.
#[test]
fn whoever_builds_here_builds_with_the_hint() {
    let config = read(".cargo/config.toml");
    let build = config.split("[build]\n").nth(1).expect("there is no [build]").split("\n[").next().unwrap();
    assert!(build.lines().any(|line| line == "rustc-wrapper = \".cargo/rustc-wrapper\""), "{build}");
    let other = ["RUSTC_WRAPPER", "RUSTFLAGS=", "CARGO_BUILD_", "CARGO_PROFILE_", "--config"];
    for line in read(".ci/run").lines().filter(|line| !line.starts_with("unset ")) {
        assert!(!other.iter().any(|word| line.contains(word)), ".ci/run builds in another way: {line}");
    }
}

/// Calls `.cargo/rustc-wrapper` as cargo does, with a compiler that prints what it was told.
#[cfg(unix)]
mod wrapper {
    use std::{
        path::{Path, PathBuf},
        process::{Command, Output},
    };

    use crate::root;

    const HINT: &str = "-Zhint-mostly-unused";
    const SDK: [&str; 6] =
        ["--crate-name", "aws_sdk_ec2", "--edition=2021", "a path/src/lib.rs", "--cap-lints", "allow"];
    /// Of a build with the profile `dev`.
    const DEBUG: [&str; 4] =
        ["--emit=dep-info,metadata,link", "-C", "embed-bitcode=no", "--out-dir=target/alto/deps"];
    /// It knows the hint, and everything else ends as a compiler's failure would.
    const PRINT: &str = "case \"$*\" in *'--print sysroot') exit 0;; esac
        printf '%s\\n' \"bootstrap=$RUSTC_BOOTSTRAP\" \"$@\"; echo warned >&2; exit 7";

    /// Written by another process: one that this process has open for writing while a test beside it starts a child
    /// cannot be executed.
    fn script(at: &Path, name: &str, body: &str) -> PathBuf {
        let path = at.join(name);
        let mut command = Command::new("sh");
        command.args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\" && chmod +x \"$1\"", "sh"]);
        assert!(command.arg(&path).arg(body).status().unwrap().success());
        path
    }

    fn called(rustc: &Path, arguments: &[&str], beside: Option<&Path>) -> Output {
        let mut command = Command::new(root().join(".cargo/rustc-wrapper"));
        command
            .arg(rustc)
            .args(arguments)
            .env_remove("RUSTC_BOOTSTRAP")
            .env_remove("FIREDRILL_RUSTC_WRAPPER");
        command.envs(beside.map(|path| ("FIREDRILL_RUSTC_WRAPPER", path)));
        command.output().unwrap()
    }

    /// What the compiler printed: what it was told, line by line.
    fn told(rustc: &Path, arguments: &[&str]) -> Vec<String> {
        let output = called(rustc, arguments, None);
        assert_eq!((output.status.code(), &*output.stderr), (Some(7), b"warned\n".as_slice()), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn unchanged(arguments: &[&str]) -> Vec<String> {
        [&["bootstrap="], arguments].concat().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn only_an_sdk_that_is_not_optimised_gets_the_hint() {
        let at = tempfile::tempdir().unwrap();
        let rustc = script(at.path(), "a compiler", PRINT);
        let debug = [&SDK[..], &DEBUG].concat();
        let hinted = [&["bootstrap=1"], &debug[..], &[HINT]].concat();
        assert_eq!(told(&rustc, &debug), hinted);
        let optimised: [&[&str]; 7] = [
            &["-C", "opt-level=3", "-C", "lto", "-C", "codegen-units=1"],
            &["-C", "opt-level=3", "-C", "linker-plugin-lto"],
            &["-C", "opt-level=s"],
            &["-Copt-level=1"],
            &["-O"],
            &["-C", "lto=thin"],
            &["-Clto"],
        ];
        for optimised in optimised {
            let arguments = [&debug[..], optimised].concat();
            assert_eq!(told(&rustc, &arguments), unchanged(&arguments));
        }
        for name in ["firedrill_aws", "aws_config", "my_aws_sdk_ec2", "build_script_build"] {
            let arguments = [&["--crate-name", name], &SDK[2..], &DEBUG].concat();
            assert_eq!(told(&rustc, &arguments), unchanged(&arguments));
        }
        for arguments in [&["-vV"][..], &["-", "--crate-name", "___", "--print=file-names"]] {
            assert_eq!(told(&rustc, arguments), unchanged(arguments));
        }
    }

    #[test]
    fn a_compiler_that_refuses_the_hint_is_called_without_it() {
        let at = tempfile::tempdir().unwrap();
        let refuse = "for a; do case $a in -Z*) echo unknown; echo unknown >&2; exit 1;; esac; done";
        let rustc = script(at.path(), "rustc", &format!("{refuse}\n{PRINT}"));
        let debug = [&SDK[..], &DEBUG].concat();
        assert_eq!(told(&rustc, &debug), unchanged(&debug));
    }

    #[test]
    fn another_wrapper_is_called_in_between() {
        let at = tempfile::tempdir().unwrap();
        let rustc = script(at.path(), "rustc", PRINT);
        let sccache = script(at.path(), "an sccache", "echo \"between $1\"; exec \"$@\"");
        for arguments in [&["-vV"][..], &[&SDK[..], &DEBUG].concat()] {
            let told = called(&rustc, arguments, Some(&sccache));
            let alone = called(&rustc, arguments, None);
            let said = format!("between {}\n{}", rustc.display(), String::from_utf8_lossy(&alone.stdout));
            assert_eq!(String::from_utf8_lossy(&told.stdout), said);
            assert_eq!((told.status, told.stderr), (alone.status, alone.stderr));
        }
    }
}
