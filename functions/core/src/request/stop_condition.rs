//! Stop conditions: what ends a run early, and keeps one from starting.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arn, Probe};

/// What ends the run early and rolls it back. What cannot be read counts as tripped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(try_from = "Written", into = "Written")]
#[schemars(with = "Written")]
#[garde(allow_unvalidated)]
pub enum StopCondition {
    /// An alarm: in ALARM, or unreadable, it stops the run.
    Alarm {
        /// Its ARN.
        arn: Arn,
        /// Whether a run may start while it is in `INSUFFICIENT_DATA`.
        allow_insufficient_data: bool,
    },
    /// A probe of what the drill must never hurt: `count` answers in a row that are not a yes stop the run.
    Probe(#[garde(dive)] Box<Probe>),
}

/// As a request has it: exactly one of an alarm and a probe. What cannot be read counts as tripped.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StopCondition", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["alarmArn"] }, { "required": ["probe"] }]))]
struct Written {
    /// An alarm's ARN: in ALARM, or unreadable, it stops the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm_arn: Option<Arn>,
    /// Beside `alarmArn`: a run may start while the alarm is in `INSUFFICIENT_DATA`, because it has no data as long as
    /// all is well; `false` by default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    allow_insufficient_data: bool,
    /// A probe of what the drill must never hurt: `count` answers in a row that are not a yes stop the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<Box<Probe>>,
}

impl TryFrom<Written> for StopCondition {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { alarm_arn, allow_insufficient_data, probe } = written;
        match (alarm_arn, probe) {
            (Some(arn), None) => Ok(Self::Alarm { arn, allow_insufficient_data }),
            (None, Some(probe)) if !allow_insufficient_data => Ok(Self::Probe(probe)),
            (None, Some(_)) => Err("`allowInsufficientData` means nothing beside a probe: leave it out"),
            (Some(_), Some(_)) | (None, None) => Err("must name exactly one of `alarmArn` and `probe`"),
        }
    }
}

impl From<StopCondition> for Written {
    fn from(condition: StopCondition) -> Self {
        let nothing = Self { alarm_arn: None, allow_insufficient_data: false, probe: None };
        match condition {
            StopCondition::Alarm { arn, allow_insufficient_data } => {
                Self { alarm_arn: Some(arn), allow_insufficient_data, ..nothing }
            }
            StopCondition::Probe(probe) => Self { probe: Some(probe), ..nothing },
        }
    }
}

impl StopCondition {
    /// The alarm's ARN; none if the condition is a probe.
    #[must_use]
    pub const fn alarm_arn(&self) -> Option<&Arn> {
        match self {
            Self::Alarm { arn, .. } => Some(arn),
            Self::Probe(_) => None,
        }
    }

    /// The probe; none if the condition is an alarm.
    #[must_use]
    pub fn probe(&self) -> Option<&Probe> {
        match self {
            Self::Alarm { .. } => None,
            Self::Probe(probe) => Some(probe),
        }
    }
}
