//! Tests that need `sam`, `cargo-lambda` or the AWS CLI. Those whose tool is missing are reported as ignored, after a
//! message that names it.

#[path = "tools/pipeline.rs"]
mod pipeline;

use std::{
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use firedrill_core::kind::DrillKind;
use firedrill_local::{DemoStack, binaries, stack::StackOptions};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a program is installed: it runs with these arguments.
fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether the AWS CLI is installed, and reads `AWS_ENDPOINT_URL`: one before 1.29 or 2.13 would call AWS.
fn aws_stays_here() -> bool {
    let Ok(output) = Command::new("aws").arg("--version").stdin(Stdio::null()).output() else { return false };
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split("aws-cli/").nth(1).unwrap_or_default();
    let mut numbers = version.split(['.', ' ']).map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(1), Some(minor)) => minor >= 29,
        (Some(2), Some(minor)) => minor >= 13,
        _ => false,
    }
}

/// Runs a test that waits, on a runtime of its own.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(test)
}

fn main() {
    let arguments = Arguments::from_args();
    let sam = answers("sam", &["--version"]);
    if !sam {
        eprintln!("`sam` is missing (pip install aws-sam-cli): the templates are not validated");
    }
    let cargo_lambda = answers("cargo-lambda", &["lambda", "--version"]);
    if !cargo_lambda {
        eprintln!("`cargo-lambda` is missing (pip install cargo-lambda): the function is not run by hand");
    }
    let templates = ["template", "drills", "bookstore"];
    let validated = templates.map(|name| {
        let template = root().join(format!("infra/{name}.yaml"));
        let trial = Trial::test(format!("sam_has_nothing_against_{name}"), move || validate(&template));
        trial.with_ignored_flag(!sam)
    });
    let aws = aws_stays_here();
    if !aws {
        eprintln!(
            "`aws` is missing, or older than 1.29 or 2.13 (pip install awscli): no pipeline runs a drill"
        );
    }
    let by_hand = Trial::test("a_drill_by_hand_with_cargo_lambda_recovers", || block_on(drilled_by_hand()));
    let sent = Trial::test("one_run_of_a_pipeline_is_one_drill_however_often_it_is_sent", || {
        block_on(pipeline::one_run_of_a_pipeline_is_one_drill_however_often_it_is_sent())
    });
    let played = Trial::test("nothing_but_recovered_ever_passes_a_pipeline", || {
        block_on(pipeline::nothing_but_recovered_ever_passes_a_pipeline());
        Ok(())
    });
    // The longest begin first.
    let mut trials = vec![by_hand.with_ignored_flag(!cargo_lambda), sent.with_ignored_flag(!aws), played];
    trials.extend(validated);
    libtest_mimic::run(&arguments, trials).exit();
}

/// `sam validate --lint`, offline and without the host's AWS configuration.
fn validate(template: &Path) -> Result<(), Failed> {
    let stack = tempfile::tempdir().map_err(|error| error.to_string())?;
    let output = Command::new("sam")
        .args(["validate", "--lint", "--region", "eu-west-2", "--template"])
        .arg(template)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", stack.path())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .map_err(|error| error.to_string())?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(said.into()) }
}

/// `cargo lambda watch` and `cargo lambda invoke` against local AWS.
async fn drilled_by_hand() -> Result<(), Failed> {
    let functions = binaries::build().await?;
    // Nobody watches: instances need not take their time.
    let transitions = json!({ "stopMs": 500, "startMs": 2000, "statusChecksMs": 500, "alarmMs": 500 });
    let stack = DemoStack::up(StackOptions { transitions, ..StackOptions::new(&functions) }).await?;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string();
    let mut watch = Command::new("cargo-lambda");
    watch.args([
        "lambda",
        "watch",
        "--ignore-changes",
        "--invoke-address",
        "127.0.0.1",
        "--invoke-port",
        &port,
    ]);
    watch.current_dir(root()).process_group(0).stdin(Stdio::null());
    let log = std::fs::File::create(stack.aws.folder().join("logs/watch.log"))?;
    watch.stdout(log.try_clone()?).stderr(log).env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    watch.envs(stack.aws.environment());
    watch.envs(stack.drill_variables(DrillKind::Instance).await?);
    let mut watch = Watch(watch.spawn()?);
    while TcpStream::connect(("127.0.0.1", port.parse()?)).is_err() {
        if watch.0.try_wait()?.is_some() {
            let log = std::fs::read_to_string(stack.aws.folder().join("logs/watch.log"))?;
            return Err(format!("`cargo lambda watch` ended: {log}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let request = stack.aws.folder().join("request.json");
    std::fs::write(&request, by_hand(&stack)?.to_string())?;
    let invoke = Command::new("cargo-lambda")
        .args(["lambda", "invoke", "drill-instance", "--invoke-address", "127.0.0.1", "--invoke-port", &port])
        .arg("--data-file")
        .arg(&request)
        .env("CARGO", env!("CARGO"))
        .current_dir(root())
        .output()?;
    drop(watch);
    let said = String::from_utf8_lossy(&invoke.stdout).into_owned();
    let log = std::fs::read_to_string(stack.aws.folder().join("logs/watch.log")).unwrap_or_default();
    stack.down()?;
    let answer: Value = serde_json::from_str(&said)
        .map_err(|error| format!("{error}: {said}\n{}\n{log}", String::from_utf8_lossy(&invoke.stderr)))?;
    if answer["outcome"] == "recovered" { Ok(()) } else { Err(format!("{answer:#}").into()) }
}

/// `events/instance-local.json` with the resources of this local AWS.
fn by_hand(stack: &DemoStack) -> Result<Value, Failed> {
    let mut event: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("events/instance-local.json"))?)?;
    let values = [
        ("/target/instances/region", "us-east-1".into()),
        ("/steadyState/probes/0/check/http/url", format!("{}/version/", stack.bookstore.url()).into()),
        ("/detection/alarmArn", stack.bookstore_outputs["InstanceAlarmArn"].clone().into()),
    ];
    for (pointer, value) in values {
        *event.pointer_mut(pointer).ok_or_else(|| format!("the event has no {pointer}"))? = value;
    }
    Ok(event)
}

/// The process group of `cargo lambda watch`, which is ended on drop.
struct Watch(std::process::Child);

impl Drop for Watch {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.0.wait();
    }
}
