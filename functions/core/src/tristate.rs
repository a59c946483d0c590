//! What a look can show: yes, no, or that we could not tell.

use serde::{Deserialize, Serialize};

/// The answer to one question about the world. Unknown is never yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tristate {
    /// Looked, and it is so.
    Yes,
    /// Looked, and it is not so.
    No,
    /// Not asked, not allowed, throttled: our own fault, so it says nothing about the application.
    #[default]
    Unknown,
}

impl Tristate {
    /// Yes if all are; no if any is known not to be; unknown otherwise, also when there are none.
    pub fn all(looks: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::Unknown;
        let mut first = true;
        for look in looks {
            all = match (first, all, look) {
                (_, _, Self::No) => return Self::No,
                (true, _, look) => look,
                (false, Self::Yes, Self::Yes) => Self::Yes,
                (false, _, _) => Self::Unknown,
            };
            first = false;
        }
        all
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
