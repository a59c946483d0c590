//! State: how a state is shown: a mark, a word and a tone. The word alone says it; the mark and the form of the line
//! beside it say it without colour.

use std::fmt;

use askama::filters::HtmlSafe;
use firedrill_core::{Outcome, Tristate};

use crate::model::State;

/// The tone of a state: which of the few colours and lines it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is as promised.
    Ok,
    /// Somebody should look at it.
    Warn,
    /// The promise is broken: it failed.
    Bad,
    /// The promise is broken: it was not tried in time.
    Late,
    /// Nothing is to be said.
    None,
    /// Nothing can be said.
    Unknown,
}

impl Tone {
    /// The class in the stylesheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Late => "late",
            Self::None | Self::Unknown => "none",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warn => "!",
            Self::Bad => "✕",
            Self::Late => "↻",
            Self::None => "–",
            Self::Unknown => "?",
        }
    }
}

/// A state, ready to be shown. Its word is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The word, in lower case; it is shown with a capital.
    pub word: &'static str,
    /// The tone.
    pub tone: Tone,
}

impl Shown {
    /// A state of this word and tone.
    pub(crate) const fn new(word: &'static str, tone: Tone) -> Self {
        Self { word, tone }
    }

    /// The word with a capital.
    pub(crate) fn capitalized(self) -> String {
        let (first, rest) = self.word.split_at(self.word.len().min(1));
        first.to_ascii_uppercase() + rest
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, mark) = (self.tone.class(), self.tone.mark());
        let word = self.capitalized();
        write!(f, "<b class=\"state {class}\"><span aria-hidden=\"true\">{mark}</span> {word}</b>")
    }
}

/// Mark, class and word are constants of this crate.
impl HtmlSafe for Shown {}

/// How the outcome of a run is shown.
pub(crate) const fn outcome(outcome: Outcome) -> Shown {
    match outcome {
        Outcome::Recovered => Shown::new("passed", Tone::Ok),
        Outcome::ObjectiveMissed => Shown::new("objective missed", Tone::Bad),
        Outcome::NotRecovered => Shown::new("not recovered", Tone::Bad),
        Outcome::RollbackFailed => Shown::new("rollback failed", Tone::Bad),
        Outcome::NotInjected => Shown::new("not injected", Tone::Warn),
        Outcome::Stopped => Shown::new("stopped", Tone::Warn),
        Outcome::Inconclusive => Shown::new("inconclusive", Tone::Unknown),
        Outcome::Skipped => Shown::new("skipped", Tone::None),
        Outcome::Planned => Shown::new("planned", Tone::None),
    }
}

/// How the state of a drill, a dependency or an application is shown.
pub(crate) const fn state(state: State) -> Shown {
    let tone = match state {
        State::Proven => Tone::Ok,
        State::CannotTell => Tone::Unknown,
        State::NeverTried => Tone::Warn,
        State::Stale => Tone::Late,
        State::Failing => Tone::Bad,
    };
    Shown::new(state.words(), tone)
}

/// How a yes, a no and an unknown are shown, in these words.
pub(crate) const fn tristate(seen: Tristate, words: [&'static str; 3]) -> Shown {
    match seen {
        Tristate::Yes => Shown::new(words[0], Tone::Ok),
        Tristate::No => Shown::new(words[1], Tone::Bad),
        Tristate::Unknown => Shown::new(words[2], Tone::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_never_look_alike_without_their_words() {
        let states = [State::Proven, State::CannotTell, State::NeverTried, State::Stale, State::Failing];
        let looks: std::collections::BTreeSet<_> =
            states.map(|of| (state(of).tone.class(), state(of).tone.mark())).into();
        let (classes, marks): (Vec<_>, Vec<_>) = looks.iter().copied().unzip();
        for seen in [classes, marks] {
            assert_eq!(std::collections::BTreeSet::from_iter(&seen).len(), states.len(), "{seen:?}");
        }
    }
}
