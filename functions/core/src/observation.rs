//! Observation and decision: what one look showed, and what the run loop does next.

use crate::{
    CallOutcome, Measured, ProbeAnswer, Timestamp, Tristate, UndoStep,
    gate::GateAnswer,
    request::Release,
    run::{Stop, Trigger},
};

/// The state of one undo step, as one look showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StepObservation {
    /// It is done.
    Done,
    /// It is not done, and its call can be sent.
    Open,
    /// It is in progress, or its call cannot be sent yet.
    Busy,
    /// Somebody else changed the resource meanwhile: it is neither as before the run nor as the run set it. It is not
    /// overwritten. Holds both versions, for operators.
    Drifted(String),
    /// It could not be read, or was not.
    #[default]
    Unknown,
}

/// Everything that one look showed. What was not asked for is unknown.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The gates that were read.
    pub gates: Vec<GateAnswer>,
    /// Whether the run could inject; `None` if the targets were not resolved this time.
    pub prepared: Option<Readiness>,
    /// The probes' answers: (index in the request, answer).
    pub answers: Vec<(usize, ProbeAnswer)>,
    /// When the state of AWS (the fields below) was read; `None` if it was not, this time.
    pub looked: Option<Timestamp>,
    /// Whether the failure is in place; in modes `alarm` and `metric` also whether it was, because it need not last.
    pub in_place: Tristate,
    /// When it was first in place, if AWS tells by its own clock.
    pub in_place_at: Option<Measured>,
    /// Whether the trigger has had its effect: the origin configured, the writer moved.
    pub failed_over: Tristate,
    /// Whether CloudFront reports the failover as deployed everywhere.
    pub deployed: Tristate,
    /// When the alarm that detects the failure went to ALARM, by CloudWatch's clock.
    pub detected: Option<Timestamp>,
    /// The state of each undo step, in the order of the undo.
    pub undone: Vec<StepObservation>,
    /// Whether the primary, which traffic would be moved back to, is healthy.
    pub primary: Tristate,
    /// Whether the alarm went to ALARM without this run.
    pub foreign_alarm: Tristate,
    /// When the alarm went to ALARM because the run's failover cut connections, if that is known now.
    pub own_rise: Option<Timestamp>,
    /// When the alarm last went to ALARM without naming this run since the injection.
    pub last_rise: Option<Timestamp>,
    /// When the alarm's history was asked for; `None` if it could not be read, or was not, this time.
    pub alarm_read: Option<Timestamp>,
    /// What the failover function's journal says about this run's change.
    pub automation_report: Option<String>,
    /// A reason to end the run early.
    pub stop: Option<Stop>,
    /// A release that an operator gave since the last look.
    pub release: Option<Release>,
    /// The number of the latest operator command that was read.
    pub last_command: Option<u64>,
    /// The outcomes of the calls since the last look.
    pub results: Vec<DecisionResult>,
}

/// The outcome of carrying out one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionResult {
    /// The decision.
    pub decision: Decision,
    /// When its call was sent, by our clock; `None` if it was not.
    pub sent: Option<Timestamp>,
    /// When the answer came, or the call deadline ended the wait.
    pub answered: Timestamp,
    /// The outcome of the call.
    pub outcome: CallOutcome,
}

/// Whether a run could inject, once its targets are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// This can be injected and undone.
    Ready(Box<PreparedInjection>),
    /// Nothing may be injected: why.
    Refused(String),
    /// It could not be read: why. Tried again until `steadyState.withinSeconds` is over.
    Unknown(String),
}

/// How a failure is injected and undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedInjection {
    /// The trigger, if the drill works through an alarm.
    pub trigger: Option<Trigger>,
    /// The undo steps. Never empty.
    pub undo: Vec<UndoStep>,
}

/// What the run loop does next, after saving the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing but to look again.
    Wait,
    /// Send the injecting call of this number.
    Inject(u32),
    /// Send the call of this undo step, by index.
    Undo(usize),
}
