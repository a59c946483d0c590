//! The demo never calls an endpoint that is not on this machine.

use std::process::Command;

#[test]
fn nothing_is_ever_started_while_the_environment_names_an_endpoint_that_is_not_on_this_machine() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"] {
        let folder = tempfile::tempdir().unwrap();
        // Not by the path that cargo names: a variable with a hyphen does not get through the shell of the compiler's wrapper.
        let output = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--bin", "firedrill-local", "--", "demo", "--output"])
            .arg(folder.path().join("demo"))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .env(name, "https://ec2.example.com")
            .env("TMPDIR", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(errors.contains(name) && errors.contains("https://ec2.example.com"), "{errors}");
        assert!(!said.contains("local AWS answers"), "{said}");
    }
}
