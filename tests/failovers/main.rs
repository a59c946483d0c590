//! Failovers on local AWS with the real binaries: alarms, the functions behind them, CDN and database, and their drills.

mod drills;
mod fixture;
mod function_db;
mod function_ways;
