//! What one look showed, and what should be done next.

use crate::{
    CallOutcome, Measured, ProbeAnswer, Timestamp, Tristate, UndoStep,
    gate::GateAnswer,
    request::Release,
    run::{Stop, Trigger},
};

/// What was seen of one step of the undo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StepObservation {
    /// It is undone.
    Done,
    /// It is not, and can be asked for.
    Open,
    /// It is on its way, or cannot be asked for yet.
    Busy,
    /// Somebody else changed it meanwhile: neither what was before nor what we set. It is not
    /// overwritten. Holds both versions, for people.
    Drifted(String),
    /// Could not look, or did not.
    #[default]
    Unknown,
}

/// Everything that one look showed. What was not asked is unknown.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The gates, where they were asked.
    pub gates: Vec<GateAnswer>,
    /// The targets, where they were resolved.
    pub prepared: Option<Readiness>,
    /// The probes' answers: (index in the request, answer).
    pub answers: Vec<(usize, ProbeAnswer)>,
    /// When the state of AWS below was asked for; none if it was not, this time. What could not be
    /// read is unknown.
    pub looked: Option<Timestamp>,
    /// Whether the failure of this run is in place, or was: that of an alarm need not last.
    pub in_place: Tristate,
    /// When it was in place, where AWS says so by its own clock.
    pub in_place_at: Option<Measured>,
    /// Whether the trigger has had its effect: the origin configured, the writer moved.
    pub failed_over: Tristate,
    /// When the alarm went off, by CloudWatch's clock.
    pub detected: Option<Timestamp>,
    /// One for each step of the undo.
    pub undone: Vec<StepObservation>,
    /// Whether what traffic would be moved back to is well.
    pub primary: Tristate,
    /// Whether an alarm went off that is not this run's own doing.
    pub foreign_alarm: Tristate,
    /// What the automation behind the trigger said of itself.
    pub automation_report: Option<String>,
    /// A reason to end the run early.
    pub stop: Option<Stop>,
    /// A person's word.
    pub release: Option<Release>,
    /// The number of the latest of them.
    pub last_command: Option<u64>,
    /// What came of the acts since the last look.
    pub results: Vec<DecisionResult>,
}

/// What came of one act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionResult {
    /// Which.
    pub decision: Decision,
    /// Our time just before it was sent; none if it was not.
    pub sent: Option<Timestamp>,
    /// When the answer, or the end of waiting for it, came.
    pub answered: Timestamp,
    /// What came of it.
    pub outcome: CallOutcome,
}

/// The targets, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// This can be injected, and taken back.
    Ready(Box<PreparedInjection>),
    /// Nothing may be injected: why.
    Refused(String),
    /// Could not look: why. Tried again until the baseline's time is over.
    Unknown(String),
}

/// How a failure is caused and taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedInjection {
    /// What is pulled, if the failure is caused through an alarm.
    pub trigger: Option<Trigger>,
    /// What takes it back. Never empty.
    pub undo: Vec<UndoStep>,
}

/// What the loop should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Look again.
    Wait,
    /// Send the injecting call of this number.
    Inject(u32),
    /// Carry out this step of the undo, by index.
    Undo(usize),
}
