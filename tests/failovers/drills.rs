//! Drills of failovers: the shipped functions, the alarms that they force, and a bookstore that logs who served when.

mod drill_cdn;
mod drill_db;
mod drill_metric;
mod fixture;
mod template;
