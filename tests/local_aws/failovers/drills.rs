//! Drills of failovers: the shipped functions, the alarms that they force, and a bookstore that logs who served when.

mod drill_cdn;
mod drill_db;
mod drill_metric;
mod fixture;
mod template;

use libtest_mimic::Trial;

/// The tests of this folder.
pub fn trials() -> Vec<Trial> {
    [drill_metric::trials(), drill_db::trials(), drill_cdn::trials()].into_iter().flatten().collect()
}
