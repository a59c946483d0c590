//! Drills of failovers: the shipped functions, the alarms that they force, and a bookstore that logs who served when.

mod drill_cdn;
mod drill_db;
mod drill_failures;
mod drill_incident;
mod drill_long;
mod drill_plan;
mod drill_refusals;
mod fixture;
mod template;
