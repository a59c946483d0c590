//! Drills: everything that a drill does, over one narrow port for each AWS service.
//!
//! This crate reads pages, resolves targets, judges answers, and decides what an error proves. It names no SDK, no
//! runtime and no clock: `firedrill_aws` carries the ports out on AWS, `firedrill_simulator` in memory on virtual time.
//!
//! - [`ports`]: one trait for each service, one method for each operation, one page for each answer.
//! - [`harness`]: what all drills share: gates, probes, stop conditions, the interval of reads, evidence written once.
//! - [`instance`] and [`alarm`]: what each kind of drill does by itself.
//! - [`failover`]: what the failover functions do.
//! - [`resource_state`]: what a distribution or a database looks like, for drills and failover functions.
//! - [`probe`]: what a reply of the application means.
//! - [`failure`]: what a failed call proves.
//! - [`metrics`]: metrics, as lines that a function prints.

pub mod alarm;
pub mod deadline;
pub mod failover;
pub mod failure;
pub mod harness;
pub mod instance;
pub mod metrics;
mod not_ready;
mod pager;
mod polling;
pub mod ports;
pub mod probe;
mod procedure;
mod recorded;
pub mod resource_state;
pub mod settings;
mod stop_conditions;
mod wrong_drill;

use std::rc::Rc;

use firedrill_core::{ports::Clock, request::Target};

use crate::ports::{Databases, Distributions};

pub use failure::{Failure, Proof};
pub use harness::Harness;
pub use not_ready::NotReady;
pub use procedure::{Context, Procedure, WithFindings};
pub use settings::Settings;
pub use wrong_drill::WrongDrill;

/// The procedure of this request, whatever its target is: for whoever carries on any run.
///
/// # Errors
/// The target is not what its kind of drill needs.
pub fn procedure<C, K>(context: Rc<Context<C, K>>) -> Result<Box<dyn Procedure>, WrongDrill>
where
    C: instance::Cloud + alarm::Cloud + Distributions + Databases + 'static,
    K: Clock + 'static,
{
    match context.request.target {
        Target::Instances(_) => instance::procedure(context),
        Target::Distribution(_) => alarm::distribution(context),
        Target::Database(_) => alarm::database(context),
    }
}
