//! Mutations: deliberate faults of the core, the drills and the simulator. One patch puts all of them into a copy of the
//! three crates, each behind a switch, and the copy is built once; with each switch on in turn, the simulation must find
//! the fault. The shipped code contains none of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;

/// A deliberate fault: its switch, the test of the drill kind that finds it, what the oracle's message contains, and the
/// first seed to play.
struct Mutation {
    name: &'static str,
    drill: &'static str,
    says: &'static str,
    from: u64,
}

const fn mutation(name: &'static str, drill: &'static str, says: &'static str) -> Mutation {
    Mutation { name, drill, says, from: 0 }
}

impl Mutation {
    /// A rare one: so that it is found soon, a seed is named that shows it. Where draws have changed since, more are played.
    const fn at(self, from: u64) -> Self {
        Self { from, ..self }
    }
}

const MUTATIONS: [Mutation; 62] = [
    // Intent, lease and record.
    mutation("act-before-save", "instance", "injected before the intent was on record"),
    mutation("inject-twice", "instance", "was sent twice"),
    mutation("no-condition-on-the-save", "instance", "finished 2 times"),
    mutation("takeover-at-once", "instance", "no fault occurred for long"),
    mutation("takeover-by-the-holders-clock", "instance", "no fault occurred for long"),
    mutation("undo-after-half-the-lease", "instance", "and another held the lease").at(256),
    mutation("calls-of-a-dead-holder-forgotten", "instance", "after the run was finished").at(4_204),
    mutation("ttl-trusted-as-a-lock", "database", "failed over twice for the alarm's change"),
    mutation("watchdog-injects", "cdn", "injected, and had not begun the run").at(332),
    // What keeps a run from injecting.
    mutation("late-delivery-accepted", "instance", "injected although a gate was closed"),
    mutation("kill-switch-read-only-once", "cdn", "injected although it had to stop, or a kill switch"),
    mutation("unreadable-switch-not-engaged", "instance", "and continued, though it had to stop"),
    mutation("stale-heartbeat-accepted", "instance", "injected although the watchdog was absent"),
    mutation("blast-radius-ignored", "instance", "and the blast radius allows"),
    // What operators say, and what they configure.
    mutation("application-stop-by-the-clock-alone", "instance", "and continued, though it had to stop")
        .at(3_581),
    mutation("account-switch-disengaged-unnamed", "instance", "was disengaged, and no command named it"),
    mutation("head-outgrows-the-table", "cdn", "and the table takes no larger ones").at(808),
    mutation("one-bad-entry-disables-all", "cdn", "nothing kept the run from injecting").at(823),
    // What is observed.
    mutation("unknown-as-yes", "instance", "but the failure was never in place"),
    mutation("trigger-verified-by-its-current-state", "cdn", "it was in place, long enough to be seen")
        .at(181),
    mutation("recovered-without-the-standby", "cdn", "verdict recovered, but users were served again after"),
    mutation("one-contrary-look-ends-the-run", "cdn", "nothing went wrong that could hide what happened")
        .at(2_520),
    mutation(
        "watchdog-not-started-at-a-hand-over",
        "cdn",
        "nothing went wrong that could hide what happened",
    )
    .at(867),
    mutation("served-taken-for-deployed", "cdn", "but users were served again after"),
    // Rollback.
    mutation("stop-ignored", "instance", "and continued, though it had to stop"),
    mutation("rollback-skipped-after-a-stop", "instance", "finished, and the targets are down"),
    mutation("rollback-waits-for-the-store", "instance", "and waited for the store").at(1_418),
    mutation("rollback-held-by-the-kill-switch", "instance", "a step that moves no traffic was not undone")
        .at(366),
    mutation("no-settling-after-an-unknown-call", "instance", "finished, and the targets are down"),
    mutation("drift-overwritten", "cdn", "an operator's change was overwritten"),
    mutation("failback-during-a-real-incident", "cdn", "traffic was moved onto the unhealthy primary"),
    mutation("real-alarm-ignored", "cdn", "past a real alarm").at(501),
    mutation("any-rise-after-a-failover-is-its-own", "database", "past a real alarm"),
    mutation("alarm-left-forced", "cdn", "and not everything was back"),
    mutation("finished-before-it-is-well", "database", "and users were not served"),
    // The automation behind the trigger.
    mutation("old-alarm-event-accepted", "cdn", "was acted on at"),
    mutation("failover-for-a-run-that-turned-back", "cdn", "for a run that was rolling back").at(2_392),
    mutation("no-wait-for-the-automation", "cdn", "after the run was finished"),
    mutation("late-message-of-a-rise-forgotten", "database", "after the run was finished"),
    mutation("lost-call-taken-for-unsent", "instance", "the failure was caused 2 times"),
    mutation("real-failover-given-up-during-a-backup", "database", "RDS would have taken the call").at(155),
    // What a drill reads.
    mutation("page-left-unread", "instance", "nothing kept the run from injecting"),
    mutation("opt-in-not-asked", "instance", "and the blast radius allows"),
    mutation("environment-tag-ignored", "instance", "and the blast radius allows"),
    mutation("last-healthy-member-stopped", "instance", "the last healthy member of a group"),
    mutation("foreign-effect-passes", "cdn", "the alarm also sets off what is not the drill's").at(128),
    mutation("another-accounts-arn-believed", "cdn", "what the request names is another account's"),
    mutation("another-functions-rule-believed", "cdn", "the alarm leads to another resource"),
    mutation("unread-hop-taken-for-sound", "cdn", "the alarm's function cannot be invoked").at(24_649),
    mutation("our-fault-read-as-no", "instance", "but users were served again after").at(565),
    mutation("cached-answer-believed", "cdn", "but users were served again after").at(6_285),
    mutation("own-alarm-taken-for-a-real-one", "cdn", "and not everything was back"),
    mutation("down-taken-from-one-target", "instance", "by the record"),
    // What a drill does.
    mutation("evidence-not-written", "instance", "no evidence on record shows"),
    mutation("datapoints-beyond-the-plan", "cdn", "the failure was caused"),
    mutation(
        "stop-condition-not-read-after-the-injection",
        "instance",
        "and continued, though it had to stop",
    ),
    mutation("primary-not-asked", "cdn", "traffic was moved onto the unhealthy primary").at(194),
    mutation("old-gates-believed", "cdn", "injected although a gate was closed").at(10_414),
    mutation("old-look-believed", "cdn", "traffic was moved onto the unhealthy primary").at(109_055),
    mutation("lost-race-overwritten", "cdn", "an operator's change was overwritten"),
    mutation("running-not-waited-for", "instance", "not everything was back"),
    mutation("group-not-waited-for", "instance", "not everything was back").at(716),
];

