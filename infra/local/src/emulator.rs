//! AWS on this machine: one emulator process with a folder and a port of its own.

mod folder;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    LocalError,
    child::{Group, group_is_gone, host, kill_group},
    clock::Since,
    places, python,
    request::{OPERATOR, REGION, Requests, is_loopback},
};

/// It is up in two seconds; a machine that builds something at the same time takes longer.
const COMES_WITHIN: Duration = Duration::from_mins(1);
const GOES_WITHIN: Duration = Duration::from_secs(10);

/// One call, as the call log has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of emulator/calls.py")]
pub struct Call {
    pub n: u64,
    pub at: i64,
    pub done: Option<i64>,
    pub caller: Option<String>,
    pub service: String,
    pub action: String,
    pub region: Option<String>,
    pub dry_run: bool,
    pub mutating: bool,
    pub resource: Option<String>,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub fault: Option<String>,
}

/// One instance, as a load balancer would know it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of emulator/instances.py")]
pub struct Instance {
    pub id: String,
    pub state: String,
    pub zone: String,
    pub tags: BTreeMap<String, String>,
    pub group: Option<String>,
    pub status_checks: String,
    pub region: String,
}

/// One distribution of `CloudFront`'s. What is configured is not what the edges serve.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/distributions`")]
pub struct Distribution {
    pub id: String,
    pub arn: String,
    pub status: String,
    pub configured: Behaviors,
    /// None until the first configuration has reached the edges.
    pub serving: Option<Behaviors>,
    /// The domain name of each origin, by its id.
    pub origins: BTreeMap<String, String>,
}

/// Which origin answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Behaviors {
    /// The id of the origin of the default behaviour.
    pub default: String,
    /// The ids of the origins of the others, by path pattern.
    #[serde(default)]
    pub behaviors: BTreeMap<String, String>,
}

/// All databases: the clusters with their members, and the instances that are in none.
#[derive(Clone, Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct Databases {
    pub clusters: Vec<Cluster>,
    pub instances: Vec<DatabaseInstance>,
}

/// One cluster of Aurora's.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct Cluster {
    pub id: String,
    pub arn: String,
    pub status: String,
    /// The id of the writer.
    pub writer: Option<String>,
    pub connectable: bool,
    pub members: Vec<Member>,
}

/// One instance of a cluster.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct Member {
    pub id: String,
    pub writer: bool,
    pub status: String,
    pub zone: String,
}

/// One instance of RDS's.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the emulator's `/_local/databases`")]
pub struct DatabaseInstance {
    pub id: String,
    pub arn: String,
    pub status: String,
    pub zone: String,
    pub secondary_zone: Option<String>,
    pub multi_az: bool,
    pub connectable: bool,
}

/// One event on its way to a function, from a topic, an alarm or a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of emulator/deliveries.py")]
pub struct Delivery {
    pub n: u64,
    pub at: i64,
    pub via: String,
    pub source: String,
    pub function: String,
    pub alarm: Option<String>,
    pub alarm_state: Option<String>,
    pub event: Value,
    pub again: Option<u64>,
    pub state: String,
    pub attempts: u32,
}

/// One message that was published to a topic.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of emulator/deliveries.py")]
pub struct Message {
    pub n: u64,
    pub at: i64,
    pub topic: String,
    pub subject: Option<String>,
    pub message: String,
}

#[derive(Deserialize)]
struct Deliveries {
    deliveries: Vec<Delivery>,
}

/// What an invocation answered.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// The answer, or the error that the function returned.
    pub payload: Value,
    /// Whether it is an error.
    pub failed: bool,
}

/// A running emulator. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct LocalAws {
    process: Process,
    requests: Requests,
    endpoint: String,
    python: PathBuf,
}

#[derive(Deserialize)]
struct Announced {
    endpoint: String,
    pid: u32,
}

impl LocalAws {
    /// Starts one on a free port, in a temporary folder, and waits until it answers.
    ///
    /// # Errors
    /// A foreign `AWS_ENDPOINT_URL`, no Python, or it did not come up.
    pub async fn start() -> Result<Self, LocalError> {
        refuse_foreign_endpoints_of_host()?;
        let python = python::emulators().await?;
        let mut process = Process::spawn(&python)?;
        let announced = process.announced().await?;
        process.group = Some(announced.pid);
        let requests = Requests::new(&announced.endpoint, OPERATOR)?;
        Ok(Self { process, requests, endpoint: announced.endpoint, python })
    }

