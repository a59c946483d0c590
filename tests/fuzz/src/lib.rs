//! What the fuzzers share: the entry points, and how documents are changed.

pub mod entry_points;
pub mod mutate;
