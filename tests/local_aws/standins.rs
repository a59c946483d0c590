//! Stand-ins: the emulator's self-check against AWS's behaviour, and the repository's events against the schema.

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
    trials![
        no_stand_in_behaves_otherwise_than_aws,
        what_the_bookstores_agent_sends_is_never_signed_otherwise_than_by_aws,
        every_request_of_the_repository_fits_the_schema_and_one_with_an_unknown_field_does_not,
    ]
}

fn no_stand_in_behaves_otherwise_than_aws() {
    python(&[root().join("infra/local/emulator").as_ref(), "selfcheck".as_ref()]);
}

fn what_the_bookstores_agent_sends_is_never_signed_otherwise_than_by_aws() {
    let check = root().join("infra/local/emulator/selfcheck_agent.py");
    python(&[check.as_ref(), root().join("infra/bookstore.yaml").as_ref()]);
}

fn every_request_of_the_repository_fits_the_schema_and_one_with_an_unknown_field_does_not() {
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
