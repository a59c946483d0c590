//! Request: one JSON document that says everything about a drill, so that what ran is what is in version control.
//!
//! The bounds of single values stand once, beside their fields, as `garde` rules; the JSON Schema reads the same
//! rules. What depends on several fields is in `validate`. Reading and checking are two steps: a caller's request is
//! read strictly and checked ([`parse`]), while one that was taken before is only read ([`read_leniently`]), so
//! that a bound or field that changed since never keeps a run from being rolled back.

mod bounds;
mod command;
mod document;
mod names;
mod parse;
mod probe;
mod read;
mod span;
mod stop_condition;
mod target;
mod validate;
mod window;

pub use command::{KillSwitchCommand, Release, StopCommand, StopOrder, StopWhat, SwitchOrder};
pub use document::WrittenDocument;
pub use names::{Arn, Name, NotAName, NotAnArn};
pub use parse::{Delivery, Document, ParseError, Problem, parse, parse_document, parse_written};
pub use probe::{Header, HttpProbe, JsonValue, Probe, ProbeKind, TcpProbe};
pub use read::{Unreadable, read_leniently};
pub use span::{Days, Millis, Minutes, Seconds, Span};
pub use stop_condition::StopCondition;
pub use target::{
    AlarmTrigger, BlastRadius, DatabaseArn, DatabaseTarget, DistributionTarget, IdentityProbe,
    InstanceSelector, InstanceTarget, MetricValue, NotADatabase, OPT_IN_TAG, Target,
};
pub use window::{Day, Window};

use std::time::Duration;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One drill, whole. Fields are camelCase; units stand in their names; a caller's unknown fields are refused by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields, extend("not" = { "required": ["runId", "schedule"] }))]
#[garde(allow_unvalidated)]
pub struct Request {
    /// Where an editor finds the JSON Schema of this document. Firedrill ignores it.
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
    /// `true` drills. `false` (the default) only plans: everything is looked at, nothing is touched.
    #[serde(default)]
    pub execute: bool,
    /// How the failure is injected: `stop` for instances, `alarm` or `metric` for what fails over through an alarm.
    pub mode: Mode,
    /// What may be touched, and how much of it: exactly one kind of target.
    #[garde(dive)]
    pub target: Target,
    /// The probes that hold when the application is in its steady state.
    #[garde(dive)]
    pub steady_state: SteadyState,
    /// What the playbook promises, and when to stop waiting for it.
    #[garde(dive)]
    pub objective: Objective,
    /// The alarm that should notice the failure, for mode `stop`. Without it the time to detect is not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub detection: Option<Detection>,
    /// What ends the run early and rolls it back; at most 10 conditions, none by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 10), dive)]
    pub stop_conditions: Vec<StopCondition>,
    /// When the drill may run; at any time by default. At most 50 windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 50), dive)]
    pub windows: Vec<Window>,
    /// How often the drill must pass.
    #[garde(dive)]
    pub cadence: Cadence,
    /// The team's agreed procedure.
    #[garde(dive)]
    pub playbook: Playbook,
    /// Which schedule or rule delivered this, and for when. Absent when a person sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub schedule: Option<Schedule>,
    /// The caller's own name of this run, 1 to 80 letters, digits and `. _ : -`: the same name twice is one run.
    /// Refused beside `schedule`, whose `scheduledAt` names the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$"))]
    pub run_id: Option<String>,
}

impl Request {
    /// Within what time the whole run must have been decided: what the request says, else 5 minutes more than all of
    /// its other limits together.
    #[must_use]
    pub fn run_within(&self) -> Duration {
        let objective = &self.objective;
        objective.run_within_seconds.map_or_else(
            || {
                let held =
                    self.steady_state.probes.iter().map(|probe| probe.hold_for_seconds.duration()).max();
                [
                    self.steady_state.within_seconds.duration(),
                    objective.inject_within_seconds.duration(),
                    objective.give_up_after(),
                    self.minimum_outage(),
                    held.unwrap_or_default(),
                ]
                .into_iter()
                .fold(Duration::from_mins(5), Duration::saturating_add)
            },
            Seconds::duration,
        )
    }
}

impl Request {
    /// How long the failure stays in place after the application has recovered, so that it can be detected.
    #[must_use]
    pub fn minimum_outage(&self) -> Duration {
        self.detection.as_ref().map_or(Duration::ZERO, |of| of.minimum_outage_seconds.duration())
    }

    /// What somebody should know about the windows: the days of the coming year on which one of them does not open.
    pub(crate) fn window_notes(&self, now: crate::Timestamp) -> Vec<String> {
        let windows = self.windows.iter().enumerate();
        let noted = windows.flat_map(|(index, window)| {
            let days = window.never_opens_on(now).into_iter();
            days.map(move |day| {
                format!(
                    "`windows[{index}]` ({} to {}, {}) never opens on {day}: the clocks are put forward over it",
                    window.from, window.to, window.time_zone
                )
            })
        });
        noted.collect()
    }
}

