//! Mutations: deliberate faults of the core and the simulator. Each is a patch that is applied to a copy of both and
//! built there; the simulation must find it. The shipped code contains none of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A deliberate fault: its patch, the test of the drill kind that finds it, and what the oracle's message contains.
struct Mutation {
    name: &'static str,
    drill: &'static str,
    says: &'static str,
}

const fn mutation(name: &'static str, drill: &'static str, says: &'static str) -> Mutation {
    Mutation { name, drill, says }
}

const MUTATIONS: [Mutation; 31] = [
    // Intent, lease and record.
    mutation("act-before-save", "instance", "injected before the intent was on record"),
    mutation("inject-twice", "instance", "was sent twice"),
    mutation("no-condition-on-the-save", "instance", "finished 2 times"),
    mutation("takeover-at-once", "instance", "no fault occurred for long"),
    mutation("takeover-by-the-holders-clock", "instance", "no fault occurred for long"),
    mutation("undo-after-half-the-lease", "instance", "and another held the lease"),
    mutation("calls-of-a-dead-holder-forgotten", "database", "after the run was finished"),
    mutation("ttl-trusted-as-a-lock", "database", "failed over twice for the alarm's change"),
    mutation("two-take-one-change", "database", "failed over twice for the alarm's change"),
    mutation("watchdog-injects", "instance", "injected, and had not begun the run"),
    // What keeps a run from injecting.
    mutation("late-delivery-accepted", "instance", "injected although a gate was closed"),
    mutation("kill-switch-read-only-once", "cdn", "injected although it had to stop, or a kill switch"),
    mutation("unreadable-switch-not-engaged", "instance", "though it had to stop"),
    mutation("stale-heartbeat-accepted", "instance", "injected although the watchdog was absent"),
    mutation("blast-radius-ignored", "instance", "and the blast radius allows"),
    // What is observed.
    mutation("unknown-as-yes", "instance", "but the failure was never in place"),
    mutation("trigger-verified-by-its-current-state", "cdn", "it was in place, long enough to be seen"),
    mutation("recovered-without-the-standby", "cdn", "verdict recovered, but users were served again after"),
    // Rollback.
    mutation("stop-ignored", "instance", "though it had to stop"),
    mutation("rollback-skipped-after-a-stop", "instance", "finished, and the targets are down"),
    mutation("rollback-waits-for-the-store", "instance", "and waited for the store"),
    mutation("rollback-held-by-the-kill-switch", "instance", "a step that moves no traffic was not undone"),
    mutation("no-settling-after-an-unknown-call", "instance", "finished, and the targets are down"),
    mutation("drift-overwritten", "cdn", "an operator's change was overwritten"),
    mutation("failback-during-a-real-incident", "cdn", "traffic was moved onto the unhealthy primary"),
    mutation("real-alarm-ignored", "cdn", "past a real alarm"),
    mutation("alarm-left-forced", "cdn", "the alarm is still forced"),
    mutation("finished-before-it-is-well", "database", "and users were not served"),
    // The automation behind the trigger.
    mutation("old-alarm-event-accepted", "cdn", "was acted on at"),
    mutation("failover-for-a-run-that-turned-back", "cdn", "for a run that was rolling back"),
    mutation("no-wait-for-the-automation", "cdn", "after the run was finished"),
];

/// How many seeds are played for each, until one shows it: most show at once, the rarest in one of some 70,000 histories.
const HISTORIES: [&str; 4] = ["400", "2000", "20000", "100000"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Makes `to` a copy of `from`. Equal files are not written again, so that cargo does not build them again.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(to).unwrap() {
        let there = entry.unwrap().path();
        if !from.join(there.file_name().unwrap()).exists() {
            fs::remove_file(&there).or_else(|_| fs::remove_dir_all(&there)).unwrap();
        }
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            write(&to, &fs::read(entry.path()).unwrap());
        }
    }
}

fn write(to: &Path, what: &[u8]) {
    if fs::read(to).ok().as_deref() != Some(what) {
        fs::write(to, what).unwrap();
    }
}

/// A workspace of these two crates alone, with the locked versions of the whole one.
fn fresh_copy(at: &Path) {
    for member in ["functions/core", "functions/simulator"] {
        copy(&root().join(member), &at.join(member));
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace = manifest.split("\n[package]\n").next().unwrap();
    let lines = workspace.lines().filter(|line| !line.starts_with("default-members"));
    let lines = lines.map(|line| {
        if line.starts_with("members") {
            "members = [\"functions/core\", \"functions/simulator\"]"
        } else {
            line
        }
    });
    // Each is built once and mostly caught within a few histories: building faster is worth more than playing faster.
    let manifest = lines.collect::<Vec<_>>().join("\n").replace("opt-level = 2", "opt-level = 0");
    write(&at.join("Cargo.toml"), manifest.as_bytes());
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

/// The first line that contains `says`, and the seed before it.
fn caught(said: &str, says: &str) -> Option<(u64, String)> {
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(says))?;
    let seed = lines[..at].iter().rev().find_map(|line| line.trim_end_matches(',').parse().ok())?;
    Some((seed, lines[at].trim_end_matches(',').trim_matches('"').to_owned()))
}

/// `cargo mutations` prints the table.
#[test]
fn no_deliberate_fault_survives_the_simulation() {
    // Where cargo keeps what it builds for tests; one target directory for all mutations.
    let at = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    let (copy, target) = (at.join("copy"), at.join("target"));
    println!("| deliberate fault | drill | caught by seed | which says |\n|---|---|---|---|");
    let mut survived = Vec::new();
    for Mutation { name, drill, says } in MUTATIONS {
        fresh_copy(&copy);
        let patch = fs::read_to_string(root().join(format!("tests/mutations/{name}.patch"))).unwrap();
        apply(&patch, &copy);
        let cargo = |last: &str, histories: &str| {
            Command::new(env!("CARGO"))
                .args(["test", "--offline", "--package", "firedrill-simulator", "--test", "simulation", last])
                .current_dir(&copy)
                .env("CARGO_TARGET_DIR", &target)
                .env("FIREDRILL_HISTORIES", histories)
                .output()
                .unwrap()
        };
        let built = cargo("--no-run", "0");
        assert!(built.status.success(), "{name} does not build:\n{}", String::from_utf8_lossy(&built.stderr));
        let mut said = String::new();
        let found = HISTORIES.iter().find_map(|histories| {
            said = String::from_utf8_lossy(&cargo(drill, histories).stdout).into_owned();
            caught(&said, says)
        });
        if let Some((seed, what)) = found {
            println!("| {name} | {drill} | {seed} | {what} |");
        } else {
            println!("| {name} | {drill} | none | it was not caught for what it is |");
            survived.push(format!("{name}:\n{said}"));
        }
    }
    assert!(survived.is_empty(), "{}", survived.join("\n"));
}

#[test]
fn every_patch_is_in_the_table() {
    for entry in fs::read_dir(root().join("tests/mutations")).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        let known = MUTATIONS.iter().any(|mutation| file == format!("{}.patch", mutation.name));
        assert!(known, "tests/mutations/{file} is applied by no test");
    }
}
