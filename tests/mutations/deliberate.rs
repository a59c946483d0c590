//! Deliberate faults, which the simulation must find. This file exists in the copy that the mutations' test builds, and
//! nowhere else.

use std::sync::OnceLock;

/// Whether this fault is the one of this process.
#[must_use]
pub fn fault(name: &str) -> bool {
    static ACTIVE: OnceLock<Option<String>> = OnceLock::new();
    ACTIVE.get_or_init(|| std::env::var("FIREDRILL_FAULT").ok()).as_deref() == Some(name)
}
