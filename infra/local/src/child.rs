//! Child processes: they end with this process, and inherit only the host's variables that they need.

use std::{env, ffi::OsString, process::Stdio, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group, test_kill_process_group},
};
use tokio::process::{Child, Command};

use crate::{LocalError, clock::Since};

/// The host's variables that a child needs to find programs and to print text.
const NEEDED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM"];

/// The host's variables in [`NEEDED`], those that `also` admits by name, and no others.
pub(crate) fn host(also: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
    let wanted = |name: &OsString| name.to_str().is_some_and(|name| NEEDED.contains(&name) || also(name));
    env::vars_os().filter(|(name, _)| wanted(name)).collect()
}

/// Whether a variable of the host configures an AWS SDK or tool. Those of the cryptography library `aws-lc`
/// (`AWS_LC_…`) have the same prefix, but only its build reads them.
#[must_use]
pub fn is_for_aws(name: &str) -> bool {
    name.starts_with("AWS_") && !name.starts_with("AWS_LC_")
}

/// A child process in its own process group. Dropping it ends the whole group: SIGTERM, after 3 s SIGKILL.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) child: Child,
    pid: Option<Pid>,
}

impl Group {
    /// Starts the child with an empty standard input.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, LocalError> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.map_err(|source| LocalError::Spawn { program, source })?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, pid })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // None: the child has ended and was waited for, so another process may have its id by now.
        let (Some(pid), Some(_)) = (self.pid, self.child.id()) else { return };
        let _ = kill_process_group(pid, Signal::TERM);
        let began = Since::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > Duration::from_secs(3) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whether no process of this group is left.
pub(crate) fn group_is_gone(leader: u32) -> bool {
    let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return true };
    test_kill_process_group(pid) == Err(Errno::SRCH)
}

/// Ends a whole group at once, with SIGKILL.
pub(crate) fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
