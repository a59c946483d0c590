//! The core, from outside.

mod common;
mod deliver;
mod drives;
mod evidence;
mod fakes;
mod instances;
mod long;
mod orders;
mod recovery;
mod requests;
mod steps;
mod watch;