    /// Where it answers: always loopback.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its folder. `logs/` holds what it and each function printed.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.process.folder.path()
    }

    /// The emulator's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Every call so far, oldest first.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn calls(&self) -> Result<Vec<Call>, LocalError> {
        self.calls_since(0).await
    }

    /// The calls with a number over `n`.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn calls_since(&self, n: u64) -> Result<Vec<Call>, LocalError> {
        read(self.requests.local(Method::GET, &format!("calls?since={n}"), None).await?)
    }

    /// Replaces the injected faults (see `emulator/faults.py`); answers those in force.
    ///
    /// # Errors
    /// The emulator says what is wrong with them.
    pub async fn set_faults(&self, faults: &Value) -> Result<Value, LocalError> {
        self.requests.local(Method::PUT, "faults", Some(faults)).await
    }

    /// How long transitions take (see `emulator/transitions.py`); answers all of them.
    ///
    /// # Errors
    /// The emulator says what is wrong with them.
    pub async fn set_transitions(&self, transitions: &Value) -> Result<Value, LocalError> {
        self.requests.local(Method::PUT, "transitions", Some(transitions)).await
    }

    /// All instances.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn instances(&self) -> Result<Vec<Instance>, LocalError> {
        read(self.requests.local(Method::GET, "instances", None).await?)
    }

    /// Changes what no call of EC2's can (see `emulator/instances.py`).
    ///
    /// # Errors
    /// There is no such instance, or the emulator says what is wrong.
    pub async fn patch_instance(&self, id: &str, change: &Value) -> Result<Instance, LocalError> {
        read(self.requests.local(Method::POST, &format!("instances/{id}"), Some(change)).await?)
    }

    /// All distributions, with what is configured and what the edges serve.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn distributions(&self) -> Result<Vec<Distribution>, LocalError> {
        read(self.requests.local(Method::GET, "distributions", None).await?)
    }

    /// All clusters and database instances.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn databases(&self) -> Result<Databases, LocalError> {
        read(self.requests.local(Method::GET, "databases", None).await?)
    }

    /// Changes what no call of RDS's can, such as the status of a reader.
    ///
    /// # Errors
    /// There is no such cluster or instance, or the emulator says what is wrong.
    pub async fn patch_database(&self, id: &str, change: &Value) -> Result<(), LocalError> {
        self.requests.local(Method::POST, &format!("databases/{id}"), Some(change)).await.map(drop)
    }

    /// Every delivery so far, oldest first.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn deliveries(&self) -> Result<Vec<Delivery>, LocalError> {
        let all: Deliveries = read(self.requests.local(Method::GET, "deliveries", None).await?)?;
        Ok(all.deliveries)
    }

    /// Keeps back what is delivered from now on: of this function, topic or alarm, by name or ARN.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn hold_deliveries(&self, name: &str) -> Result<(), LocalError> {
        self.deliver(json!({ "hold": name })).await
    }

    /// Keeps back no more of it. What is held stays so until it is released.
    ///
    /// # Errors
    /// It is not held back.
    pub async fn resume_deliveries(&self, name: &str) -> Result<(), LocalError> {
        self.deliver(json!({ "resume": name })).await
    }

    /// Delivers one that is held.
    ///
    /// # Errors
    /// No delivery of this number is held.
    pub async fn release_delivery(&self, n: u64) -> Result<(), LocalError> {
        self.deliver(json!({ "release": n })).await
    }

    /// Loses one that is held.
    ///
    /// # Errors
    /// No delivery of this number is held.
    pub async fn drop_delivery(&self, n: u64) -> Result<(), LocalError> {
        self.deliver(json!({ "drop": n })).await
    }

    async fn deliver(&self, how: Value) -> Result<(), LocalError> {
        self.requests.local(Method::POST, "deliveries", Some(&how)).await.map(drop)
    }

    /// Delivers the same body once more; the new delivery.
    ///
    /// # Errors
    /// There was no such delivery, or it is still held.
    pub async fn redeliver(&self, n: u64) -> Result<Delivery, LocalError> {
        read(self.requests.local(Method::POST, "redeliver", Some(&json!({ "n": n }))).await?)
    }

    /// Everything that was published to topics, oldest first.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn messages(&self) -> Result<Vec<Message>, LocalError> {
        read(self.requests.local(Method::GET, "messages", None).await?)
    }

    /// What `sam package` and `sam deploy` do. `codes` says where each function's binary is, by its
    /// logical id. Answers the stack's outputs.
    ///
    /// # Errors
    /// What `CloudFormation` or the tool said.
    pub async fn deploy(
        &self,
        stack: &str,
        template: &Path,
        codes: &[(&str, &Path)],
        params: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, LocalError> {
        let mut command = tokio::process::Command::from(emulator(&self.python, self.folder()));
        command.args(["deploy", "--endpoint", &self.endpoint, "--stack", stack, "--region", REGION]);
        command.arg("--template").arg(template).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (function, binary) in codes {
            command.arg("--code").arg(format!("{function}={}", binary.display()));
        }
        for (name, value) in params {
            command.arg("--param").arg(format!("{name}={value}"));
        }
        let fail =
            |why: String| LocalError::Deploy { stack: stack.to_owned(), template: template.to_owned(), why };
        let (status, stdout, stderr) = output(&mut command).await?;
        if !status {
            return Err(fail(stderr.trim().trim_start_matches("deploy: ").to_owned()));
        }
        serde_json::from_str(&stdout).map_err(|error| fail(format!("{error} in {stdout}")))
    }

    /// What to export for the AWS CLI, `cargo lambda` or an SDK, so that they speak to this emulator and
    /// know of no profile. Unset `AWS_PROFILE` besides: it would name a profile that these files lack.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", OPERATOR.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_CONFIG_FILE", file("aws-config")),
            ("AWS_SHARED_CREDENTIALS_FILE", file("aws-credentials")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// It was not invoked. What the function itself fails with is in the answer.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, LocalError> {
        let (payload, failed) = self.requests.invoke(function, payload).await?;
        Ok(Invoked { payload, failed })
    }

    /// What a function printed so far; empty if it never ran.
    #[must_use]
    pub fn function_log(&self, function: &str) -> String {
        fs::read_to_string(self.folder().join("logs").join(format!("{function}.log"))).unwrap_or_default()
    }

    /// Ends it, waits until no process of it is left, and removes its folder.
    ///
    /// # Errors
    /// Something of it did not go.
    pub fn stop(mut self) -> Result<(), LocalError> {
        self.process.end()?;
        let folder = self.folder().to_owned();
        fs::remove_dir_all(&folder).map_err(LocalError::file("cannot remove", folder))
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }
}

