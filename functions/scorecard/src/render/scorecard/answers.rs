//! Answers: for each application whether it would fail over, in one sentence.

use super::Scope;
use crate::{
    model::{ApplicationAnswer, DependencyAnswer, State},
    render::{
        listed::Listed,
        state::{Shown, state},
        text::Text,
    },
};

/// The most dependencies that a sentence names.
const MAX_NAMED: usize = 12;

/// The answer for one application.
#[derive(Clone, Debug)]
pub(crate) struct AnswerShown {
    /// The application's name.
    pub title: Text,
    /// The link to its page.
    pub href: String,
    /// Its state.
    pub state: Shown,
    /// What is known of each dependency.
    pub parts: Listed<Part>,
    /// The whole sentence; for an application without dependencies.
    pub sentence: Text,
    /// Why it cannot be told.
    pub why: Option<Text>,
}

/// The part of the sentence about one dependency.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The dependency's name.
    pub title: Text,
    /// What is known of it.
    pub words: Text,
    /// The class of its words: what is not proven stands out.
    pub class: &'static str,
    /// What a reader has to know besides: that it is not critical.
    pub note: &'static str,
}

/// The answers of this page, the worst first.
pub(crate) fn answers(scope: &Scope<'_>) -> Listed<AnswerShown> {
    let covered = scope.scorecard.applications.iter().filter(|answer| scope.covers(&answer.application));
    Listed::first(covered, scope.limits.applications, |answer| shown(answer, scope))
}

fn shown(answer: &ApplicationAnswer, scope: &Scope<'_>) -> AnswerShown {
    AnswerShown {
        title: Text::name(&answer.title),
        href: scope.application_link(&answer.application),
        state: state(answer.state),
        parts: Listed::first(&answer.dependencies, MAX_NAMED, part),
        sentence: Text::new(&answer.sentence),
        why: answer.why.as_deref().map(Text::new),
    }
}

fn part(dependency: &DependencyAnswer) -> Part {
    Part {
        title: Text::name(&dependency.title),
        words: Text::name(&dependency.words),
        class: match dependency.state {
            State::Proven | State::CannotTell => "",
            State::NeverTried | State::Stale | State::Failing => state(dependency.state).tone.class(),
        },
        note: if dependency.critical == Some(false) { " (not critical)" } else { "" },
    }
}
