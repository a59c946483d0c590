//! Deliberate faults. Each is a patch, applied to a copy of `core` and `world` and built there; the
//! simulation must find it. Nothing of them is in the shipped code.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The patch, and what the simulation must say about it.
const MUTATIONS: [(&str, &str); 1] = [("act-before-save", "injected before the intent was on record")];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A workspace of the two crates alone, with the versions of the whole one.
fn fresh_copy(at: &Path) {
    let _ = fs::remove_dir_all(at);
    for member in ["functions/core", "functions/world"] {
        copy(&root().join(member), &at.join(member));
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace = manifest.split("\n[package]\n").next().unwrap();
    let lines = workspace.lines().filter(|line| !line.starts_with("default-members"));
    let lines = lines.map(|line| {
        if line.starts_with("members") { "members = [\"functions/core\", \"functions/world\"]" } else { line }
    });
    fs::write(at.join("Cargo.toml"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    fs::copy(root().join("Cargo.lock"), at.join("Cargo.lock")).unwrap();
}

fn apply(patch: &str, at: &Path) {
    for part in patch.split("--- a/").skip(1) {
        let file = at.join(part.lines().next().unwrap().trim());
        let text = format!("--- a/{part}");
        let parsed = diffy::Patch::from_str(&text).expect("the patch cannot be read");
        let before = fs::read_to_string(&file).expect("the patched file is gone");
        let after = diffy::apply(&before, &parsed).expect("the patch no longer applies: write it anew");
        fs::write(&file, after).unwrap();
    }
}

#[test]
fn no_deliberate_fault_survives_the_simulation() {
    // Where cargo keeps what it builds for tests; one target directory for all mutations.
    let at = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    for (name, says) in MUTATIONS {
        fresh_copy(&at.join("copy"));
        apply(
            &fs::read_to_string(root().join(format!("tests/mutations/{name}.patch"))).unwrap(),
            &at.join("copy"),
        );
        let test = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--package", "firedrill-world", "--test", "simulation", "--no-run"])
            .current_dir(at.join("copy"))
            .env("CARGO_TARGET_DIR", at.join("target"))
            .output()
            .unwrap();
        assert!(test.status.success(), "{name} does not build:\n{}", String::from_utf8_lossy(&test.stderr));
        let test = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--package", "firedrill-world", "--test", "simulation"])
            .current_dir(at.join("copy"))
            .env("CARGO_TARGET_DIR", at.join("target"))
            .env("FIREDRILL_HISTORIES", "5000")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&test.stdout);
        assert!(!test.status.success(), "{name} was not caught");
        let caught = said.lines().find(|line| line.contains(says));
        let seed = said.lines().take_while(|line| !line.contains(says)).last().unwrap_or_default();
        println!("{name}: caught by seed {}: {}", seed.trim(), caught.unwrap_or_default().trim());
        assert!(caught.is_some(), "{name} was caught, but not for what it is:\n{said}");
    }
}
