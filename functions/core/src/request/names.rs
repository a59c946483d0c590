//! Names and ARNs, checked when they are made.

use std::{fmt, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
#[error("`{0}` is not a name: 1 to 40 lower-case letters, digits and hyphens, a letter first")]
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
        let name = self.resource().strip_prefix("alarm:")?;
        (self.service() == "cloudwatch" && !self.region().is_empty() && !name.is_empty()).then_some(name)
    }
}

/// Text that is no [`Arn`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an ARN (arn:partition:service:region:account:resource)")]
pub struct NotAnArn(String);

impl TryFrom<String> for Arn {
    type Error = NotAnArn;
    fn try_from(text: String) -> Result<Self, NotAnArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let fits = matches!(parts[..], ["arn", partition, service, _, account, resource]
            if !partition.is_empty() && !service.is_empty() && !resource.is_empty()
                && account.bytes().all(|b| b.is_ascii_digit()));
        if fits && !text.contains(char::is_whitespace) { Ok(Self(text)) } else { Err(NotAnArn(text)) }
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
