//! Child processes that end with us, and see nothing of the host that they need not.

use std::{env, ffi::OsString, process::Stdio, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group, test_kill_process_group},
};
use tokio::process::{Child, Command};

use crate::{LocalError, clock::Since};

/// What a child needs of its host to find programs and to print text.
const NEEDED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM"];

/// Variables of the host under these names, and nothing else of it.
pub(crate) fn host(also: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
    let wanted = |name: &OsString| name.to_str().is_some_and(|name| NEEDED.contains(&name) || also(name));
    env::vars_os().filter(|(name, _)| wanted(name)).collect()
}

/// Whether a variable of the host tells an AWS SDK or tool where and as whom to call. The names of
/// the cryptography library `aws-lc`, which only its build reads, look alike and do not.
#[must_use]
pub fn is_for_aws(name: &str) -> bool {
    name.starts_with("AWS_") && !name.starts_with("AWS_LC_")
}

/// A child in a process group of its own, which is ended as a whole when this is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) child: Child,
    pid: Option<Pid>,
}

impl Group {
    /// Starts it, without an input.
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
        // None: it has ended and was waited for, so its number may be somebody else's by now.
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

/// Whether any process of this group is left.
pub(crate) fn group_is_gone(leader: u32) -> bool {
    let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return true };
    test_kill_process_group(pid) == Err(Errno::SRCH)
}

/// Ends a whole group at once.
pub(crate) fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
