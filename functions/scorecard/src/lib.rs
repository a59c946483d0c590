//! Scorecard: what the results of drills say, as data: which applications are proven to recover, which drills are overdue, and
//! what is open.
//!
//! Everything here is a pure function of what was read and of the present moment: no AWS, no clock, no I/O.
//!
//! - [`cadence`]: when a drill is due and overdue, and what keeps it from passing as often as it must.
//! - [`confidence`]: what a number of passed runs proves.
//! - [`export`]: everything that is shown, as JSON and as CSV.
//! - [`input`]: what a scorecard is made of: results, open runs, schedules, declarations, incidents.
//! - [`sample`]: a plausible year of made-up records, for tests and demonstrations.
//! - [`model`]: the whole scorecard as data, before anybody renders it. Start reading there.
//! - [`render`]: the pages, from that data and from the record of a run.

pub mod cadence;
pub mod confidence;
mod days;
pub mod export;
pub mod input;
pub mod model;
mod records;
pub mod render;
pub mod sample;
mod words;
