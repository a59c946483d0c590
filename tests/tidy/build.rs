//! What the functions are built with, and what not.

use std::{collections::BTreeSet, path::Path, process::Command};

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
        ("cloudwatch.rs", "pub async fn force("),
        ("cloudwatch/metric.rs", "pub async fn publish("),
        ("instance.rs", "impl Inject for"),
        ("alarm.rs", "impl<R: AlarmDrillTarget> Inject for"),
        ("alarm.rs", "mod injection;"),
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
        let known = ["ec2.rs", "cloudwatch.rs", "cloudwatch/metric.rs"]
            .iter()
            .any(|name| *file == Path::new("functions/aws/src").join(name));
        assert!(known || !injects.iter().any(|call| text.contains(call)), "{} injects", file.display());
    }
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
