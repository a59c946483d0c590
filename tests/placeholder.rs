//! Whole drills. placeholder
fn main() {}
