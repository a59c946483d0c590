//! The request: one JSON document that says everything about a drill, so that what ran is what is
//! in version control.

mod names;
mod of_head;
mod parse;
mod probe;
mod target;
mod validate;
mod window;

pub use names::{Arn, Name};
pub use of_head::of_head;
pub use parse::{
    Delivery, ParseError, Problem, Release, StopOrder, StopWhat, SwitchOrder, parse, read_leniently,
};
pub use probe::{Header, HttpProbe, JsonValue, Probe, ProbeKind, TcpProbe};
pub use target::{
    AlarmTarget, BlastRadius, DatabaseArn, DatabaseTarget, DistributionTarget, IdentityProbe,
    InstanceSelector, InstanceTarget, MetricValue, Target,
};
pub use validate::OPT_IN_TAG;
pub use window::{Day, Window};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One drill, whole. Fields are camelCase; units stand in names; unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Ignored: lets an editor find the JSON Schema of this document.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The drill's name, unique within the application and environment.
    pub drill: Name,
    /// The application that is drilled.
    pub application: Name,
    /// The dependency of the application that fails.
    pub dependency: Name,
    /// The environment. One that the stack does not list as non-production counts as production.
    pub environment: Name,
    /// `false` (the default) only plans: everything is looked at, nothing is touched.
    #[serde(default)]
    pub execute: bool,
    /// How the failure is caused.
    pub mode: Mode,
    /// What may be touched, and how much of it.
    pub target: Target,
    /// What holds when the application is well.
    pub steady_state: SteadyState,
    /// What the playbook promises.
    pub objective: Objective,
    /// What should notice the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// What ends the run early and rolls it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_conditions: Vec<StopCondition>,
    /// When the drill may run; none means at any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// How often the drill must have passed.
    pub cadence: Cadence,
    /// The team's agreed procedure.
    pub playbook: Playbook,
    /// Which schedule delivered this, and for when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The caller's own name of this run: the same name twice is one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$"))]
    pub run_id: Option<String>,
}

impl Request {
    /// Seconds within which the whole run must have been decided.
    #[must_use]
    pub fn run_within(&self) -> u32 {
        let objective = &self.objective;
        objective.run_within_seconds.unwrap_or_else(|| {
            let held = self.steady_state.probes.iter().map(|probe| probe.hold_for_seconds).max().unwrap_or(0);
            [
                self.steady_state.within_seconds,
                objective.inject_within_seconds,
                objective.give_up_after(),
                held,
            ]
            .into_iter()
            .fold(300, u32::saturating_add)
        })
    }
}

/// How a failure is caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Stop EC2 instances.
    Stop,
    /// Force the state of an alarm: what is behind the alarm is put to the test, its detection is not.
    Alarm,
    /// Publish breaching datapoints on the alarm's own metric: detection and response are put to the test.
    Metric,
}

impl Mode {
    /// Whether the failure stays until it is taken back. A forced alarm is gone in seconds.
    #[must_use]
    pub const fn lasts(self) -> bool {
        match self {
            Self::Stop => true,
            Self::Alarm | Self::Metric => false,
        }
    }

    /// What a pass in this mode proves to work.
    #[must_use]
    pub const fn exercises(self) -> &'static str {
        match self {
            Self::Stop | Self::Metric => "detection and response",
            Self::Alarm => "response; detection was not exercised",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Alarm => "alarm",
            Self::Metric => "metric",
        })
    }
}

/// The probes that hold when the application is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SteadyState {
    /// At least one, at most 20.
    #[schemars(length(min = 1, max = 20))]
    pub probes: Vec<Probe>,
    /// All of them must hold within this many seconds before the failure is caused, or the run is
    /// skipped.
    #[serde(default = "default_within")]
    #[schemars(range(min = 1, max = 600))]
    pub within_seconds: u32,
}

/// What the playbook promises, and when to stop waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objective {
    /// The recovery time objective in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub rto_seconds: u32,
    /// The recovery point objective in seconds, where one applies. Recorded, not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_seconds: Option<u32>,
    /// Recovery must begin within this many seconds, or it counts as not recovered. Three times the
    /// recovery time objective by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up_after_seconds: Option<u32>,
    /// The rollback and the steady state after it must be seen within this many seconds, or
    /// someone is paged.
    #[serde(default = "default_restore")]
    #[schemars(range(min = 1, max = 86400))]
    pub restore_within_seconds: u32,
    /// The failure must be seen in place within this many seconds.
    #[serde(default = "default_inject")]
    #[schemars(range(min = 1, max = 3600))]
    pub inject_within_seconds: u32,
    /// The failure is taken back once the run has taken so many seconds, whatever has been learned by then. By
    /// default somewhat more than all of its other limits together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 259_200))]
    pub run_within_seconds: Option<u32>,
    /// What a minute of impairment costs, for the estimate in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue_per_minute: Option<u32>,
}

impl Objective {
    /// Seconds within which recovery must begin.
    #[must_use]
    pub fn give_up_after(&self) -> u32 {
        self.give_up_after_seconds.unwrap_or(self.rto_seconds.saturating_mul(3))
    }
}

const fn default_within() -> u32 {
    60
}
const fn default_restore() -> u32 {
    900
}
const fn default_inject() -> u32 {
    300
}

/// The alarm that should notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detection {
    /// The alarm's ARN. Its history tells when the failure was detected.
    pub alarm_arn: Arn,
}

/// What ends the run early and rolls it back: exactly one of an alarm and a probe. What cannot be read counts as
/// tripped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StopCondition {
    /// An alarm's ARN: in ALARM, or unreadable, it stops the run.
    AlarmArn(Arn),
    /// A probe of what the drill must never hurt: `count` answers in a row that are not a yes stop the run.
    Probe(Box<Probe>),
}

impl StopCondition {
    /// The alarm, if it is one.
    #[must_use]
    pub const fn alarm_arn(&self) -> Option<&Arn> {
        match self {
            Self::AlarmArn(arn) => Some(arn),
            Self::Probe(_) => None,
        }
    }

    /// The probe, if it is one.
    #[must_use]
    pub fn probe(&self) -> Option<&Probe> {
        match self {
            Self::AlarmArn(_) => None,
            Self::Probe(probe) => Some(probe),
        }
    }
}

/// How often a drill must have passed; past it the drill is overdue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cadence {
    /// Days between passes. Stage 3 asks for at most 35.
    #[schemars(range(min = 1, max = 366))]
    pub every_days: u32,
}

/// The team's agreed procedure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Playbook {
    /// Where it is.
    pub link: url::Url,
    /// Which version of it this drill exercises.
    pub version: String,
    /// Who owns it.
    pub owner: String,
    /// How severe the real failure would be.
    pub severity: String,
}

/// The schedule that delivered the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// The nominal time, before the flexible window: it names the run.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub scheduled_at: crate::Timestamp,
    /// The schedule's or rule's ARN.
    pub arn: Arn,
    /// Which delivery attempt this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// The schedule's flexible window: lateness counts from its end.
    #[serde(default)]
    #[schemars(range(max = 1440))]
    pub flexible_window_minutes: u32,
    /// A delivery later than this does not run.
    #[serde(default = "default_late")]
    #[schemars(range(min = 1, max = 86400))]
    pub late_after_seconds: u32,
}

const fn default_late() -> u32 {
    900
}
