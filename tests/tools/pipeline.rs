//! The lines by which a pipeline runs a drill, exactly as they stand in `events/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use firedrill_core::{Outcome, Phase, kind::DrillKind};
use firedrill_local::{DemoStack, binaries, bookstore::BookstoreOptions, stack::StackOptions};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::process::Command;

/// The page's lines.
fn script() -> String {
    let page = fs::read_to_string(super::root().join("events/README.md")).unwrap();
    let section = page.split("\n## From a pipeline\n").nth(1).expect("the page has no such section");
    section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// What a pipeline has of the script: its exit status, and its output.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    first_line: String,
    output: String,
}

/// Runs the script after these lines, with nothing of the host's environment but the path of its programs.
async fn run(before: &str, variables: &[(&str, &str)]) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{before}{}", script())).stdin(Stdio::null()).kill_on_drop(true);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path());
    let output = command.envs(variables.iter().copied()).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    Ended {
        status: output.status.code(),
        first_line: text.lines().next().unwrap_or_default().to_owned(),
        output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Answers as the AWS CLI prints them: the nth call is answered with the nth line, or the last one.
const PLAYED: &str = r#"aws() {
  { cat; echo; } >>"$SENT"
  awk -v n="$(wc -l <"$SENT")" 'NR <= n { line = $0 } END { print line }' "$ANSWERS"
}
"#;

/// How the script ends with these answers, and what it sent.
async fn played(answers: &[String]) -> (Ended, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sent, answered, request) = (path("sent"), path("answers"), path("request.json"));
    fs::write(&answered, answers.join("\n")).unwrap();
    fs::write(&request, r#"{ "drill": "x" }"#).unwrap();
    let variables = [
        ("SENT", sent.as_str()),
        ("ANSWERS", &answered),
        ("FIREDRILL_FUNCTION", "f"),
        ("FIREDRILL_REQUEST", &request),
        ("FIREDRILL_RUN", "7"),
        ("FIREDRILL_PAUSE", "0"),
    ];
    let ended = run(PLAYED, &variables).await;
    (ended, fs::read_to_string(&sent).unwrap().lines().map(str::to_owned).collect())
}

/// A report as `get` answers it.
fn report(phase: Phase, outcome: Option<Outcome>, reason: Option<&str>) -> String {
    let missing = (outcome == Some(Outcome::RollbackFailed)).then_some("i-1");
    let report = json!({
        "missing": missing, "outcome": outcome, "phase": phase, "reason": reason, "runId": "e/a/d/pipeline-7",
        "targets": ["i-1"], "verdict": outcome
    });
    report.to_string()
}

/// What the function answers when it fails.
fn failure(name: &str, message: &str) -> String {
    json!({ "errorType": name, "errorMessage": message }).to_string() + "Unhandled"
}