/// How many histories are played first, from the seed that the table names.
const FIRST_HISTORIES: u64 = 100;
/// How many are played, from seed 0 on, until one shows the fault: most show at once, the rarest in one of some 35,000.
const HISTORIES: [u64; 4] = [400, 2_000, 20_000, 100_000];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files by their paths in a directory.
type Files = BTreeMap<PathBuf, String>;

/// Adds every file in `below`, a directory in `at`.
fn read(at: &Path, below: &Path, files: &mut Files) {
    for entry in fs::read_dir(at.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            read(at, &path, files);
        } else {
            files.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Makes the directory hold these files alone. Equal ones are not written again, so that cargo does not build them again.
fn write(at: &Path, files: &Files) {
    fs::create_dir_all(at).unwrap();
    let mut before = Files::new();
    read(at, Path::new(""), &mut before);
    for path in before.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(at.join(path)).unwrap();
    }
    for (path, text) in files.iter().filter(|(path, text)| before.get(*path) != Some(*text)) {
        let to = at.join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, text).unwrap();
    }
}

/// The crates of the copy.
const CRATES: [&str; 3] = ["functions/core", "functions/drills", "functions/simulator"];

/// A workspace of these crates alone, with the locked versions of the whole one, and every fault behind its switch.
fn mutated() -> Files {
    let mut files = Files::new();
    for member in CRATES {
        read(&root(), Path::new(member), &mut files);
    }
    let text = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    files.insert("functions/core/src/deliberate.rs".into(), text("tests/mutations/deliberate.rs"));
    files.insert("Cargo.lock".into(), text("Cargo.lock"));
    let manifest = text("Cargo.toml");
    let workspace = manifest.split("\n[package]\n").next().unwrap();
    let lines = workspace.lines().filter(|line| !line.starts_with("default-members"));
    let members = format!("members = {CRATES:?}");
    let lines = lines.map(|line| if line.starts_with("members") { &members } else { line });
    files.insert("Cargo.toml".into(), lines.collect::<Vec<_>>().join("\n"));
    apply(&faults(), &mut files);
    files
}

