//! The core, from outside.

mod common;
mod instances;
mod recovery;
mod requests;
mod steps;