pub async fn nothing_but_recovered_ever_passes_a_pipeline() {
    let reason = "not \"recovered\": \"outcome\":\"recovered\" \\ was said";
    let failed = async |answers: &[String], calls: usize, first_line: &str| {
        let (ended, sent) = played(answers).await;
        assert_eq!((ended.status, ended.first_line.as_str()), (Some(1), first_line), "{ended:?}");
        assert_eq!(sent.len(), calls, "{sent:?}");
    };
    for outcome in [
        Outcome::ObjectiveMissed,
        Outcome::NotRecovered,
        Outcome::NotInjected,
        Outcome::Stopped,
        Outcome::Skipped,
        Outcome::Inconclusive,
        Outcome::Planned,
    ] {
        let answer = report(Phase::Finished, Some(outcome), Some(reason));
        failed(&[answer], 1, &format!("{outcome}: {reason}")).await;
    }
    let missing = report(Phase::Verifying, Some(Outcome::RollbackFailed), Some(reason));
    failed(&[missing], 1, &format!("rollback-failed: {reason}; not restored: i-1")).await;
    // It may be held for days.
    failed(&[report(Phase::Held, None, Some(reason))], 1, &format!("held: {reason}")).await;
    failed(&[failure("InvalidRequest", reason)], 1, &format!("InvalidRequest: {reason}")).await;
    failed(&[failure("StoreFailed", reason)], 3, &format!("StoreFailed: {reason}")).await;
    failed(&[" An error occurred: denied".to_owned()], 3, "no answer: An error occurred: denied ").await;
    failed(&[String::new()], 3, "no answer: ").await;

    let under_way = |phase| report(phase, None, None);
    let unread = failure("StoreFailed", "the table does not answer");
    let answers = [
        unread.clone(),
        under_way(Phase::Pending),
        under_way(Phase::Checking),
        unread.clone(),
        unread.clone(),
        under_way(Phase::Injecting),
        under_way(Phase::Recovering),
        unread.clone(),
        unread,
        under_way(Phase::RollingBack),
        under_way(Phase::Verifying),
        report(Phase::Finished, Some(Outcome::Recovered), Some("as promised")),
    ];
    let (ended, sent) = played(&answers).await;
    assert_eq!((ended.status, ended.first_line.as_str()), (Some(0), "recovered: as promised"), "{ended:?}");
    let (requests, gets) = sent.split_at(2);
    assert_eq!(requests, [r#"{"runId": "pipeline-7",  "drill": "x" }"#; 2]);
    assert_eq!(gets, vec![r#"{"get": "e/a/d/pipeline-7"}"#; answers.len() - 2]);
}

/// Through the AWS CLI, with the real function.
pub async fn one_run_of_a_pipeline_is_one_drill_however_often_it_is_sent() -> Result<(), Failed> {
    let functions = binaries::build().await?;
    let bookstore = BookstoreOptions { broken: true, ..BookstoreOptions::default() };
    let transitions = json!({ "stopMs": 500, "startMs": 2000, "statusChecksMs": 500, "alarmMs": 500 });
    let stack =
        DemoStack::up(StackOptions { bookstore, transitions, ..StackOptions::new(&functions) }).await?;
    let [recovers, fails, refused] = requests(&stack)?;
    let function = stack.drill_function(DrillKind::Instance);
    let drilled = async |function: &str, request: &Path, pause: &str| {
        let environment = stack.aws.environment();
        let mut variables: Vec<_> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        variables.extend([
            // Nobody listens there: a CLI that went to AWS all the same would not reach it.
            ("HTTPS_PROXY", "http://127.0.0.1:9"),
            ("FIREDRILL_FUNCTION", function),
            ("FIREDRILL_REQUEST", request.to_str().unwrap()),
            ("FIREDRILL_RUN", "7"),
            ("FIREDRILL_PAUSE", pause),
        ]);
        run("", &variables).await
    };
    // All end before any is judged, so that no process is left behind.
    let (first, second, failed, (answered, unanswered)) = tokio::join!(
        drilled(function, &recovers, "1"),
        drilled(function, &recovers, "1"),
        drilled(function, &fails, "1"),
        async {
            // No pause can be so long: a script that paused before it fails would end with another message.
            let answered = drilled(function, &refused, "never").await;
            (answered, drilled("there-is-no-such-function", &recovers, "0").await)
        }
    );
    let runs = stack.table.runs_of("staging/recovers/instance-blue").await?;
    let record = stack.table.record("staging/fails/instance-blue/pipeline-7").await?;
    let calls = stack.aws.calls().await?;
    let stops = calls.iter().filter(|call| call.mutating && call.action == "StopInstances").count();
    stack.down()?;

    for ended in [first, second] {
        assert_eq!(ended.status, Some(0), "{}", ended.output);
        assert!(ended.first_line.starts_with("recovered: "), "{}", ended.output);
    }
    assert_eq!(runs, ["staging/recovers/instance-blue/pipeline-7"]);
    assert_eq!(stops, 2, "one for each drill");
    let reason = record.and_then(|record| record.run.reason).ok_or("the drill left no reason")?;
    assert_eq!(failed.first_line, format!("not-recovered: {reason}"), "{}", failed.output);
    let unknown = "InvalidRequest: the request is refused: `dryRun` is an unknown field";
    assert!(answered.first_line.starts_with(unknown), "{}", answered.output);
    let (beginning, error) = ("no answer: ", "(ResourceNotFoundException)");
    let line = &unanswered.first_line;
    assert!(line.starts_with(beginning) && line.contains(error), "{}", unanswered.output);
    for ended in [failed, answered, unanswered] {
        assert_eq!(ended.status, Some(1), "{}", ended.output);
    }
    Ok(())
}

/// One request that recovers, because its probe asks nothing of the instance that is stopped; one that does not, because
/// the bookstore's standby is broken; and one with a field too many.
fn requests(stack: &DemoStack) -> Result<[PathBuf; 3], Failed> {
    let mut fails = super::by_hand(stack)?;
    fails["application"] = json!("fails");
    for field in ["runId", "detection"] {
        fails.as_object_mut().unwrap().remove(field);
    }
    fails["objective"] = json!({ "rtoSeconds": 5, "giveUpAfterSeconds": 6, "restoreWithinSeconds": 600 });
    let probe = &mut fails["steadyState"]["probes"][0];
    probe["holdForSeconds"] = json!(1);
    // As long as a busy machine may take.
    probe["check"]["http"]["deadlineMs"] = json!(10_000);
    fails["steadyState"]["withinSeconds"] = json!(120);
    let mut recovers = fails.clone();
    recovers["application"] = json!("recovers");
    recovers["target"]["instances"]["select"]["tags"]["color"] = json!("green");
    recovers["objective"]["rtoSeconds"] = json!(60);
    recovers["objective"]["giveUpAfterSeconds"] = json!(180);
    let url = stack.bookstore.url();
    let (host, port) =
        url.trim_start_matches("http://").rsplit_once(':').ok_or("the bookstore has no port")?;
    recovers["steadyState"]["probes"][0]["check"] =
        json!({ "tcp": { "host": host, "port": port.parse::<u16>()?, "deadlineMs": 10_000 } });
    let mut refused = recovers.clone();
    refused["dryRun"] = json!(true);
    let write = |name: &str, request: &Value| -> Result<PathBuf, Failed> {
        let file = stack.aws.folder().join(name);
        fs::write(&file, format!("{request:#}\n"))?;
        Ok(file)
    };
    Ok([write("recovers.json", &recovers)?, write("fails.json", &fails)?, write("refused.json", &refused)?])
}
