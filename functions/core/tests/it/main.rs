//! The core, from outside.

mod common;
mod control_state;
mod dispatch;
mod evidence;
mod fakes;
mod instances;
mod long;
mod recovery;
mod requests;
mod run_loop;
mod steps;
mod watchdog;
