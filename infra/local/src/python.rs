//! A Python that is new enough, and the emulators in a virtual environment.
//!
//! The environment lies under `target/local-aws/`, named after what is in it, and is made once: built
//! under another name, under a lock, and renamed when it is whole. Nothing is asked of the network then.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
};

use crate::{
    LocalError,
    child::{Group, host, is_for_aws},
    paths,
};

/// The emulators' pinned set needs it.
const OLDEST: (u32, u32) = (3, 11);
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
const LOOK: &str = "import sys, json, importlib.util as u; print(json.dumps({'executable': sys.executable, \
                    'version': sys.version_info[:3], 'venv': bool(u.find_spec('venv') and u.find_spec('ensurepip'))}))";

/// A Python that was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Python {
    /// Where it is.
    pub executable: PathBuf,
    /// Its version.
    pub version: (u32, u32, u32),
    /// Whether it can make virtual environments.
    pub venv: bool,
}

impl Python {
    fn is_new_enough(&self) -> bool {
        (self.version.0, self.version.1) >= OLDEST
    }
}

/// The interpreter that has the emulators, which are installed first if they are not yet.
///
/// # Errors
/// There is no Python that will do, or the emulators cannot be installed; each says what to do.
pub async fn emulators() -> Result<PathBuf, LocalError> {
    let folder = paths::target().join("local-aws");
    let wanted = paths::emulator().join("requirements.txt");
    let requirements = fs::read_to_string(&wanted).map_err(LocalError::file("cannot read", &wanted))?;
    let venv = folder.join(format!("venv-{:016x}", fingerprint(requirements.as_bytes())));
    let interpreter = venv.join("bin/python");
    // `exists` follows links: an environment whose Python was removed since is made anew.
    if interpreter.exists() {
        return Ok(interpreter);
    }
    fs::create_dir_all(&folder).map_err(LocalError::file("cannot create", &folder))?;
    let python = find().await?;
    let _lock = lock(&folder.join("lock")).await?;
    if !interpreter.exists() {
        let unfinished = folder.join(".unfinished-venv");
        for old in [&unfinished, &venv] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(LocalError::file("cannot remove", old))?;
            }
        }
        install(&python, &unfinished, &wanted, &requirements).await?;
        fs::rename(&unfinished, &venv).map_err(LocalError::file("cannot move the emulators to", &venv))?;
    }
    Ok(interpreter)
}

/// FNV-1a: names a set of requirements, today and with the next compiler.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Waits for whoever else is installing. A lock of this kind ends with the process that holds it.
async fn lock(path: &Path) -> Result<File, LocalError> {
    let file = File::create(path).map_err(LocalError::file("cannot create", path))?;
    let mut waits = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                waits
                    .get_or_insert_with(|| spinner("another process installs the emulators; waiting for it"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(TryLockError::Error(source)) => {
                return Err(LocalError::File { what: "cannot lock", path: path.to_owned(), source });
            }
        }
    }
}

/// The first Python on the path that will do.
async fn find() -> Result<Python, LocalError> {
    let mut found = Vec::new();
    for name in NAMES {
        let mut command = Command::new(name);
        command.args(["-I", "-c", LOOK]).env_clear().envs(host(|name| name.starts_with("PYENV_")));
        let Ok(output) = command.stdin(Stdio::null()).kill_on_drop(true).output().await else { continue };
        if let Ok(python) = serde_json::from_slice::<Python>(&output.stdout) {
            if python.is_new_enough() && python.venv {
                return Ok(python);
            }
            found.push(python);
        }
    }
    Err(LocalError::Python(what_to_install(&found)))
}

/// One sentence for someone whose Pythons will not do.
fn what_to_install(found: &[Python]) -> String {
    if let Some(python) = found.iter().find(|python| python.is_new_enough()) {
        let (major, minor, _) = python.version;
        return format!(
            "Python {major}.{minor} at {} cannot make virtual environments: install its module venv (on Debian and \
             Ubuntu `apt install python{major}.{minor}-venv`)",
            python.executable.display()
        );
    }
    match found.first() {
        Some(Python { version: (major, minor, patch), executable, .. }) => format!(
            "Python {major}.{minor}.{patch} at {} is too old for AWS on this machine: install Python {}.{} or later",
            executable.display(),
            OLDEST.0,
            OLDEST.1
        ),
        None => format!(
            "no Python was found on the PATH: install Python {}.{} or later, with its module venv",
            OLDEST.0, OLDEST.1
        ),
    }
}

