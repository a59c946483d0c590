//! Whole drills: the shipped functions, alarms that they pull, and a bookstore that knows who served when.

mod drill_cdn;
mod drill_db;
mod drill_failures;
mod drill_incident;
mod drill_long;
mod drill_plan;
mod drill_refusals;
mod fixture;
mod template;
