//! Scorecard: what the results of drills say, as data: which applications are proven to recover, which drills are overdue, and
//! what is open.
//!
//! Everything here is a function of what was read and of the present moment: no AWS, no clock. What is read and written goes
//! through ports.
//!
//! - [`cadence`]: when a drill is due and overdue, and what keeps it from passing as often as it must.
//! - [`confidence`]: what a number of passed runs proves.
//! - [`event`]: what programs are told, on the bus of `EventBridge`.
//! - [`export`]: everything that is shown, as JSON and as CSV.
//! - [`input`]: what a scorecard is made of: results, open runs, schedules, declarations, incidents.
//! - [`metrics`]: what CloudWatch counts.
//! - [`model`]: the whole scorecard as data, before anybody renders it. Start reading there.
//! - [`mod@notice`]: what people are told of a change in the table.
//! - [`ports`]: what publishing needs of AWS and of the record.
//! - [`mod@publish`]: reads everything, writes the site, and tells once whose cadence is not kept.
//! - [`render`]: the pages, from that data and from the record of a run.
//! - [`sample`]: a plausible year of made-up records, for tests and demonstrations.
//! - [`settings`]: what the stack tells the functions that publish.

pub mod cadence;
pub mod confidence;
mod days;
pub mod event;
pub mod export;
mod hash;
pub mod input;
pub mod metrics;
pub mod model;
pub mod notice;
pub mod ports;
pub mod publish;
mod records;
pub mod render;
pub mod sample;
pub mod settings;
mod words;
