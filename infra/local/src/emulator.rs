//! Local AWS: one emulator process with its own folder and port.

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

/// A running emulator. Dropping it ends the process and removes its folder.
#[derive(Debug)]
pub struct LocalAws {
    process: Process,
    requests: Requests,
    endpoint: String,
    python: PathBuf,
}

impl LocalAws {
    /// Starts an emulator on a free port, in a temporary folder, and waits until it answers.
    ///
    /// # Errors
    /// `AWS_ENDPOINT_URL` names another machine, no usable Python was found, or the emulator did not start.
    pub async fn start() -> Result<Self, LocalError> {
        refuse_foreign_endpoints_of_host()?;
        let python = python::emulators().await?;
        let mut process = Process::spawn(&python)?;
        let announced = process.announced().await?;
        process.group = Some(announced.pid);
        let requests = Requests::new(&announced.endpoint, OPERATOR)?;
        Ok(Self { process, requests, endpoint: announced.endpoint, python })
    }

    /// The URL at which it answers, which is always loopback.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its folder. `logs/` holds the output of the emulator and of each function.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.process.folder.path()
    }

    /// The id of the emulator's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// The whole call log, oldest first.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn calls(&self) -> Result<Vec<Call>, LocalError> {
        self.calls_since(0).await
    }

    /// The calls with a number greater than `n`, oldest first.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn calls_since(&self, n: u64) -> Result<Vec<Call>, LocalError> {
        read(self.requests.local(Method::GET, &format!("calls?since={n}"), None).await?)
    }

    /// Replaces the injected faults (see `emulator/faults.py`) and returns those in force.
    ///
    /// # Errors
    /// The emulator refuses them and says why.
    pub async fn set_faults(&self, faults: &Value) -> Result<Value, LocalError> {
        self.requests.local(Method::PUT, "faults", Some(faults)).await
    }

    /// Sets how long transitions take (see `emulator/transitions.py`) and returns all of them.
    ///
    /// # Errors
    /// The emulator refuses them and says why.
    pub async fn set_transitions(&self, transitions: &Value) -> Result<Value, LocalError> {
        self.requests.local(Method::PUT, "transitions", Some(transitions)).await
    }

    /// All EC2 instances.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn instances(&self) -> Result<Vec<Instance>, LocalError> {
        read(self.requests.local(Method::GET, "instances", None).await?)
    }

    /// Changes what no EC2 call can (see `emulator/instances.py`) and returns the changed instance.
    ///
    /// # Errors
    /// There is no such instance, or the emulator refuses the change.
    pub async fn patch_instance(&self, id: &str, change: &Value) -> Result<Instance, LocalError> {
        read(self.requests.local(Method::POST, &format!("instances/{id}"), Some(change)).await?)
    }

    /// All distributions: what is configured, and what the edges serve.
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

    /// One distribution; none if it does not exist.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn distribution(&self, id: &str) -> Result<Option<Distribution>, LocalError> {
        Ok(self.distributions().await?.into_iter().find(|one| one.id == id))
    }

    /// One cluster; none if it does not exist.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn cluster(&self, id: &str) -> Result<Option<Cluster>, LocalError> {
        Ok(self.databases().await?.clusters.into_iter().find(|one| one.id == id))
    }

    /// The state of a metric or composite alarm; none if it does not exist.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn alarm_state(&self, name: &str) -> Result<Option<String>, LocalError> {
        self.requests.alarm_state(name).await
    }

    /// Changes what no RDS call can, such as the status of a reader (see `emulator/databases.py`).
    ///
    /// # Errors
    /// There is no such cluster or instance, or the emulator refuses the change.
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

    /// Holds back, from now on, deliveries to this function, from this topic or of this alarm, by name or ARN.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn hold_deliveries(&self, name: &str) -> Result<(), LocalError> {
        self.control_deliveries(json!({ "hold": name })).await
    }

    /// Ends [`hold_deliveries`](Self::hold_deliveries) of this name. Deliveries that are held already stay held until
    /// each is released.
    ///
    /// # Errors
    /// Nothing of this name is held back.
    pub async fn resume_deliveries(&self, name: &str) -> Result<(), LocalError> {
        self.control_deliveries(json!({ "resume": name })).await
    }

    /// Delivers a held delivery.
    ///
    /// # Errors
    /// No delivery of this number is held.
    pub async fn release_delivery(&self, n: u64) -> Result<(), LocalError> {
        self.control_deliveries(json!({ "release": n })).await
    }

    /// Drops a held delivery, which then never arrives.
    ///
    /// # Errors
    /// No delivery of this number is held.
    pub async fn drop_delivery(&self, n: u64) -> Result<(), LocalError> {
        self.control_deliveries(json!({ "drop": n })).await
    }

    async fn control_deliveries(&self, command: Value) -> Result<(), LocalError> {
        self.requests.local(Method::POST, "deliveries", Some(&command)).await.map(drop)
    }

    /// Delivers the same body again and returns the new delivery.
    ///
    /// # Errors
    /// There was no such delivery, or it is still held.
    pub async fn redeliver(&self, n: u64) -> Result<Delivery, LocalError> {
        read(self.requests.local(Method::POST, "redeliver", Some(&json!({ "n": n }))).await?)
    }

    /// Every message published to a topic so far, oldest first.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn messages(&self) -> Result<Vec<Message>, LocalError> {
        read(self.requests.local(Method::GET, "messages", None).await?)
    }

    /// Deploys a template as `sam package` and `sam deploy` do, and returns the stack's outputs. `codes` holds the
    /// path of each function's binary by logical id, `params` the template's parameters.
    ///
    /// # Errors
    /// The stack could not be deployed; the error holds the message of `CloudFormation` or of the deploying tool.
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

    /// The variables to export so that the AWS CLI, `cargo lambda` or an SDK calls this emulator and finds no profile.
    /// Unset `AWS_PROFILE` as well: it would name a profile that these configuration files lack.
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
    /// The invocation was refused or got no answer. A function's own error is in the answer.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Invoked, LocalError> {
        let (payload, failed) = self.requests.invoke(function, payload).await?;
        Ok(Invoked { payload, failed })
    }

    /// Invokes the watchdog of a stack, by the stack's `NamePrefix`, and returns its answer. Without the heartbeat that it
    /// writes, nothing is injected. A tick to which the table answers too late, as on a busy machine, is repeated.
    ///
    /// # Errors
    /// The watchdog could not be invoked, or failed; or the table answered five ticks too late.
    pub async fn watch(&self, prefix: &str) -> Result<Value, LocalError> {
        const TICKS: u32 = 5;
        let function = format!("{prefix}-watchdog");
        let mut ticks = 0;
        loop {
            let Invoked { payload, failed } = self.invoke(&function, &json!({})).await?;
            if !failed {
                return Ok(payload);
            }
            ticks += 1;
            if ticks == TICKS || payload["errorType"] != "StoreFailed" {
                return Err(LocalError::Answer { what: function, why: payload.to_string() });
            }
        }
    }

    /// A function's configuration as it was deployed (`GetFunctionConfiguration`).
    ///
    /// # Errors
    /// There is no such function, or the emulator does not answer.
    pub async fn function_configuration(&self, function: &str) -> Result<Value, LocalError> {
        self.requests.function(function).await
    }

    /// How many concurrent executions are reserved for a function; none if it shares those of the account.
    ///
    /// # Errors
    /// There is no such function, or the emulator does not answer.
    pub async fn reserved_concurrency(&self, function: &str) -> Result<Option<u64>, LocalError> {
        self.requests.reserved_concurrency(function).await
    }

    /// The text of every object in a bucket, by its key.
    ///
    /// # Errors
    /// There is no such bucket, or the emulator does not answer.
    pub async fn objects(&self, bucket: &str) -> Result<BTreeMap<String, String>, LocalError> {
        read(self.requests.local(Method::GET, &format!("objects/{bucket}"), None).await?)
    }

    /// The output of a function so far; empty if it never ran.
    #[must_use]
    pub fn function_log(&self, function: &str) -> String {
        fs::read_to_string(self.folder().join("logs").join(format!("{function}.log"))).unwrap_or_default()
    }

    /// Ends the emulator, waits until none of its processes is left, and removes its folder.
    ///
    /// # Errors
    /// A process is still running, or the folder could not be removed.
    pub fn stop(mut self) -> Result<(), LocalError> {
        self.process.end()?;
        let folder = self.folder().to_owned();
        fs::remove_dir_all(&folder).map_err(LocalError::file("cannot remove", folder))
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }
}

/// Runs a child to its end: whether it succeeded, its standard output, its standard error.
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

/// [`refuse_foreign_endpoints`] for the environment of this process.
///
/// # Errors
/// [`LocalError::ForeignEndpoint`], which names the variable.
pub fn refuse_foreign_endpoints_of_host() -> Result<(), LocalError> {
    refuse_foreign_endpoints(
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))),
    )
}

/// Refuses variables `AWS_ENDPOINT_URL…` that name another machine: a host that sends its AWS calls elsewhere must
/// not run drills for practice.
///
/// # Errors
/// [`LocalError::ForeignEndpoint`], which names the first such variable.
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
