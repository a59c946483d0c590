//! Where things lie: the workspace and its target folder.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The root of the workspace. Cargo tells a process it runs which package it is of; a clone that
/// shares its target folder with another one must not find the other.
#[must_use]
pub fn workspace() -> PathBuf {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = |start: &Path| {
        start.ancestors().find(|folder| folder.join("infra/local/emulator").is_dir()).map(Path::to_path_buf)
    };
    told.as_deref().and_then(root).or_else(|| root(built_in)).unwrap_or_else(|| built_in.to_path_buf())
}

/// Cargo's target folder.
#[must_use]
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => workspace().join(folder),
        _ => workspace().join("target"),
    }
}

/// The emulator's sources.
#[must_use]
pub fn emulator() -> PathBuf {
    workspace().join("infra/local/emulator")
}
