//! A temporary folder for each emulator. Whoever is killed cannot remove its own: the next one does.

use std::{
    env,
    fs::{self, File},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use crate::{LocalError, clock};

const PREFIX: &str = "firedrill-local-";
/// Locked as long as the folder has an owner.
const LOCK: &str = "owner.lock";
/// Between its creation and its lock, a folder of somebody else looks abandoned.
const YOUNG: Duration = Duration::from_mins(1);

/// A new folder, and the lock that says that it is in use.
pub(super) fn create() -> Result<(TempDir, File), LocalError> {
    let parent = env::temp_dir();
    sweep(&parent);
    let failed = || LocalError::file("cannot create a folder in", &parent);
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(failed())?;
    let lock = File::create(folder.path().join(LOCK)).map_err(failed())?;
    lock.lock().map_err(failed())?;
    Ok((folder, lock))
}

/// Removes what was abandoned. What cannot be looked at or removed is left alone.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        let old = lock.metadata().and_then(|data| data.modified()).is_ok_and(|made| clock::age(made) > YOUNG);
        if old && lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
