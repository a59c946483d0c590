//! What a request may ask of the application.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One question whose yes means that users are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// A name for the record, unique within the request.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// What is asked.
    #[serde(flatten)]
    pub kind: ProbeKind,
    /// So many yes answers in a row count.
    #[serde(default = "default_count")]
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
    /// And for so long they must hold.
    #[serde(default)]
    #[schemars(range(max = 3600))]
    pub hold_for_seconds: u32,
}

pub(super) const fn default_count() -> u32 {
    3
}

/// The kinds of probe: exactly one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ProbeKind {
    /// An HTTP answer.
    Http(HttpProbe),
    /// A TCP connection that opens.
    Tcp(TcpProbe),
    /// All of these EC2 instances run.
    InstancesRunning(Vec<String>),
    /// The Auto Scaling group has as many members in service as it wants.
    GroupAtStrength(String),
    /// The target group (by ARN) has at least one target and all are healthy.
    TargetGroupHealthy(super::Arn),
}

/// A GET request and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProbe {
    /// `http` or `https`. Link-local and metadata addresses are refused.
    pub url: url::Url,
    /// The status the answer must have.
    #[serde(default = "default_status")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// A header the answer must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// A value the answer's JSON body must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonValue>,
    /// Later answers count as no.
    #[serde(default = "default_deadline")]
    #[schemars(range(min = 1, max = 10000))]
    pub deadline_ms: u32,
}

/// A header and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// The header's name, in any case.
    pub name: String,
    /// Its exact value.
    pub value: String,
}

/// A place in a JSON document and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JsonValue {
    /// A JSON pointer (RFC 6901), such as `/cdn`.
    pub pointer: String,
    /// The value there.
    pub equals: serde_json::Value,
}

/// A TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpProbe {
    /// Host name or address. Link-local and metadata addresses are refused.
    pub host: String,
    /// The port.
    pub port: u16,
    /// A connection later than this counts as no.
    #[serde(default = "default_deadline")]
    #[schemars(range(min = 1, max = 10000))]
    pub deadline_ms: u32,
}

const fn default_status() -> u16 {
    200
}
pub(super) const fn default_deadline() -> u32 {
    2_000
}

impl ProbeKind {
    /// How long an answer may take, in milliseconds.
    #[must_use]
    pub fn deadline_ms(&self, call_deadline_ms: u64) -> u64 {
        match self {
            Self::Http(HttpProbe { deadline_ms, .. }) | Self::Tcp(TcpProbe { deadline_ms, .. }) => {
                u64::from(*deadline_ms)
            }
            Self::InstancesRunning(_) | Self::GroupAtStrength(_) | Self::TargetGroupHealthy(_) => {
                call_deadline_ms
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
