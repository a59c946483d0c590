//! The kill switch: while it is engaged nothing is injected, and what was injected is taken back.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a switch keeps from being drilled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Everything that this stack drills.
    Account,
    /// One application, in every environment.
    Application(String),
    /// One drill: `environment/application/drill`.
    Drill(String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("account"),
            Self::Application(name) => write!(f, "application {name}"),
            Self::Drill(key) => write!(f, "drill {key}"),
        }
    }
}

/// One switch that somebody engaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switch {
    /// What it keeps from being drilled.
    pub scope: Scope,
    /// Who engaged it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself; none if only a person ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Switch {
    /// A switch that is there and cannot be read: it counts as engaged, until a person looks.
    #[must_use]
    pub fn unreadable(scope: Scope, what: &str) -> Self {
        Self { scope, by: "?".to_owned(), reason: format!("it cannot be read: {what}"), until: None }
    }

    /// Whether it is engaged.
    #[must_use]
    pub fn is_engaged(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it is still engaged when the other one ends.
    #[must_use]
    pub fn outlasts(&self, other: &Self) -> bool {
        other.until.is_some_and(|ends| self.is_engaged(ends))
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, by, reason, until } = self;
        write!(f, "that of {scope} was engaged by {by}: {reason}")?;
        match until {
            Some(until) => write!(f, " (until {until})"),
            None => Ok(()),
        }
    }
}

/// The first switch that is engaged.
#[must_use]
pub fn engaged(switches: &[Switch], now: Timestamp) -> Option<&Switch> {
    switches.iter().find(|switch| switch.is_engaged(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_ends_by_itself_only_if_somebody_said_when() {
        let at = Timestamp::from_millis;
        let mut switch = Switch {
            scope: Scope::Application("bookstore".to_owned()),
            by: "ana".to_owned(),
            reason: "black friday".to_owned(),
            until: Some(at(1_000)),
        };
        assert!(switch.is_engaged(at(999)) && !switch.is_engaged(at(1_000)));
        switch.until = None;
        assert!(switch.is_engaged(at(i64::MAX)));
        let unreadable = Switch::unreadable(Scope::Account, "`until` is no time");
        assert!(engaged(&[unreadable], at(i64::MAX)).is_some());
        assert_eq!(engaged(&[], at(0)), None);
    }

    #[test]
    fn a_switch_never_outlasts_one_that_ends_with_it_or_never() {
        let ends = |until: Option<i64>| Switch {
            until: until.map(Timestamp::from_millis),
            ..Switch::unreadable(Scope::Account, "")
        };
        for (switch, other, outlasts) in [
            (Some(2), Some(1), true),
            (None, Some(1), true),
            (Some(1), Some(1), false),
            (Some(1), Some(2), false),
            (Some(i64::MAX), None, false),
            (None, None, false),
        ] {
            assert_eq!(ends(switch).outlasts(&ends(other)), outlasts, "{switch:?} after {other:?}");
        }
    }
}
