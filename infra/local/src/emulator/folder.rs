//! Folders: one temporary folder per emulator. A process that was killed cannot remove its own, so the next one does.

use std::{
    env,
    fs::{self, File},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use crate::{LocalError, clock};

const PREFIX: &str = "firedrill-local-";
/// The file that the folder's owner keeps locked.
const LOCK: &str = "owner.lock";
/// A folder younger than this is never removed: between its creation and its lock it looks abandoned.
const MIN_ABANDONED_AGE: Duration = Duration::from_mins(1);

/// Creates a folder, and the lock that marks it as in use. Removes abandoned folders first.
pub(super) fn create() -> Result<(TempDir, File), LocalError> {
    let parent = env::temp_dir();
    remove_abandoned(&parent);
    let failed = || LocalError::file("cannot create a folder in", &parent);
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(failed())?;
    let lock = File::create(folder.path().join(LOCK)).map_err(failed())?;
    lock.lock().map_err(failed())?;
    Ok((folder, lock))
}

/// Removes the folders of emulators whose owner is gone. A folder that cannot be read or removed is left alone.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        let old = lock
            .metadata()
            .and_then(|data| data.modified())
            .is_ok_and(|made| clock::age(made) > MIN_ABANDONED_AGE);
        if old && lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
