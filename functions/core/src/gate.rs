//! Gate: a reason not to inject. A gate that cannot be read is closed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Request, Timestamp, Tristate,
    environment::Environment,
    kill_switch,
    ports::{ControlState, StoreError},
    request::Name,
    timing::Timing,
};

/// The state of one gate when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateAnswer {
    /// The gate's name, such as `kill switch`.
    pub gate: String,
    /// Whether it is open. Unknown if it could not be read.
    pub open: Tristate,
    /// Why it is open, closed or unreadable.
    pub why: String,
}

impl GateAnswer {
    /// The state of this gate, and why.
    #[must_use]
    pub fn new(gate: &str, open: Tristate, why: impl Into<String>) -> Self {
        Self { gate: gate.to_owned(), open, why: why.into() }
    }
}

/// What the stack's parameters allow, whatever a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Applications that may be drilled in production.
    pub production_applications: Vec<String>,
    /// Environments that are not production. Every other one is.
    pub non_production_environments: Vec<String>,
    /// Whether a drill in production touches only what carries the name of its environment in the tag
    /// `firedrill:environment`.
    pub require_environment_tag: bool,
}

impl Policy {
    /// Whether this environment counts as production.
    fn is_production(&self, environment: &Name) -> bool {
        !self.non_production_environments.iter().any(|name| name == environment.as_str())
    }

    /// The environment of this request, as this policy sees it.
    #[must_use]
    pub fn environment<'a>(&self, request: &'a Request) -> Environment<'a> {
        let name = &request.environment;
        Environment { name, tag_required: self.require_environment_tag && self.is_production(name) }
    }
}

/// The gates that depend only on the request, the stack's policy and the time: `production` and `window`. Read before every
/// injecting call. Elsewhere: [`earliness`], [`lateness`], [`recorded`], the lock in the store, the steady state in `step`.
#[must_use]
pub fn from_request(request: &Request, policy: &Policy, now: Timestamp) -> Vec<GateAnswer> {
    vec![production(request, policy), window(request, now)]
}

/// The gate `production`: whether the application may be drilled in this environment.
fn production(request: &Request, policy: &Policy) -> GateAnswer {
    let (environment, application) = (&request.environment, request.application.as_str());
    let (open, why) = if !policy.is_production(environment) {
        (Tristate::Yes, format!("`{environment}` is not production"))
    } else if policy.production_applications.iter().any(|name| name == application) {
        (Tristate::Yes, format!("the stack allows `{application}` in production"))
    } else {
        let why = "counts as production and the stack's parameter ProductionApplications does not name";
        (Tristate::No, format!("`{environment}` {why} `{application}`"))
    };
    GateAnswer::new("production", open, why)
}

/// The gate `earliness`: closed if the delivery comes before its scheduled time, by more than clocks may differ (`margin`).
#[must_use]
pub fn earliness(request: &Request, margin: Duration, now: Timestamp) -> GateAnswer {
    let Some(schedule) = &request.schedule else {
        return GateAnswer::new("earliness", Tristate::Yes, "not scheduled");
    };
    let early = schedule.scheduled_at.millis_since(now) / 1_000;
    let open = schedule.scheduled_at <= now + margin;
    let why = format!("{early} s before {}; at most {} s", schedule.scheduled_at, margin.as_secs());
    GateAnswer::new("earliness", open.into(), why)
}

/// The gate `lateness`: closed if the delivery comes too late, counted from the scheduled time plus the flexible window.
#[must_use]
pub fn lateness(request: &Request, now: Timestamp) -> GateAnswer {
    let Some(schedule) = &request.schedule else {
        return GateAnswer::new("lateness", Tristate::Yes, "not scheduled");
    };
    let window_end = schedule.scheduled_at + schedule.flexible_window_minutes.duration();
    let late = now.millis_since(window_end) / 1_000;
    let open = now <= window_end + schedule.late_after_seconds.duration();
    let why = format!(
        "{late} s after {} plus {} min; at most {} s",
        schedule.scheduled_at, schedule.flexible_window_minutes, schedule.late_after_seconds
    );
    GateAnswer::new("lateness", open.into(), why)
}

/// The gates kept in the record: `kill switch` and `watchdog` (its heartbeat). Read once before the intent is saved, and again
/// right before the injecting call.
#[must_use]
pub fn recorded(
    control_state: &Result<ControlState, StoreError>,
    timing: &Timing,
    now: Timestamp,
) -> [GateAnswer; 2] {
    let (kill, watchdog) = ("kill switch", "watchdog");
    let control_state = match control_state {
        Ok(control_state) => control_state,
        Err(error) => {
            return [kill, watchdog].map(|gate| GateAnswer::new(gate, Tristate::Unknown, error.to_string()));
        }
    };
    let engaged = kill_switch::engaged(&control_state.switches, now);
    let kill = GateAnswer::new(
        kill,
        engaged.is_none().into(),
        engaged.map_or_else(|| "no kill switch is engaged".to_owned(), ToString::to_string),
    );
    let Some(beat) = control_state.heartbeat else {
        let why =
            "the watchdog has never written a heartbeat: nobody would roll back a run whose function dies";
        return [kill, GateAnswer::new(watchdog, Tristate::No, why)];
    };
    // Another machine wrote it, whose clock may be ahead of ours.
    let age = (now - beat).max(beat - now);
    let fresh = age <= timing.heartbeat_fresh;
    let limit = timing.heartbeat_fresh.as_secs();
    let why = if fresh {
        "its heartbeat is fresh".to_owned()
    } else {
        format!("its last heartbeat, of {beat}, is {} s away from now; the limit is {limit} s", age.as_secs())
    };
    [kill, GateAnswer::new(watchdog, fresh.into(), why)]
}

/// The gate `window`: whether one of the request's windows is open.
fn window(request: &Request, now: Timestamp) -> GateAnswer {
    if request.windows.is_empty() {
        return GateAnswer::new("window", Tristate::Yes, "the request names no window");
    }
    let open: Vec<Option<bool>> = request.windows.iter().map(|window| window.is_open(now)).collect();
    if open.contains(&Some(true)) {
        GateAnswer::new("window", Tristate::Yes, format!("open at {now}"))
    } else if open.contains(&None) {
        GateAnswer::new("window", Tristate::Unknown, "a window of the request cannot be read")
    } else {
        GateAnswer::new("window", Tristate::No, format!("no window of the request is open at {now}"))
    }
}

/// Why nothing may be injected: the first gate that is closed, else the first that could not be read; `None` if all are open.
/// No gate at all counts as closed.
#[must_use]
pub fn closed(answers: &[GateAnswer]) -> Option<String> {
    if answers.is_empty() {
        return Some("the gates were not read".to_owned());
    }
    let closed = answers.iter().find(|answer| answer.open == Tristate::No);
    let answer = closed.or_else(|| answers.iter().find(|answer| answer.open == Tristate::Unknown))?;
    let state = if answer.open == Tristate::No { "closed" } else { "unreadable" };
    Some(format!("gate `{}` is {state}: {}", answer.gate, answer.why))
}

/// Whether a gate is known to be closed, so that waiting would not help.
#[must_use]
pub fn is_closed(answers: &[GateAnswer]) -> bool {
    answers.iter().any(|answer| answer.open == Tristate::No)
}
