//! The Lambda functions as native binaries, built by cargo.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::{
    LocalError,
    child::{Group, is_for_aws},
    paths,
};

/// What cargo says of one artifact.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Every function: the package, and its logical id in `infra/template.yaml`.
pub const ALL: [(&str, &str); 6] = [
    ("drill-instance", "DrillInstanceFunction"),
    ("drill-cdn", "DrillCdnFunction"),
    ("drill-db", "DrillDbFunction"),
    ("watchdog", "WatchdogFunction"),
    ("failover-cdn", "FailoverCdnFunction"),
    ("failover-db", "FailoverDbFunction"),
];

/// The binaries of functions, by logical id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binaries(BTreeMap<&'static str, PathBuf>);

impl Binaries {
    /// As a deployment takes them.
    #[must_use]
    pub fn codes(&self) -> Vec<(&'static str, &Path)> {
        self.0.iter().map(|(id, path)| (*id, path.as_path())).collect()
    }

    /// Where the binary of a package is.
    #[must_use]
    pub fn of(&self, package: &str) -> Option<&Path> {
        let (_, id) = ALL.iter().find(|(name, _)| *name == package)?;
        self.0.get(id).map(PathBuf::as_path)
    }
}

/// Builds every function and says where its binary is. Cargo shows its own progress.
///
/// They are built as binaries of the whole workspace, not as packages: cargo then chooses the same
/// features as for `cargo test`, and compiles no AWS SDK a second time.
///
/// # Errors
/// Cargo failed; what it printed says why.
pub async fn build() -> Result<Binaries, LocalError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("build");
    for (package, _) in ALL {
        command.args(["--bin", package]);
    }
    command.args(["--message-format", "json-render-diagnostics"]);
    command.current_dir(paths::workspace()).stdout(Stdio::piped());
    for (name, _) in env::vars_os() {
        // Of the package that runs us, and no business of the one that is built.
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
                && let Some((_, id)) = ALL.iter().find(|(package, _)| *package == target.name)
            {
                binaries.0.insert(id, path);
            }
        }
    }
    let status = group.child.wait().await;
    if !status.is_ok_and(|status| status.success()) {
        return Err(failed("of the functions"));
    }
    match ALL.iter().find(|(_, id)| !binaries.0.contains_key(id)) {
        Some((package, _)) => Err(failed(&format!("--bin {package}"))),
        None => Ok(binaries),
    }
}