/// The process and its folder, from the moment it is spawned.
#[derive(Debug)]
struct Process {
    child: Child,
    // It ends when this does, also when we are killed.
    input: Option<ChildStdin>,
    group: Option<u32>,
    ended: bool,
    folder: TempDir,
    _lock: fs::File,
}

impl Process {
    fn spawn(python: &Path) -> Result<Self, LocalError> {
        let (folder, lock) = folder::create()?;
        let mut command = emulator(python, folder.path());
        command.args(["serve", "--port", "0", "--dir"]).arg(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|source| LocalError::Spawn { program: python.display().to_string(), source })?;
        let input = child.stdin.take();
        Ok(Self { child, input, group: None, ended: false, folder, _lock: lock })
    }

    /// Waits for its one line.
    async fn announced(&mut self) -> Result<Announced, LocalError> {
        let stdout =
            self.child.stdout.take().ok_or_else(|| LocalError::Emulator("has no output".to_owned()))?;
        let (sender, line) = tokio::sync::oneshot::channel();
        // A thread of its own: it ends with the pipe, and nobody has to wait for it.
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = tokio::time::timeout(COMES_WITHIN, line).await;
        let line =
            line.map_err(|_| LocalError::Emulator(self.why("did not come up in time")))?.unwrap_or_default();
        serde_json::from_str(&line).map_err(|_| LocalError::Emulator(self.why("did not come up")))
    }

