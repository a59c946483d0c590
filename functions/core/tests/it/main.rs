//! The core, from outside.

mod common;
mod drives;
mod instances;
mod recovery;
mod requests;
mod steps;
