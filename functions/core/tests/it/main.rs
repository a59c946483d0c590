//! Tests of the core's pure functions, and of the run loop by itself, through its public interface.

mod commands;
mod common;
mod documents;
mod evidence;
mod instances;
mod record;
mod recovery;
mod requests;
mod run_loop;
mod steps;
