//! Paths: the workspace, cargo's target folder and the emulator's sources.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The root of the workspace: the folder that holds `infra/local/emulator`.
///
/// The variable that cargo sets at run time comes before the path built in: two clones may share one target
/// folder, and a binary built in one must not find the other.
#[must_use]
pub fn workspace() -> PathBuf {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    let at_run_time = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = |start: &Path| {
        start.ancestors().find(|folder| folder.join("infra/local/emulator").is_dir()).map(Path::to_path_buf)
    };
    at_run_time.as_deref().and_then(root).or_else(|| root(built_in)).unwrap_or_else(|| built_in.to_path_buf())
}

/// Cargo's target folder: `CARGO_TARGET_DIR` if it is set and not empty, else `target` in the workspace.
#[must_use]
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => workspace().join(folder),
        _ => workspace().join("target"),
    }
}

/// The folder of the emulator's Python sources.
#[must_use]
pub fn emulator() -> PathBuf {
    workspace().join("infra/local/emulator")
}
