//! The procedure of every kind of drill, for whoever carries on any run.

use std::rc::Rc;

use firedrill_core::{ports::Clock, request::Target};

use crate::{
    Procedure, WrongDrill, alarm, instance,
    ports::{Databases, Distributions},
    procedure::Context,
};

/// The procedure of this request, whatever its target is.
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
