//! Coverage: which dependency is drilled in which environment.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    DrillKey, State,
    build::{Application, Checked, keys, worst},
};
use crate::input::Inputs;

/// The coverage of one application: a row per dependency, a column per environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// The application.
    pub application: String,
    /// Its name for people.
    pub title: String,
    /// The environments in which any application is drilled, production last.
    pub environments: Vec<String>,
    /// Its dependencies, declared or drilled; the critical ones first.
    pub rows: Vec<CoverageRow>,
}

/// One dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoverageRow {
    /// The dependency.
    pub dependency: String,
    /// Its name for people.
    pub title: String,
    /// Whether the application declares it as critical; none if it declares nothing of it.
    pub critical: Option<bool>,
    /// One cell for each environment, in their order.
    pub cells: Vec<CoverageCell>,
}

/// One dependency in one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoverageCell {
    /// The state of the worst drill there; none if there is no drill.
    pub state: Option<State>,
    /// The drills there.
    pub drills: Vec<DrillKey>,
}

/// The coverage of each application.
pub(super) fn coverage(inputs: &Inputs, applications: &[Application<'_>]) -> Vec<Coverage> {
    let drills = applications.iter().flat_map(|application| &application.drills);
    let named: BTreeSet<&str> = drills.map(|drill| drill.shown.key.environment.as_str()).collect();
    let mut environments: Vec<String> = named.into_iter().map(str::to_owned).collect();
    environments.sort_by_key(|environment| inputs.is_production(environment));
    applications.iter().map(|application| of_application(application, &environments)).collect()
}

fn of_application(application: &Application<'_>, environments: &[String]) -> Coverage {
    let row = |dependency: &str| CoverageRow {
        dependency: dependency.to_owned(),
        title: application.title_of(dependency),
        critical: application.is_critical(dependency),
        cells: environments.iter().map(|environment| cell(application, dependency, environment)).collect(),
    };
    let mut rows: Vec<CoverageRow> = application.dependencies().into_iter().map(row).collect();
    rows.sort_by_key(|row| row.critical != Some(true));
    Coverage {
        application: application.name.to_owned(),
        title: application.title(),
        environments: environments.to_vec(),
        rows,
    }
}

fn cell(application: &Application<'_>, dependency: &str, environment: &str) -> CoverageCell {
    let is_there = |drill: &&Checked<'_>| drill.shown.key.environment == environment;
    let drills = || application.drills_of(dependency).filter(is_there);
    CoverageCell { state: worst(drills().map(|drill| drill.shown.state)), drills: keys(drills()) }
}