    /// What it wrote down, or printed, last.
    fn why(&mut self, what: &str) -> String {
        let logged = fs::read_to_string(self.folder.path().join("logs/emulator.log")).unwrap_or_default();
        let mut printed = String::new();
        if let (Ok(Some(_)), Some(mut errors)) = (self.child.try_wait(), self.child.stderr.take()) {
            let _ = std::io::Read::read_to_string(&mut errors, &mut printed);
        }
        let text = format!("{logged}\n{printed}");
        let last: Vec<&str> = text.trim().lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!("{what}: {}", last.join("\n  "))
    }

    /// Closes its input, at which it ends; by force if it does not.
    fn end(&mut self) -> Result<(), LocalError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        drop(self.input.take());
        let leader = self.group.unwrap_or_else(|| self.child.id());
        let began = Since::now();
        let mut forced = false;
        loop {
            let over = !matches!(self.child.try_wait(), Ok(None));
            if over && group_is_gone(leader) {
                return Ok(());
            }
            if began.elapsed() > GOES_WITHIN && !forced {
                forced = true;
                let _ = self.child.kill();
                kill_group(leader);
            }
            if began.elapsed() > GOES_WITHIN * 2 {
                return Err(LocalError::Emulator(format!("did not end: process group {leader} is left")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error}");
        }
    }
}

/// `python -m emulator`, with a cleared environment. Isolated: nothing of the user's Python is read.
fn emulator(python: &Path, folder: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-I", "-B"]).arg(places::emulator()).current_dir(folder);
    command.env_clear().envs(host(|_| false)).env("HOME", folder).env("PYTHONUNBUFFERED", "1");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", REGION);
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_ACCESS_KEY_ID", OPERATOR).env("AWS_SECRET_ACCESS_KEY", "local");
    command
}

/// Runs a child to its end: whether it succeeded, its output, its errors.
async fn output(command: &mut tokio::process::Command) -> Result<(bool, String, String), LocalError> {
    use tokio::io::AsyncReadExt as _;
    let mut group = Group::spawn(command)?;
    let (mut out, mut err) = (group.child.stdout.take(), group.child.stderr.take());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let outs = async {
        if let Some(out) = &mut out {
            let _ = out.read_to_string(&mut stdout).await;
        }
    };
    let errs = async {
        if let Some(err) = &mut err {
            let _ = err.read_to_string(&mut stderr).await;
        }
    };
    let ((), (), status) = tokio::join!(outs, errs, group.child.wait());
    Ok((status.is_ok_and(|status| status.success()), stdout, stderr))
}

/// The same, of the environment that this process was given.
///
/// # Errors
/// Names the variable.
pub fn refuse_foreign_endpoints_of_host() -> Result<(), LocalError> {
    refuse_foreign_endpoints(
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))),
    )
}

/// A host that sends its AWS calls to some other machine is not one to practise on.
///
/// # Errors
/// Names the variable.
pub fn refuse_foreign_endpoints(
    variables: impl IntoIterator<Item = (String, impl AsRef<std::ffi::OsStr>)>,
) -> Result<(), LocalError> {
    for (variable, value) in variables {
        let value = value.as_ref().to_string_lossy().into_owned();
        let here = || Url::parse(&value).is_ok_and(|url| is_loopback(&url));
        if variable.starts_with("AWS_ENDPOINT_URL") && !value.is_empty() && !here() {
            return Err(LocalError::ForeignEndpoint { variable, value });
        }
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, LocalError> {
    serde_json::from_value(value)
        .map_err(|error| LocalError::Answer { what: "an answer".to_owned(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::refuse_foreign_endpoints;

    #[test]
    fn an_endpoint_elsewhere_is_refused_by_name() {
        let check = |name: &str, value: &str| refuse_foreign_endpoints([(name.to_owned(), value)]);
        for fine in ["http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:1", ""] {
            check("AWS_ENDPOINT_URL", fine).unwrap();
        }
        check("AWS_PROFILE", "production").unwrap();
        for foreign in
            ["https://ec2.amazonaws.com", "http://10.0.0.1:4566", "http://localhost.example.com", "x"]
        {
            let error = check("AWS_ENDPOINT_URL_EC2", foreign).unwrap_err().to_string();
            assert!(error.contains("AWS_ENDPOINT_URL_EC2") && error.contains("unset it"), "{error}");
        }
    }
}
