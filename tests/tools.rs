//! What needs more than Rust and Python. Looks for it at the start; what is missing is said, and the
//! tests that need it are reported as ignored.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use libtest_mimic::{Arguments, Failed, Trial};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a program answers to its name.
fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn main() {
    let arguments = Arguments::from_args();
    let sam = answers("sam", &["--version"]);
    if !sam {
        eprintln!("`sam` is missing (pip install aws-sam-cli): the templates are not validated");
    }
    let templates = ["template", "drills", "bookstore"];
    let validated = templates.map(|name| {
        let template = root().join(format!("infra/{name}.yaml"));
        let trial = Trial::test(format!("sam_has_nothing_against_{name}"), move || validate(&template));
        trial.with_ignored_flag(!sam)
    });
    libtest_mimic::run(&arguments, validated.into()).exit();
}

/// `sam validate --lint`, which works offline and must not meet anybody's account.
fn validate(template: &Path) -> Result<(), Failed> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let output = Command::new("sam")
        .args(["validate", "--lint", "--region", "eu-west-2", "--template"])
        .arg(template)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
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
