//! Names and ARNs, checked when they are made.

use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::quoted;

/// A short name: 1 to 40 lower-case letters, digits and hyphens, a letter first. It becomes part of keys and metric
/// dimensions, so nothing else is taken. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = Name::PATTERN))]
#[schemars(with = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// What a name looks like, as a regular expression: for the schema and for the templates' parameters.
    pub const PATTERN: &str = "^[a-z][a-z0-9-]{0,39}$";

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// Text that is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not a name: 1 to 40 lower-case letters, digits and hyphens, a letter first", quoted(.0))]
pub struct NotAName(String);

impl TryFrom<String> for Name {
    type Error = NotAName;
    fn try_from(text: String) -> Result<Self, NotAName> {
        let mut bytes = text.bytes();
        let fits = text.len() <= 40
            && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(NotAName(text)) }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.to_string()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$"))]
pub struct Arn(String);

impl Arn {
    /// The ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// The partition, such as `aws`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service, such as `cloudwatch`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The Region; empty for global services.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account; empty where the service has none.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// What follows the account, such as `alarm:NAME`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// The alarm's name, if this is the ARN of a CloudWatch alarm.
    #[must_use]
    pub fn alarm_name(&self) -> Option<&str> {
        let name = alarm_name(self.service(), self.resource())?;
        (!self.region().is_empty()).then_some(name)
    }
}

/// The longest name of an alarm, in characters.
const MAX_ALARM_NAME: usize = 255;

/// The name of an alarm in the last part of an ARN, as CloudWatch takes names: any characters, spaces too, but no control
/// characters (API reference, `PutMetricAlarm`, `AlarmName`).
fn alarm_name<'a>(service: &str, resource: &'a str) -> Option<&'a str> {
    let name = resource.strip_prefix("alarm:").filter(|_| service == "cloudwatch")?;
    let fits = (1..=MAX_ALARM_NAME).contains(&name.chars().count()) && !name.contains(char::is_control);
    fits.then_some(name)
}

/// Text that is no [`Arn`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not an ARN (arn:partition:service:region:account:resource)", quoted(.0))]
pub struct NotAnArn(String);

impl TryFrom<String> for Arn {
    type Error = NotAnArn;
    fn try_from(text: String) -> Result<Self, NotAnArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let fits = matches!(parts[..], ["arn", partition, service, region, account, resource]
            if !partition.is_empty() && !service.is_empty() && !resource.is_empty()
                && account.bytes().all(|b| b.is_ascii_digit())
                && ![partition, service, region].iter().any(|part| part.contains(char::is_whitespace))
                // Of all that Firedrill knows by ARN, only the names of alarms may contain spaces.
                && (!resource.contains(char::is_whitespace) || alarm_name(service, resource).is_some()));
        if fits { Ok(Self(text)) } else { Err(NotAnArn(text)) }
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(name: &str) -> Result<Arn, NotAnArn> {
        format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}").try_into()
    }

    #[test]
    fn the_name_of_an_alarm_is_taken_as_cloudwatch_takes_it() {
        let longest = "故".repeat(255);
        for name in ["Bookstore CDN down", "Bücher: 本 / \"down\" 🔥", " a ", "a:b", &longest] {
            assert_eq!(alarm(name).unwrap().alarm_name(), Some(name));
        }
        for name in ["a\nb", "a\tb", "", &"故".repeat(256)] {
            assert!(alarm(name).ok().is_none_or(|arn| arn.alarm_name().is_none()), "{name:?}");
        }
    }

    #[test]
    fn nothing_else_than_the_name_of_an_alarm_may_contain_spaces() {
        for text in [
            "arn:aws:sns:us-east-1:1:my topic",
            "arn:aws:cloud watch:us-east-1:1:alarm:a",
            "arn:aws:cloudwatch:us east 1:1:alarm:a",
            " arn:aws:cloudwatch:us-east-1:1:alarm:a",
            "arn:aws:cloudwatch:us-east-1:1:dashboard:a b",
        ] {
            assert!(Arn::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
