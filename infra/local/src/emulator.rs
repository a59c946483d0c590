//! AWS on this machine: one emulator process with a folder and a port of its own.

mod folder;
mod process;
mod shapes;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use reqwest::{Method, Url};
use serde_json::{Value, json};

use process::{Process, emulator};
use shapes::Deliveries;
pub use shapes::{
    Behaviors, Call, Cluster, DatabaseInstance, Databases, Delivery, Distribution, Instance, Invoked, Member,
    Message,
};

use crate::{
    LocalError,
    child::Group,
    python,
    request::{OPERATOR, REGION, Requests, is_loopback},
};

/// A running emulator. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct LocalAws {
    process: Process,
    requests: Requests,
    endpoint: String,
    python: PathBuf,
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

    /// One distribution; none if there is no such one.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn distribution(&self, id: &str) -> Result<Option<Distribution>, LocalError> {
        Ok(self.distributions().await?.into_iter().find(|one| one.id == id))
    }

    /// One cluster; none if there is no such one.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn cluster(&self, id: &str) -> Result<Option<Cluster>, LocalError> {
        Ok(self.databases().await?.clusters.into_iter().find(|one| one.id == id))
    }

    /// The state of an alarm of either kind; none if there is no such alarm.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn alarm_state(&self, name: &str) -> Result<Option<String>, LocalError> {
        self.requests.alarm_state(name).await
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

    /// Lets the watchdog of a stack look once: without its heartbeat nothing is injected.
    ///
    /// # Errors
    /// It was not invoked, or failed.
    pub async fn watch(&self, stack: &str) -> Result<Value, LocalError> {
        let function = format!("{stack}-watchdog");
        let Invoked { payload, failed } = self.invoke(&function, &json!({})).await?;
        if failed {
            return Err(LocalError::Answer { what: function, why: payload.to_string() });
        }
        Ok(payload)
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
