//! `cargo demo`, run as a command: its transcripts, its exit status and what it leaves behind.

use crate::trials;
use libtest_mimic::Trial;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use firedrill_scorecard::render::run_path;
use regex_lite::Regex;
use serde_json::Value;
use tempfile::TempDir;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A new folder for one demo: its temporary files go to `tmp` in it, its records to `demo`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    folder
}

/// The demo's command, with the environment of a shell that is set up for a production account.
fn demo(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--bin", "firedrill-local", "--", "demo", "--output"]);
    command.arg(folder.join("demo")).args(arguments);
    command
        .current_dir(root())
        .env("TMPDIR", folder.join("tmp"))
        .env("AWS_PROFILE", "hostile-production")
        .env("AWS_ACCESS_KEY_ID", "AKIAHOSTILE")
        .env("AWS_SECRET_ACCESS_KEY", "hostile")
        .env("AWS_CONFIG_FILE", "/hostile/config")
        .env("AWS_REGION", "hostile-1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ended(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The transcript in comparable form: times, ids, ports and paths become placeholders. Lines are sorted, each is kept
/// once: the order of events within a moment may vary, and so may whether a look falls into the moment in which the
/// failover function works.
fn shape(transcript: &str) -> Vec<String> {
    let replacements = [
        (r"i-[0-9a-f]{17}", "i-ID"),
        (r"\bE[0-9A-Z]{12,14}\b", "E-ID"),
        (r"AlarmTopic-\w+", "AlarmTopic-ID"),
        (r"watchdog/[0-9a-f-]{36}/[0-9a-f]{8}", "watchdog/ID"),
        (r"datapoints? \[[^\]]*\]", "datapoints [...]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"[+-]\d+\.\d s", "+N s"),
        (r"\d+\.\d s", "N s"),
        (r"\d+ ms", "N ms"),
        (r"\d+ of \d+ failed", "N of N failed"),
        (r"firedrill-RunsTable-\w+", "firedrill-RunsTable-ID"),
        (r"written +\S+/runs.json", "written  target/demo/runs.json"),
        (r"published +\S+/site/index.html", "published  target/demo/site/index.html"),
    ];
    let mut text = transcript.to_owned();
    for (pattern, placeholder) in replacements {
        text = Regex::new(pattern).unwrap().replace_all(&text, placeholder).into_owned();
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<String> =
        lines.filter(|line| !line.contains("has not concluded")).map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// The ids of the processes whose environment or command line names this folder.
fn processes_of(folder: &Path) -> Vec<u32> {
    let name = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir("/proc") else { return found };
    for entry in entries.flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let text = [read("environ"), read("cmdline")].concat();
        if id != std::process::id() && String::from_utf8_lossy(&text).contains(&name) {
            found.push(id);
        }
    }
    found
}

/// The demo's child processes that inherited a variable of the shell's production account.
fn hostile_children(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for id in processes_of(folder) {
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        // The demo itself and its cargo are children of the shell, and so have its environment.
        let is_ours = command.contains("firedrill-local") || command.contains("cargo");
        if !is_ours && String::from_utf8_lossy(&environment).to_lowercase().contains("hostile") {
            found.push(command);
        }
    }
    found
}

/// The records that the demo wrote.
fn records(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("demo/runs.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn record(folder: &Path) -> Value {
    let records = records(folder);
    assert_eq!(records.len(), 1);
    records.into_iter().next().unwrap()
}

/// A transcript that is on record.
fn transcript(name: &str) -> String {
    fs::read_to_string(root().join(format!("tests/transcripts/{name}.txt"))).unwrap()
}

/// Checks that the demo said what the transcript shows.
fn assert_as_shown(said: &str, name: &str) {
    let shown = transcript(name);
    assert_eq!(
        shape(said),
        shape(&shown),
        "tests/transcripts/{name}.txt shows another; this one is:\n{said}"
    );
}

/// The evidence of this kind.
fn evidence<'a>(record: &'a Value, kind: &str) -> Vec<&'a Value> {
    record["evidence"].as_array().unwrap().iter().filter(|item| item["kind"] == kind).collect()
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![
        a_child_of_the_demo_never_sees_the_callers_account_and_its_transcript_is_as_shown,
        a_standby_that_is_broken_ends_the_demo_with_a_failure_and_the_instance_running,
        a_failover_function_that_is_denied_its_call_ends_the_demo_with_a_failure_that_names_the_action,
        a_real_incident_in_mid_drill_is_never_failed_back_onto_without_a_persons_word,
        what_a_dead_function_left_behind_is_finished_by_the_watchdog_and_the_record_says_so,
        an_interrupted_demo_leaves_nothing_behind,
    ]
}

fn a_child_of_the_demo_never_sees_the_callers_account_and_its_transcript_is_as_shown() {
    let folder = folder();
    let mut child = demo(&[], folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = String::new();
    let mut looked = 0;
    for line in lines.by_ref().map_while(Result::ok) {
        said += &line;
        said.push('\n');
        let hostile = hostile_children(folder.path());
        assert!(hostile.is_empty(), "{hostile:?}");
        looked += usize::from(processes_of(folder.path()).len() > 1);
    }
    let (code, _, errors) = ended(child);
    assert_eq!(code, Some(0), "{said}\n{errors}");
    assert!(looked > 3, "no child was ever seen");
    assert_as_shown(&said, "demo");

    let records = records(folder.path());
    let drills: Vec<&Value> = records.iter().map(|record| &record["drill"]).collect();
    assert_eq!(drills, ["instance-blue", "cdn-failover", "database-failover"]);
    for record in &records {
        assert_eq!(record["outcome"], "recovered");
        assert_eq!(record["caller"], "schedule", "each is started by its schedule");
    }
    for time in ["injected", "inPlace", "detected", "recovered", "rolledBack"] {
        assert!(records[0]["times"][time]["at"].is_string(), "{time} is not in the record");
    }
    for record in &records[1..] {
        let id = record["runId"].as_str().unwrap();
        let raised = evidence(record, "alarm");
        assert!(raised.iter().any(|item| item["summary"].as_str().unwrap().contains(id)), "{raised:?}");
        let entries = evidence(record, "failover");
        let ours = |item: &&&Value| item["entry"]["runId"] == id && item["entry"]["done"] == "failed-over";
        assert_eq!(entries.iter().filter(ours).count(), 1, "{entries:?}");
        for time in ["injected", "inPlace", "failedOver", "servingStandby", "recovered", "rolledBack"] {
            assert!(record["times"][time]["at"].is_string(), "{time} is not in the record");
        }
    }
    let who: Vec<&Value> = evidence(&records[1], "probe");
    let serves = |probe: &str| who.iter().any(|item| item["probe"] == probe && item["seen"] == "yes");
    assert!(serves("primary serves") && serves("secondary serves"), "{who:?}");
    assert!(records[1]["times"]["failedBack"]["at"].is_string());
    assert_published(folder.path(), &records);
    nothing_is_left(folder.path());
}

/// Checks that the site shows each run as the record has it.
fn assert_published(folder: &Path, records: &[Value]) {
    let read = |path: &str| fs::read_to_string(folder.join("demo/site").join(path)).expect(path);
    let scorecard: Value = serde_json::from_str(&read("scorecard.json")).unwrap();
    let drills = scorecard["drills"].as_array().unwrap();
    assert_eq!(drills.len(), records.len(), "{scorecard}");
    let index = read("index.html");
    for record in records {
        let (id, drill) = (record["runId"].as_str().unwrap(), &record["drill"]);
        let shown =
            drills.iter().find(|of| of["key"]["drill"] == *drill).expect("the drill is on the scorecard");
        assert_eq!(shown["last"]["runId"], id, "{shown}");
        assert_eq!(shown["last"]["outcome"], record["outcome"], "{shown}");
        let page = run_path(id);
        assert!(index.contains(&page), "the index leads to {page}");
        assert!(read(&page).contains(record["reason"].as_str().unwrap()), "{page} has the reason");
    }
}

fn a_standby_that_is_broken_ends_the_demo_with_a_failure_and_the_instance_running() {
    let folder = folder();
    let (code, said, errors) = ended(demo(&["--broken"], folder.path()).spawn().unwrap());
    assert_eq!(code, Some(1), "{said}\n{errors}");
    let line =
        |start: &str| said.lines().find(|line| line.trim().starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("outcome").contains("not-recovered"), "{said}");
    assert!(line("reason").contains("version answers"), "the reason names the probe: {said}");
    assert!(said.contains("is running"), "{said}");
    assert_eq!(record(folder.path())["outcome"], "not-recovered");
    nothing_is_left(folder.path());
}

fn a_failover_function_that_is_denied_its_call_ends_the_demo_with_a_failure_that_names_the_action() {
    // Both at once: each waits most of the time.
    let demos = [("cdn", "cloudfront:UpdateDistribution"), ("db", "rds:FailoverDBCluster")];
    let demos = demos.map(|(drill, action)| {
        let folder = folder();
        let child = demo(&["--broken", drill], folder.path()).spawn().unwrap();
        (folder, child, action)
    });
    let ended = demos.map(|(folder, child, action)| (folder, ended(child), action));
    for (folder, (code, said, errors), action) in ended {
        assert_eq!(code, Some(1), "{said}\n{errors}");
        let record = record(folder.path());
        assert_eq!(record["outcome"], "not-recovered");
        let reason = record["reason"].as_str().unwrap();
        assert!(reason.contains(action) && reason.contains("AccessDenied"), "{reason}");
        assert!(record["times"]["steadyAgain"].is_string(), "everything is as it was");
        nothing_is_left(folder.path());
    }
}

fn a_real_incident_in_mid_drill_is_never_failed_back_onto_without_a_persons_word() {
    let folder = folder();
    let (code, said, errors) = ended(demo(&["--incident"], folder.path()).spawn().unwrap());
    assert_eq!(code, Some(0), "{said}\n{errors}");
    assert_as_shown(&said, "incident");
    let record = record(folder.path());
    let phases: Vec<&Value> = evidence(&record, "phase").iter().map(|item| &item["to"]).collect();
    let held = phases.iter().position(|phase| *phase == "held").expect("held");
    assert_eq!(phases[held + 1], "rollingBack", "released");
    let told = evidence(&record, "paged");
    assert_eq!(told.len(), 1, "once per cause: {told:?}");
    assert!(told[0]["error"].is_null(), "{told:?}");
    nothing_is_left(folder.path());
}

fn what_a_dead_function_left_behind_is_finished_by_the_watchdog_and_the_record_says_so() {
    let folder = folder();
    let (code, said, errors) = ended(demo(&["--crash"], folder.path()).spawn().unwrap());
    assert_eq!(code, Some(0), "{said}\n{errors}");
    assert_as_shown(&said, "crash");
    let record = record(folder.path());
    assert!(record["finishedBy"].as_str().unwrap().starts_with("watchdog/"), "{}", record["finishedBy"]);
    assert_ne!(record["starter"], record["finishedBy"]);
    assert_eq!(record["injection"]["calls"].as_array().unwrap().len(), 1, "a successor never injects");
    assert!(record["times"]["steadyAgain"].is_string(), "everything is as it was");
    assert!(!evidence(&record, "continued").is_empty());
    nothing_is_left(folder.path());
}

fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = folder();
    let mut child = demo(&["instance"], folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("StopInstances")), "it never came to the injection");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(ended(child).0, Some(130));
    nothing_is_left(folder.path());
}

fn nothing_is_left(folder: &Path) {
    assert_eq!(processes_of(folder), Vec::<u32>::new(), "processes are left");
    let files: Vec<_> =
        fs::read_dir(folder.join("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(files.is_empty(), "left behind: {files:?}");
}
