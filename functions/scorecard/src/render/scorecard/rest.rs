//! Rest: the drills that a page leaves out, counted by application and state.

use std::collections::BTreeMap;

use super::Scope;
use crate::{
    model::{Drill, State},
    render::{listed::Listed, text::Text},
    words::count,
};

/// The drills of one application that are not shown.
#[derive(Clone, Debug)]
pub(super) struct RestShown {
    /// The application.
    pub application: Text,
    /// The link to its page, where they are.
    pub href: String,
    /// How many there are, by state.
    pub words: String,
}

/// The drills that this page leaves out, by application; none on the page of an application.
pub(super) fn rest(scope: &Scope<'_>) -> Listed<RestShown> {
    let mut by_application: BTreeMap<&str, Vec<&Drill>> = BTreeMap::new();
    for drill in scope.drills().skip(scope.limits.drills).filter(|_| scope.is_index()) {
        by_application.entry(&drill.key.application).or_default().push(drill);
    }
    Listed::first(by_application, scope.limits.applications, |(application, drills)| RestShown {
        application: Text::name(application),
        href: scope.application_link(application),
        words: words(&drills),
    })
}

/// `12 more drills: 2 stale, 10 proven`.
fn words(drills: &[&Drill]) -> String {
    let mut by_state: BTreeMap<State, usize> = BTreeMap::new();
    for drill in drills {
        *by_state.entry(drill.state).or_default() += 1;
    }
    let states: Vec<String> =
        by_state.iter().rev().map(|(state, number)| format!("{number} {state}")).collect();
    format!("{}: {}", count(drills.len() as u64, "more drill"), states.join(", "))
}
