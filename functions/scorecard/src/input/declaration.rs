//! Declaration: what an application declares of itself, in one document.
//!
//! A stage of resiliency asks for some things that no record can show: an agreement, an exercise, a playbook. Each is declared
//! with a link and a date, and is always shown as declared.

use firedrill_core::{
    request::{Name, Problem, WrittenDocument, parse_document},
    text::one_line,
};
use garde::Validate;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use crate::model::DrillKey;

/// The most bytes of a declaration: what a parameter of Systems Manager holds (8 KB, advanced).
const MAX_BYTES: usize = 8_192;
/// How many problems are named.
const MAX_PROBLEMS: usize = 20;

/// What an application declares of itself. Fields are camelCase; unknown fields are refused by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Declaration {
    /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The application, as the requests of its drills name it.
    pub application: Name,
    /// Its name for people; 1 to 80 characters. By default `application`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(chars, min = 1, max = 80))]
    pub title: Option<String>,
    /// The team that owns it; 1 to 80 characters.
    #[garde(length(chars, min = 1, max = 80))]
    pub owner: String,
    /// What a minute without service costs, in the application's own currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue_per_minute: Option<u32>,
    /// Everything that it depends on, critical or not; 1 to 50.
    #[garde(length(min = 1, max = 50), dive)]
    pub dependencies: Vec<DeclaredDependency>,
    /// Drills that were given up on purpose, or renamed; at most 50. One that still runs, or is still scheduled, is not retired:
    /// that is a finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 50), dive)]
    pub retired_drills: Vec<RetiredDrill>,
    /// That it can be observed: where its dashboards and alarms are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<DeclaredLink>,
    /// The playbook of a disaster recovery failover: contacts, notification, procedure, RTO, RPO, severity,
    /// assumptions, and how to resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub recovery_playbook: Option<DeclaredPlaybook>,
    /// That the prerequisites lie in one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prerequisites: Option<DeclaredLink>,
    /// That development, test, operations and stakeholders agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<DeclaredLink>,
    /// One manual exercise of the recovery playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exercise: Option<DeclaredLink>,
    /// That a failed drill fails the build that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_gate: Option<DeclaredLink>,
    /// That disaster recovery failover is semi-automated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover_semi_automated: Option<DeclaredLink>,
    /// That disaster recovery failover is automated in production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover_automated: Option<DeclaredLink>,
}

/// One dependency of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct DeclaredDependency {
    /// The dependency, as the requests of its drills name it.
    pub name: Name,
    /// Its name for people; 1 to 80 characters. By default `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(length(chars, min = 1, max = 80))]
    pub title: Option<String>,
    /// Whether the application fails without it.
    pub critical: bool,
    /// The thresholds beyond which it counts as failed: where they are defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<DeclaredLink>,
    /// The playbook for its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub playbook: Option<DeclaredPlaybook>,
}

/// A drill that was given up on purpose, or renamed. Its past stays, but neither its failures nor its cadence count any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct RetiredDrill {
    /// The drill, as its requests named it.
    pub drill: Name,
    /// The environment in which it ran.
    pub environment: Name,
    /// Why it was given up, or what replaced it; 1 to 200 characters.
    #[garde(length(chars, min = 1, max = 200))]
    pub reason: String,
    /// The day on which it was given up, `YYYY-MM-DD`, in UTC.
    #[schemars(with = "String", extend("format" = "date"))]
    pub date: Date,
}

/// A playbook, with its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct DeclaredPlaybook {
    /// The URL at which it is kept.
    pub link: Url,
    /// Its version; 1 to 80 characters.
    #[garde(length(chars, min = 1, max = 80))]
    pub version: String,
    /// The date of that version, `YYYY-MM-DD`. One older than a year is stale.
    #[schemars(with = "String", extend("format" = "date"))]
    pub date: Date,
}

/// Where something declared can be read, and since when it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct DeclaredLink {
    /// The URL at which it can be read.
    pub link: Url,
    /// Its date, `YYYY-MM-DD`.
    #[schemars(with = "String", extend("format" = "date"))]
    pub date: Date,
}

/// Why a document is no declaration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the declaration is refused: {}", list(.0))]
pub struct NotADeclaration(
    /// Each field that is wrong, and how; at most 20 of them.
    pub Vec<Problem>,
);

fn list(problems: &[Problem]) -> String {
    let shown = problems.iter().map(|problem| format!("`{}` {}", problem.field, problem.what));
    shown.collect::<Vec<_>>().join("; ")
}

/// Reads what an application declares of itself.
///
/// # Errors
/// [`NotADeclaration`]: the fields that are unknown, missing, stand twice or are out of bounds.
pub fn parse_declaration(text: &str) -> Result<Declaration, NotADeclaration> {
    let refuse = |mut problems: Vec<Problem>| {
        problems.truncate(MAX_PROBLEMS);
        for problem in &mut problems {
            problem.field = one_line(&problem.field, 200);
            problem.what = one_line(&problem.what, 400);
        }
        NotADeclaration(problems)
    };
    if text.len() > MAX_BYTES {
        let what = format!("takes {} bytes; at most {MAX_BYTES}", text.len());
        return Err(refuse(vec![Problem { field: ".".to_owned(), what }]));
    }
    let document: WrittenDocument = serde_json::from_str(text).map_err(|error| {
        refuse(vec![Problem { field: ".".to_owned(), what: format!("is no JSON: {error}") }])
    })?;
    let declaration: Declaration = parse_document(&document).map_err(refuse)?;
    let problems = declaration.problems();
    if problems.is_empty() { Ok(declaration) } else { Err(refuse(problems)) }
}

impl Declaration {
    /// What is wrong with it that no field says by itself.
    fn problems(&self) -> Vec<Problem> {
        let dependencies: Vec<_> = self.dependencies.iter().map(|of| of.name.to_string()).collect();
        let retired = self.retired_drills.iter().map(|of| format!("{}/{}", of.environment, of.drill));
        let retired: Vec<_> = retired.collect();
        let twice = |list: &[String], field: &dyn Fn(usize) -> String| {
            let stands_before = |index: &usize| list[..*index].contains(&list[*index]);
            let problem = |index: usize| Problem {
                field: field(index),
                what: format!("stands there twice: `{}`", list[index]),
            };
            (0..list.len()).filter(stands_before).map(problem).collect::<Vec<_>>()
        };
        let mut problems = twice(&dependencies, &|index| format!("dependencies[{index}].name"));
        problems.extend(twice(&retired, &|index| format!("retiredDrills[{index}]")));
        problems
    }

    /// What it declares of a drill that was given up; none if it declares nothing of it.
    #[must_use]
    pub fn retired(&self, key: &DrillKey) -> Option<&RetiredDrill> {
        let is_it =
            |of: &&RetiredDrill| of.drill.as_str() == key.drill && of.environment.as_str() == key.environment;
        self.retired_drills.iter().find(is_it).filter(|_| self.application.as_str() == key.application)
    }

    /// What it declares of a dependency.
    #[must_use]
    pub fn dependency(&self, name: &str) -> Option<&DeclaredDependency> {
        self.dependencies.iter().find(|dependency| dependency.name.as_str() == name)
    }

    /// The dependencies without which it fails.
    pub fn critical(&self) -> impl Iterator<Item = &DeclaredDependency> {
        self.dependencies.iter().filter(|dependency| dependency.critical)
    }
}
