//! Process: starts the emulator, reads its endpoint, and ends it with every process that it started.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use serde::Deserialize;
use tempfile::TempDir;

use super::folder;
use crate::{
    LocalError,
    child::{group_is_gone, host, kill_group},
    clock::Since,
    paths,
    request::{OPERATOR, REGION},
};

/// How long the emulator may take to start. Two seconds are usual; a machine under load takes longer.
const MAX_START: Duration = Duration::from_mins(3);
/// How long it may take to end by itself; after that it is killed.
const MAX_END: Duration = Duration::from_secs(10);

/// The one line that the emulator prints on standard output.
#[derive(Deserialize)]
pub(super) struct Announced {
    pub(super) endpoint: String,
    pub(super) pid: u32,
}

/// The emulator's process and folder. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    // The emulator ends when this pipe is closed, which happens even if this process is killed.
    input: Option<ChildStdin>,
    pub(super) group: Option<u32>,
    ended: bool,
    pub(super) folder: TempDir,
    _lock: fs::File,
}

impl Process {
    pub(super) fn spawn(python: &Path) -> Result<Self, LocalError> {
        let (folder, lock) = folder::create()?;
        let mut command = emulator(python, folder.path());
        command.args(["serve", "--port", "0", "--dir"]).arg(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|source| LocalError::Spawn { program: python.display().to_string(), source })?;
        let input = child.stdin.take();
        Ok(Self { child, input, group: None, ended: false, folder, _lock: lock })
    }

    /// Waits for the emulator's one line, for at most [`MAX_START`].
    pub(super) async fn announced(&mut self) -> Result<Announced, LocalError> {
        let stdout =
            self.child.stdout.take().ok_or_else(|| LocalError::Emulator("has no output".to_owned()))?;
        let (sender, line) = tokio::sync::oneshot::channel();
        // Read on a thread, which ends when the pipe is closed and need not be joined.
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = tokio::time::timeout(MAX_START, line).await;
        let line =
            line.map_err(|_| LocalError::Emulator(self.why("did not start in time")))?.unwrap_or_default();
        serde_json::from_str(&line).map_err(|_| LocalError::Emulator(self.why("did not start")))
    }

    /// `what`, and the last five lines of the emulator's log and standard error.
    fn why(&mut self, what: &str) -> String {
        let logged = fs::read_to_string(self.folder.path().join("logs/emulator.log")).unwrap_or_default();
        let mut printed = String::new();
        if let (Ok(Some(_)), Some(mut errors)) = (self.child.try_wait(), self.child.stderr.take()) {
            let _ = std::io::Read::read_to_string(&mut errors, &mut printed);
        }
        let text = format!("{logged}\n{printed}");
        let last: Vec<&str> = text.trim().lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!("{what}: {}", last.join("\n  "))
    }

    /// Ends the emulator by closing its input; kills its whole group after [`MAX_END`]. Waits until no process is left.
    pub(super) fn end(&mut self) -> Result<(), LocalError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        drop(self.input.take());
        let leader = self.group.unwrap_or_else(|| self.child.id());
        let began = Since::now();
        let mut forced = false;
        loop {
            let over = !matches!(self.child.try_wait(), Ok(None));
            if over && group_is_gone(leader) {
                return Ok(());
            }
            if began.elapsed() > MAX_END && !forced {
                forced = true;
                let _ = self.child.kill();
                kill_group(leader);
            }
            if began.elapsed() > MAX_END * 2 {
                return Err(LocalError::Emulator(format!("did not end: process group {leader} is left")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error}");
        }
    }
}

/// The command that runs the emulator's package with a cleared environment, and in Python's isolated mode, so that
/// nothing of the user's own Python is loaded.
pub(super) fn emulator(python: &Path, folder: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-I", "-B"]).arg(paths::emulator()).current_dir(folder);
    command.env_clear().envs(host(|_| false)).env("HOME", folder).env("PYTHONUNBUFFERED", "1");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", REGION);
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_ACCESS_KEY_ID", OPERATOR).env("AWS_SECRET_ACCESS_KEY", "local");
    command
}
