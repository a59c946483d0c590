//! Answer: what an application is worth in a real failure, in one sentence.

use std::{cmp::Reverse, fmt};

use serde::Serialize;

use super::{
    DrillKey,
    build::{Application, Checked},
};
use crate::words::date;

/// What is known about a drill, a dependency or an application. The order is from best to worst: what consists of
/// several parts has the state of its worst one.
///
/// The order is that of what is known about recovery, so that the state of several parts never claims more than holds of each of
/// them: what is stale was proven once, while of what cannot be told or was never tried nobody ever saw that it recovers.
///
/// A drill can fail and have its last pass too long ago: then it is `Failing`, and its
/// [`Standing`](super::Standing) says that it is overdue as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The last run that told something passed, and that was no longer ago than the cadence and its grace allow.
    Proven,
    /// The last run that told something passed, too long ago.
    Stale,
    /// Something that is needed to tell is not known: nothing is declared, or no run told anything.
    CannotTell,
    /// No run ever injected a failure.
    NeverTried,
    /// The last run that told something did not pass.
    Failing,
}

impl State {
    /// The words for people: `cannot tell`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::CannotTell => "cannot tell",
            Self::NeverTried => "never tried",
            Self::Stale => "stale",
            Self::Failing => "failing",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The answer for one application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationAnswer {
    /// The application, as requests name it.
    pub application: String,
    /// Its name for people: what it declares, else `application`.
    pub title: String,
    /// The state of its worst critical dependency. Without a declaration of what is critical, every dependency counts, and the
    /// state is at best [`State::CannotTell`].
    pub state: State,
    /// Why it cannot be told which dependencies are critical; none if it can.
    pub why: Option<String>,
    /// Its dependencies: critical ones first, and the worst first among them.
    pub dependencies: Vec<DependencyAnswer>,
    /// The whole answer in one sentence: `Bookstore: CDN proven 6 days ago; database overdue 3 days.`
    pub sentence: String,
}

/// The answer for one dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DependencyAnswer {
    /// The dependency, as requests name it.
    pub dependency: String,
    /// Its name for people: what the application declares, else `dependency`.
    pub title: String,
    /// Whether the application declares it as critical; none if it declares nothing of it.
    pub critical: Option<bool>,
    /// The state of its worst drill.
    pub state: State,
    /// What follows its name in the sentence: `proven 6 days ago`, `overdue 3 days`, `failing since 4 November 2026`.
    pub words: String,
    /// The drill that decided it; none if it has no drill.
    pub drill: Option<DrillKey>,
}

/// The answer for one application.
pub(super) fn answer(application: &Application<'_>) -> ApplicationAnswer {
    let mut dependencies: Vec<DependencyAnswer> =
        application.dependencies().into_iter().map(|name| of_dependency(application, name)).collect();
    dependencies.sort_by_key(|of| (Reverse(of.critical != Some(false)), Reverse(of.state)));
    // What is not declared may be critical.
    let counts = dependencies.iter().filter(|of| of.critical != Some(false)).map(|of| of.state);
    let cannot_tell = application.undeclared.is_some().then_some(State::CannotTell);
    let state = counts.chain(cannot_tell).max().unwrap_or(State::CannotTell);
    let why = application.undeclared.clone();
    let sentence = sentence(&application.title(), why.as_deref(), &dependencies);
    ApplicationAnswer {
        application: application.name.to_owned(),
        title: application.title(),
        state,
        why,
        dependencies,
        sentence,
    }
}

fn of_dependency(application: &Application<'_>, name: &str) -> DependencyAnswer {
    // Of two that are as bad, the one that stands worse in its cadence.
    let rank = |drill: &&Checked<'_>| (drill.shown.state, drill.shown.cadence.standing);
    let worst = application.drills_of(name).max_by_key(rank);
    let (state, words) = match worst {
        Some(drill) => (drill.shown.state, drill.shown.words.clone()),
        None => without_drill(application, name),
    };
    DependencyAnswer {
        dependency: name.to_owned(),
        title: application.title_of(name),
        critical: application.is_critical(name),
        state,
        words,
        drill: worst.map(|drill| drill.shown.key.clone()),
    }
}

/// The answer for a dependency that no drill makes fail, or none any more.
fn without_drill(application: &Application<'_>, name: &str) -> (State, String) {
    let is_of = |drill: &&&Checked<'_>| drill.records.dependency() == name;
    let retired = application.drills.iter().filter(is_of).find_map(|drill| {
        let since = drill.shown.retired.as_ref()?.since;
        Some(format!(
            "cannot tell, because its drill {} was retired on {}",
            drill.shown.key.drill,
            date(since)
        ))
    });
    match retired {
        Some(words) => (State::CannotTell, words),
        None => (State::NeverTried, "never tried: it has no drill".to_owned()),
    }
}

fn sentence(title: &str, why: Option<&str>, dependencies: &[DependencyAnswer]) -> String {
    let cannot_tell = why.map(|why| match dependencies {
        [] => format!("cannot tell, because {why}"),
        _ => format!("cannot tell which of them are critical, because {why}"),
    });
    let parts = dependencies.iter().map(|of| format!("{} {}", of.title, of.words));
    let parts: Vec<String> = parts.chain(cannot_tell).collect();
    format!("{title}: {}.", parts.join("; "))
}
