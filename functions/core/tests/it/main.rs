//! The core, from outside.

mod common;
mod fakes;
mod instances;
mod orders;
mod recovery;
mod requests;
mod steps;
mod watch;