/// How a failure is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Stop EC2 instances; start them again afterwards.
    Stop,
    /// Force an alarm's state through the API: exercises the response behind the alarm, not its detection.
    Alarm,
    /// Publish breaching datapoints on the alarm's own metric: exercises detection and response.
    Metric,
}

impl Mode {
    /// Whether the failure stays until it is undone. A forced alarm is gone in seconds.
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

/// The probes that hold when the application is in its steady state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct SteadyState {
    /// 1 to 20 probes; all of them must hold.
    #[garde(length(min = 1, max = 20), dive)]
    pub probes: Vec<Probe>,
    /// All probes must hold within this many seconds before the failure is injected, or the run is skipped; 1 to 600, 60
    /// by default.
    #[serde(default = "default_within")]
    #[garde(range(min = 1, max = 600))]
    pub within_seconds: Seconds,
}

/// What the playbook promises, and when to stop waiting for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Objective {
    /// The recovery time objective (RTO) in seconds; 1 to 86400.
    #[garde(range(min = 1, max = 86400))]
    pub rto_seconds: Seconds,
    /// The recovery point objective (RPO) in seconds, where one applies. Recorded, not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_seconds: Option<Seconds>,
    /// Recovery must begin within this many seconds, or the verdict is `not-recovered`; at most 86400. By default three
    /// times `rtoSeconds`, and at least 300: an instance may take 90 to stop, and a load balancer a minute to notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(max = 86400))]
    pub give_up_after_seconds: Option<Seconds>,
    /// The rollback, and the steady state after it, must be seen within this many seconds, or the outcome is
    /// `rollback-failed` and operators are paged; 1 to 86400, 1800 by default: an Auto Scaling group may take twenty minutes
    /// until it is whole.
    #[serde(default = "default_restore")]
    #[garde(range(min = 1, max = 86400))]
    pub restore_within_seconds: Seconds,
    /// The failure must be seen in place within this many seconds after the intent was saved; 1 to 3600, 300 by default.
    #[serde(default = "default_inject")]
    #[garde(range(min = 1, max = 3600))]
    pub inject_within_seconds: Seconds,
    /// The run is rolled back once it has taken this many seconds, whatever was learned by then; 1 to 259200. By default
    /// 300 more than all of its other limits together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 1, max = 259_200))]
    pub run_within_seconds: Option<Seconds>,
    /// What a minute of impairment costs, in the application's own currency, for the estimate in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue_per_minute: Option<u32>,
}

impl Objective {
    /// Within what time recovery must begin: what the request says, else three times the recovery time objective, and at
    /// least 5 minutes.
    #[must_use]
    pub fn give_up_after(&self) -> Duration {
        let by_default = || (self.rto_seconds.duration() * 3).max(Duration::from_mins(5));
        self.give_up_after_seconds.map_or_else(by_default, Seconds::duration)
    }
}

const fn default_within() -> Seconds {
    Seconds::new(60)
}
const fn default_restore() -> Seconds {
    Seconds::new(1800)
}
const fn default_inject() -> Seconds {
    Seconds::new(300)
}

/// The alarm that should notice the failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Detection {
    /// The alarm's ARN. Its history tells when the failure was detected.
    pub alarm_arn: Arn,
    /// The failure stays in place for this many seconds although the application has recovered, unless the alarm goes off
    /// before; at most 3600, 0 by default. An alarm goes off only after its whole periods and some minutes: an instance that
    /// is back sooner is never detected.
    #[serde(default)]
    #[garde(range(max = 3600))]
    pub minimum_outage_seconds: Seconds,
}

/// How often a drill must pass; past it the drill is overdue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Cadence {
    /// Days between passes; 1 to 366. Stage 3 of resiliency asks for at most 35.
    #[garde(range(min = 1, max = 366))]
    pub every_days: Days,
}

/// The team's agreed procedure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Playbook {
    /// The URL at which it is kept.
    pub link: url::Url,
    /// Which version of it this drill exercises; 1 to 200 characters.
    #[garde(length(chars, min = 1, max = 200))]
    pub version: String,
    /// The team that owns it; 1 to 200 characters.
    #[garde(length(chars, min = 1, max = 200))]
    pub owner: String,
    /// The severity that the real failure would have, in the team's own scale; 1 to 200 characters.
    #[garde(length(chars, min = 1, max = 200))]
    pub severity: String,
}

/// The schedule or rule that delivered the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Schedule {
    /// The nominal time, before the flexible window (RFC 3339): it names the run. A delivery before it is refused.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub scheduled_at: crate::Timestamp,
    /// The ARN of the EventBridge schedule or rule.
    pub arn: Arn,
    /// Which delivery attempt this is. Recorded only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// The schedule's flexible window in minutes, from whose end lateness counts; at most 1440, 0 by default.
    #[serde(default)]
    #[garde(range(max = 1440))]
    pub flexible_window_minutes: Minutes,
    /// A delivery later than this many seconds does not run; 1 to 86400, 900 by default.
    #[serde(default = "default_late")]
    #[garde(range(min = 1, max = 86400))]
    pub late_after_seconds: Seconds,
}

const fn default_late() -> Seconds {
    Seconds::new(900)
}
