//! Probes: the questions that a request may ask of the application or of AWS.

use std::time::Duration;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Millis, Seconds};

/// One question whose yes means that users are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Probe {
    /// A name for the record, 1 to 80 characters, unique within the request.
    #[garde(length(chars, min = 1, max = 80))]
    pub name: String,
    /// What is asked: exactly one kind.
    #[garde(dive)]
    pub check: ProbeKind,
    /// So many yes answers in a row hold; 1 to 100, 3 by default.
    #[serde(default = "default_count")]
    #[garde(range(min = 1, max = 100))]
    pub count: u32,
    /// They must go on for this many seconds to hold; at most 3600, 0 by default.
    #[serde(default)]
    #[garde(range(max = 3600))]
    pub hold_for_seconds: Seconds,
}

pub(super) const fn default_count() -> u32 {
    3
}

/// The kinds of probe: exactly one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[garde(allow_unvalidated)]
pub enum ProbeKind {
    /// An HTTP GET and what its answer must be.
    Http(#[garde(dive)] HttpProbe),
    /// A TCP connection that opens.
    Tcp(#[garde(dive)] TcpProbe),
    /// All of these EC2 instances (1 to 250 ids) run.
    InstancesRunning(#[garde(length(min = 1, max = 250))] Vec<String>),
    /// The Auto Scaling group of this name has as many members in service as it wants; 1 to 255 characters.
    GroupAtStrength(#[garde(length(chars, min = 1, max = 255))] String),
    /// The target group (by ARN) has at least one target and all are healthy.
    TargetGroupHealthy(super::Arn),
}

/// An HTTP GET and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct HttpProbe {
    /// `http` or `https`, without user name or password. Link-local and metadata addresses are refused.
    pub url: url::Url,
    /// The status the answer must have; 100 to 599, 200 by default.
    #[serde(default = "default_status")]
    #[garde(range(min = 100, max = 599))]
    pub status: u16,
    /// A header the answer must have; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// A value the answer's JSON body must have; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonValue>,
    /// An answer later than this many milliseconds counts as no; 1 to 10000, 2000 by default.
    #[serde(default = "default_deadline")]
    #[garde(range(min = 1, max = 10000))]
    pub deadline_ms: Millis,
}

/// A header and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Header {
    /// The header's name, as HTTP has them (RFC 9110, `token`), in any case.
    pub name: String,
    /// Its exact value.
    pub value: String,
}

/// A place in a JSON document and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct JsonValue {
    /// A JSON pointer (RFC 6901), such as `/cdn`.
    pub pointer: String,
    /// The value there.
    pub equals: serde_json::Value,
}

/// A TCP connection that opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct TcpProbe {
    /// Host name or address. Link-local and metadata addresses are refused.
    pub host: String,
    /// The port; 1 to 65535.
    #[garde(range(min = 1))]
    pub port: u16,
    /// A connection later than this many milliseconds counts as no; 1 to 10000, 2000 by default.
    #[serde(default = "default_deadline")]
    #[garde(range(min = 1, max = 10000))]
    pub deadline_ms: Millis,
}

const fn default_status() -> u16 {
    200
}
pub(super) const fn default_deadline() -> Millis {
    Millis::new(2_000)
}

impl ProbeKind {
    /// How long an answer may take: `call_deadline` for what is asked of AWS.
    #[must_use]
    pub fn deadline(&self, call_deadline: Duration) -> Duration {
        match self {
            Self::Http(HttpProbe { deadline_ms, .. }) | Self::Tcp(TcpProbe { deadline_ms, .. }) => {
                deadline_ms.duration()
            }
            Self::InstancesRunning(_) | Self::GroupAtStrength(_) | Self::TargetGroupHealthy(_) => {
                call_deadline
            }
        }
    }

    /// Whether it asks AWS rather than the application: such probes are asked less often.
    #[must_use]
    pub fn asks_aws(&self) -> bool {
        match self {
            Self::Http(_) | Self::Tcp(_) => false,
            Self::InstancesRunning(_) | Self::GroupAtStrength(_) | Self::TargetGroupHealthy(_) => true,
        }
    }
}
