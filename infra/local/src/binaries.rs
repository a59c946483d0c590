//! Binaries: the Lambda functions as native executables, built by cargo.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use firedrill_core::kind::DrillKind;
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::{
    LocalError,
    child::{Group, is_for_aws},
    paths,
    stack::function_id,
};

/// One message of cargo's about an artifact.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The packages of the functions that belong to no kind of drill.
const COMMON: [&str; 4] = ["watchdog", "publisher", "notifier", "widget"];

/// The package of every function: those of each kind of drill, and the common ones.
fn packages() -> Vec<&'static str> {
    let rows = DrillKind::ALL.map(DrillKind::row);
    let drills = rows.iter().map(|row| row.package);
    drills.chain(rows.iter().filter_map(|row| row.failover_package)).chain(COMMON).collect()
}

/// The path of each function's binary, by logical id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binaries(BTreeMap<String, PathBuf>);

impl Binaries {
    /// Logical id and path of each binary, as [`LocalAws::deploy`](crate::LocalAws::deploy) takes them.
    #[must_use]
    pub fn codes(&self) -> Vec<(&str, &Path)> {
        self.0.iter().map(|(id, path)| (id.as_str(), path.as_path())).collect()
    }

    /// The path of a package's binary; none if the package is no function.
    #[must_use]
    pub fn of(&self, package: &str) -> Option<&Path> {
        self.0.get(&function_id(package)).map(PathBuf::as_path)
    }
}

/// Builds every function and returns the paths of the binaries. Cargo shows its own progress.
///
/// They are built as binaries of the whole workspace, not as packages: cargo then chooses the same
/// features as for `cargo test`, and compiles no AWS SDK a second time.
///
/// # Errors
/// Cargo failed; its own messages on standard error say why.
pub async fn build() -> Result<Binaries, LocalError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("build");
    let packages = packages();
    for package in &packages {
        command.args(["--bin", package]);
    }
    command.args(["--message-format", "json-render-diagnostics"]);
    command.current_dir(paths::workspace()).stdout(Stdio::piped());
    for (name, _) in env::vars_os() {
        // They describe the package that runs this code, not the one to build.
        let of_our_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
        let Some(text) = name.to_str() else { continue };
        if is_for_aws(text) || of_our_package.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let failed = |what: &str| LocalError::Build { command: format!("cargo build {what}") };
    let mut group = Group::spawn(&mut command)?;
    let mut binaries = Binaries::default();
    if let Some(stdout) = group.child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(Message { executable: Some(path), target: Some(target) }) = serde_json::from_str(&line)
                && packages.contains(&target.name.as_str())
            {
                binaries.0.insert(function_id(&target.name), path);
            }
        }
    }
    let status = group.child.wait().await;
    if !status.is_ok_and(|status| status.success()) {
        return Err(failed("of the functions"));
    }
    match packages.iter().find(|package| binaries.of(package).is_none()) {
        Some(package) => Err(failed(&format!("--bin {package}"))),
        None => Ok(binaries),
    }
}
