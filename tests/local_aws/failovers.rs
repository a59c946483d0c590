//! Failovers on local AWS with the real binaries: alarms, the functions behind them, CDN and database, and their drills.

mod drills;
mod fixture;
mod function_db;
mod function_ways;

use libtest_mimic::Trial;

/// The tests of this folder.
pub fn trials() -> Vec<Trial> {
    [drills::trials(), function_db::trials(), function_ways::trials()].into_iter().flatten().collect()
}
