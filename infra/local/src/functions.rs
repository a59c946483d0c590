//! The Lambda functions as native binaries, built by cargo.

use std::{env, path::PathBuf, process::Stdio};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::{
    LocalError,
    child::{Group, is_for_aws},
    places,
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

/// Builds a function and says where its binary is. Cargo shows its own progress.
///
/// It is built as a binary of the whole workspace, not as a package: cargo then chooses the same
/// features as for `cargo test`, and compiles no AWS SDK a second time.
///
/// # Errors
/// Cargo failed; what it printed says why.
pub async fn build(function: &str) -> Result<PathBuf, LocalError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--bin", function, "--message-format", "json-render-diagnostics"]);
    command.current_dir(places::workspace()).stdout(Stdio::piped());
    for (name, _) in env::vars_os() {
        // Of the package that runs us, and no business of the one that is built.
        let of_our_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
        let Some(text) = name.to_str() else { continue };
        if is_for_aws(text) || of_our_package.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let failed = || LocalError::Build { command: format!("cargo build --bin {function}") };
    let mut group = Group::spawn(&mut command)?;
    let mut binary = None;
    if let Some(stdout) = group.child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(Message { executable: Some(path), target: Some(target) }) = serde_json::from_str(&line)
                && target.name == function
            {
                binary = Some(path);
            }
        }
    }
    let status = group.child.wait().await;
    binary.filter(|_| status.is_ok_and(|status| status.success())).ok_or_else(failed)
}
