//! Stand-ins: the emulator's self-check against AWS's behaviour, and the check of the repository's events against their schema.

use crate::trials;
use libtest_mimic::Trial;
use std::{ffi::OsStr, path::PathBuf, process::Command};

use firedrill_local::python;

/// Runs the emulators' Python interpreter, which must succeed.
fn python(arguments: &[&OsStr]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let python = runtime.block_on(python::emulators()).unwrap();
    let stack = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .args(["-I", "-B"])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", stack.path())
        .env("TMPDIR", stack.path())
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![no_stand_in_behaves_otherwise_than_aws]
}

fn no_stand_in_behaves_otherwise_than_aws() {
    python(&[root().join("infra/local/emulator").as_ref(), "selfcheck".as_ref()]);
    // The bookstore's agent signs its requests by itself.
    let check = root().join("infra/local/emulator/selfcheck_agent.py");
    python(&[check.as_ref(), root().join("infra/bookstore.yaml").as_ref()]);
}

/// Checks that every request of the repository fits the schema, and that one with an unknown field does not.
pub fn assert_requests_fit_the_schema() {
    let program = r#"
import json, pathlib, sys
from jsonschema import Draft202012Validator
events = pathlib.Path(sys.argv[1])
validator = Draft202012Validator(json.loads((events / "request.schema.json").read_text()))
seen = 0
for file in sorted(events.glob("instance-*.json")):
    event = json.loads(file.read_text())
    errors = [f"{file.name}: {error.json_path}: {error.message}" for error in validator.iter_errors(event)]
    assert not errors, errors
    for place in (event, event["target"]["instances"], event["steadyState"]["probes"][0]):
        place["dryRun"] = True
        assert not validator.is_valid(event), f"{file.name}: an unknown field is taken"
        del place["dryRun"]
    seen += 1
assert seen == 4, seen
"#;
    python(&["-c".as_ref(), program.as_ref(), root().join("events").as_ref()]);
}
