//! Environment: to which environment a resource belongs, by its tag.

use std::collections::BTreeMap;

use crate::request::Name;

/// The tag that names the environment of an instance, alarm, distribution or database. What carries it is touched only by
/// drills of that environment.
pub const ENVIRONMENT_TAG: &str = "firedrill:environment";

/// The environment of a request.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Whether only what carries its name in the tag may be touched: the stack requires that in production
    /// (`RequireEnvironmentTag`).
    pub tag_required: bool,
}

impl Environment<'_> {
    /// Why a resource with these tags must not be touched by a drill of this environment; `None` if it may.
    #[must_use]
    pub fn excludes(&self, tags: &BTreeMap<String, String>) -> Option<String> {
        let name = self.name;
        match tags.get(ENVIRONMENT_TAG) {
            Some(named) if named == name.as_str() => None,
            Some(named) => Some(format!("belongs to environment {named} ({ENVIRONMENT_TAG}), not to {name}")),
            None if self.tag_required => Some(format!(
                "does not carry the tag {ENVIRONMENT_TAG}={name}, which the stack requires in production \
                 (RequireEnvironmentTag)"
            )),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_another_environment_or_to_none_that_is_known_is_never_touched() {
        let name = Name::try_from("live".to_owned()).unwrap();
        let why = |tagged: Option<&str>, tag_required| {
            let tag = tagged.map(|value| (ENVIRONMENT_TAG.to_owned(), value.to_owned()));
            Environment { name: &name, tag_required }.excludes(&tag.into_iter().collect())
        };
        assert_eq!(why(Some("live"), true), None);
        assert_eq!(why(None, false), None);
        assert!(why(None, true).unwrap().contains("firedrill:environment=live"));
        for required in [true, false] {
            assert!(why(Some("staging"), required).unwrap().contains("belongs to environment staging"));
            assert!(why(Some("Live"), required).is_some());
            assert!(why(Some(""), required).is_some());
        }
    }
}