/// What pip may know of its host: where packages come from, and how to get there. Nothing of AWS.
fn pip_may_see(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let prefixed = ["PIP_", "PYENV_", "XDG_", "SSL_CERT_"].iter().any(|prefix| upper.starts_with(prefix));
    !is_for_aws(name) && (prefixed || upper.ends_with("_PROXY") || upper == "REQUESTS_CA_BUNDLE")
}

async fn install(python: &Python, venv: &Path, wanted: &Path, requirements: &str) -> Result<(), LocalError> {
    let count = requirements.lines().filter(|line| line.contains("==")).count() as u64;
    let bar = ProgressBar::new(count);
    let style =
        ProgressStyle::with_template("  {spinner} emulators for AWS, once: {bar:24} {pos}/{len} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    if bar.is_hidden() {
        eprintln!("  installing the emulators for AWS, once ({count} Python packages)");
    }
    let make = ["-I".as_ref(), "-m".as_ref(), "venv".as_ref(), venv.as_os_str()];
    run(Command::new(&python.executable).args(make), venv, |_| {}).await?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-I", "-m", "pip", "install", "--progress-bar", "off", "--no-input"]);
    pip.args(["--disable-pip-version-check", "--requirement"]).arg(wanted);
    let see = |line: &str| {
        if let Some(rest) = line.strip_prefix("Collecting ") {
            bar.inc(1);
            bar.set_message(rest.split(['=', ' ']).next().unwrap_or_default().to_owned());
        } else if line.starts_with("Installing collected packages") {
            bar.set_position(count);
            bar.set_message("unpacking");
        }
    };
    run(&mut pip, venv, see).await?;
    bar.finish_and_clear();
    Ok(())
}

/// Runs one step of the installation; what it printed last is the reason if it fails.
async fn run(command: &mut Command, venv: &Path, mut see: impl FnMut(&str)) -> Result<(), LocalError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.env_clear().envs(host(pip_may_see)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::spawn(command)?;
    let (Some(stdout), Some(mut stderr)) = (group.child.stdout.take(), group.child.stderr.take()) else {
        return Err(LocalError::Install { venv: venv.to_owned(), why: format!("{program} has no output") });
    };
    let read_lines = async {
        let (mut lines, mut last) = (BufReader::new(stdout).lines(), String::new());
        while let Ok(Some(line)) = lines.next_line().await {
            see(&line);
            last = line;
        }
        last
    };
    let read_errors = async {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text).await;
        text
    };
    let (last, errors, status) = tokio::join!(read_lines, read_errors, group.child.wait());
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let said: Vec<&str> = errors.lines().filter(|line| line.starts_with("ERROR")).collect();
    let said = if said.is_empty() { errors.trim().to_owned() } else { said.join("; ") };
    let said = if said.is_empty() { last } else { said };
    Err(LocalError::Install {
        venv: venv.to_owned(),
        why: format!("{said} (is there a network, or an index in pip's configuration, to install from?)"),
    })
}

/// Something is waited for.
fn spinner(text: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(text);
    bar.enable_steady_tick(Duration::from_millis(100));
    if bar.is_hidden() {
        eprintln!("  {text}");
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(minor: u32, venv: bool) -> Python {
        Python { executable: PathBuf::from("/usr/bin/python3"), version: (3, minor, 2), venv }
    }

    #[test]
    fn says_in_one_sentence_what_to_install() {
        assert_eq!(
            what_to_install(&[]),
            "no Python was found on the PATH: install Python 3.11 or later, with its module venv"
        );
        assert_eq!(
            what_to_install(&[python(9, true)]),
            "Python 3.9.2 at /usr/bin/python3 is too old for AWS on this machine: install Python 3.11 or later"
        );
        assert!(
            what_to_install(&[python(9, true), python(12, false)]).contains("apt install python3.12-venv")
        );
    }

    #[test]
    fn pip_sees_its_index_and_nothing_of_aws() {
        assert!(pip_may_see("PIP_INDEX_URL") && pip_may_see("https_proxy"));
        assert!(!pip_may_see("AWS_PROFILE") && !pip_may_see("AWS_CONTAINER_PROXY"));
    }
}