fn faults() -> String {
    fs::read_to_string(root().join("tests/mutations/faults.patch")).unwrap()
}

fn apply(patch: &str, files: &mut Files) {
    for part in patch.split("--- a/").skip(1) {
        let name = part.lines().next().unwrap().trim();
        let text = format!("--- a/{part}");
        let parsed = diffy::Patch::from_str(&text).expect("the patch cannot be read");
        let file = files.get_mut(Path::new(name)).expect("a patched file is gone");
        let after = diffy::apply(file, &parsed);
        *file = after.unwrap_or_else(|error| panic!("{name}: {error}: write the patch anew"));
    }
}

/// The simulation's test, built in the copy.
struct Simulation(PathBuf);

impl Simulation {
    fn build(copy: &Path, target: &Path) -> Self {
        let built = Command::new(env!("CARGO"))
            .args([
                "test",
                "--offline",
                "--package",
                "firedrill-simulator",
                "--test",
                "simulation",
                "--no-run",
            ])
            .args(["--message-format", "json"])
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", target)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the copy does not build:\n{said}");
        let messages = String::from_utf8_lossy(&built.stdout).into_owned();
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut executables =
            messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        Self(executables.next_back().expect("cargo names the test's executable"))
    }

    /// Plays these histories with one fault switched on: whether none was bad, and what the test printed.
    fn play(&self, fault: &str, drill: &str, first: u64, histories: u64) -> (bool, String) {
        let output = Command::new(&self.0)
            .arg(drill)
            .env("FIREDRILL_FAULT", fault)
            .env("FIREDRILL_FIRST", first.to_string())
            .env("FIREDRILL_HISTORIES", histories.to_string())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Plays until a history shows this fault: its seed and what the oracle says; otherwise what the test printed last.
    fn hunt(&self, mutation: &Mutation) -> Result<(u64, String), String> {
        let Mutation { name, drill, says, from } = *mutation;
        let mut said = String::new();
        std::iter::once((from, FIRST_HISTORIES))
            .chain(HISTORIES.map(|histories| (0, histories)))
            .find_map(|(first, histories)| {
                said = self.play(name, drill, first, histories).1;
                caught(&said, says)
            })
            .ok_or(said)
    }

    /// The same for every fault, on all processors, in the order of the table.
    fn hunt_all(&self) -> BTreeMap<usize, Result<(u64, String), String>> {
        let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutation) = MUTATIONS.get(index) else { return };
                let result = self.hunt(mutation);
                found.lock().unwrap().insert(index, result);
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        found.into_inner().unwrap()
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
    // Where cargo keeps what it builds for tests.
    let at = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    write(&at.join("copy"), &mutated());
    let simulation = Simulation::build(&at.join("copy"), &at.join("target"));
    for drill in ["instance", "cdn", "database"] {
        let (good, said) = simulation.play("none", drill, 0, HISTORIES[1]);
        assert!(good, "with every switch off, {drill}:\n{said}");
    }
    println!("| deliberate fault | drill | caught by seed | which says |\n|---|---|---|---|");
    let mut survived = Vec::new();
    for (index, result) in simulation.hunt_all() {
        let Mutation { name, drill, .. } = MUTATIONS[index];
        match result {
            Ok((seed, what)) => println!("| {name} | {drill} | {seed} | {what} |"),
            Err(said) => {
                println!("| {name} | {drill} | none | it was not caught for what it is |");
                survived.push(format!("{name}:\n{said}"));
            }
        }
    }
    assert!(survived.is_empty(), "{}", survived.join("\n"));
}

#[test]
fn every_switch_is_in_the_table_and_every_fault_has_one() {
    let patch = faults();
    let switches: BTreeSet<&str> = patch
        .match_indices("deliberate::fault(")
        .filter_map(|(at, _)| patch[at..].split('"').nth(1))
        .collect();
    let known: BTreeSet<&str> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
    assert_eq!(switches, known, "tests/mutations/faults.patch (left), the table (right)");
}
