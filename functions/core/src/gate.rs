//! Gates: reasons not to start. An unreadable gate is closed.

use serde::{Deserialize, Serialize};

use crate::{
    Request, Timestamp, Tristate, kill_switch,
    ports::{ControlState, StoreError},
    timing::Timing,
};

/// What one gate said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateAnswer {
    /// Its name.
    pub gate: String,
    /// Yes: open.
    pub open: Tristate,
    /// Why.
    pub why: String,
}

impl GateAnswer {
    fn new(gate: &str, open: Tristate, why: impl Into<String>) -> Self {
        Self { gate: gate.to_owned(), open, why: why.into() }
    }
}

/// What the stack allows, whatever a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Applications that may be drilled in production.
    pub production_applications: Vec<String>,
    /// Environments that are not production. Every other one is.
    pub non_production_environments: Vec<String>,
}

/// The gates that need nothing but the request, the stack's policy and the time; asked before every
/// injecting call. Lateness is a matter of the delivery, the lock (one run per application and
/// environment) of the store, the steady state of `step`.
#[must_use]
pub fn from_request(request: &Request, policy: &Policy, now: Timestamp) -> Vec<GateAnswer> {
    vec![production(request, policy), window(request, now)]
}

fn production(request: &Request, policy: &Policy) -> GateAnswer {
    let (environment, application) = (request.environment.as_str(), request.application.as_str());
    let named = |list: &[String], name: &str| list.iter().any(|entry| entry == name);
    if named(&policy.non_production_environments, environment) {
        GateAnswer::new("production", Tristate::Yes, format!("`{environment}` is not production"))
    } else if named(&policy.production_applications, application) {
        GateAnswer::new(
            "production",
            Tristate::Yes,
            format!("the stack allows `{application}` in production"),
        )
    } else {
        GateAnswer::new(
            "production",
            Tristate::No,
            format!(
                "`{environment}` counts as production and the stack's parameter ProductionApplications does not \
                 name `{application}`"
            ),
        )
    }
}

/// Whether a delivery comes too late. Lateness counts from the scheduled time plus the flexible
/// window.
#[must_use]
pub fn lateness(request: &Request, now: Timestamp) -> GateAnswer {
    let Some(schedule) = &request.schedule else {
        return GateAnswer::new("lateness", Tristate::Yes, "not scheduled");
    };
    let window_end =
        schedule.scheduled_at.plus_millis(u64::from(schedule.flexible_window_minutes).saturating_mul(60_000));
    let late = now.millis_since(window_end) / 1_000;
    let open = now <= window_end.plus_millis(u64::from(schedule.late_after_seconds).saturating_mul(1_000));
    let why = format!(
        "{late} s after {} plus {} min; at most {} s",
        schedule.scheduled_at, schedule.flexible_window_minutes, schedule.late_after_seconds
    );
    GateAnswer::new("lateness", open.into(), why)
}

/// The gates that lie in the record: the kill switches and the watchdog's sign of life. Read once before the
/// intent is saved, and again right before the injecting call. What cannot be read is closed.
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
    let switched = kill_switch::engaged(&control_state.switches, now);
    let kill = GateAnswer::new(
        kill,
        switched.is_none().into(),
        switched.map_or_else(|| "none is engaged".to_owned(), ToString::to_string),
    );
    let Some(beat) = control_state.heartbeat else {
        let why = "it was never there: nobody would finish what a dead function leaves behind";
        return [kill, GateAnswer::new(watchdog, Tristate::No, why)];
    };
    // Of another machine: its clock may be ahead of ours.
    let age_ms = now.millis_since(beat).max(beat.millis_since(now));
    let fresh = age_ms <= timing.heartbeat_fresh_ms;
    let limit = timing.heartbeat_fresh_ms / 1_000;
    let why = if fresh {
        "it is there".to_owned()
    } else {
        format!("its last heartbeat, of {beat}, is {} s off; at most {limit} s", age_ms / 1_000)
    };
    [kill, GateAnswer::new(watchdog, fresh.into(), why)]
}

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

/// The first gate that is not known to be open. Not having asked any is a closed gate.
#[must_use]
pub fn closed(answers: &[GateAnswer]) -> Option<String> {
    if answers.is_empty() {
        return Some("the gates were not asked".to_owned());
    }
    let closed = answers.iter().find(|answer| answer.open == Tristate::No);
    let answer = closed.or_else(|| answers.iter().find(|answer| answer.open == Tristate::Unknown))?;
    let state = if answer.open == Tristate::No { "closed" } else { "unreadable" };
    Some(format!("gate `{}` is {state}: {}", answer.gate, answer.why))
}

/// Whether one of them is known to be closed: waiting would not help.
#[must_use]
pub fn is_closed(answers: &[GateAnswer]) -> bool {
    answers.iter().any(|answer| answer.open == Tristate::No)
}
