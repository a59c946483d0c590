//! Tristate: the answer to one question: yes, no or unknown.

use serde::{Deserialize, Serialize};

/// The answer to one question about the application or AWS. Unknown never counts as yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tristate {
    /// It was read, and it holds.
    Yes,
    /// It was read, and it does not hold.
    No,
    /// It was not asked, not permitted or throttled: our own fault, so it says nothing about the application.
    #[default]
    Unknown,
}

impl Tristate {
    /// Yes if all are yes; no if any is no; otherwise unknown, also for an empty iterator.
    pub fn all(looks: impl IntoIterator<Item = Self>) -> Self {
        let mut all = None;
        for look in looks {
            match look {
                Self::No => return Self::No,
                Self::Yes => all = all.or(Some(Self::Yes)),
                Self::Unknown => all = Some(Self::Unknown),
            }
        }
        all.unwrap_or_default()
    }
}

impl From<bool> for Tristate {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::Tristate::{self, No, Unknown, Yes};

    #[test]
    fn one_unknown_never_makes_a_yes() {
        assert_eq!(Tristate::all([Yes, Yes]), Yes);
        assert_eq!(Tristate::all([Yes, Unknown]), Unknown);
        assert_eq!(Tristate::all([Unknown, Yes]), Unknown);
        assert_eq!(Tristate::all([Unknown, No, Yes]), No);
        assert_eq!(Tristate::all([]), Unknown, "nothing looked at is nothing known");
    }
}
