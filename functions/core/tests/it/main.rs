//! Tests of the core through its public interface, on fakes of its ports.

mod commands;
mod common;
mod control_state;
mod dispatch;
mod documents;
mod evidence;
mod fakes;
mod instances;
mod long;
mod record;
mod recovery;
mod requests;
mod run_loop;
mod steps;
mod watchdog;
