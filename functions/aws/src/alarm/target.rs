//! What fails over: the little in which a distribution and a database differ.

use firedrill_core::{
    CallOutcome, Readiness, Run, StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{DatabaseState, FailoverReadiness},
    request::Arn,
    trigger::FailoverPath,
};

use crate::error::Failure;

/// What a failover may do, and how it is taken back.
#[derive(Debug)]
pub struct FailoverPlan {
    /// What takes the failover back, beside the trigger's own step.
    pub undo: Vec<UndoStep>,
    /// The database before, if it is one.
    pub database: Option<DatabaseState>,
}

/// Something that an alarm fails over.
pub trait AlarmDrillTarget {
    /// What AWS says of it.
    type State;

    /// Which it is.
    fn arn(&self) -> &Arn;

    /// Looks at it.
    fn read(&self, run: &Run, now: Timestamp) -> impl Future<Output = Result<Self::State, Failure>>;

    /// Whether it may fail over along this way.
    ///
    /// # Errors
    /// Refused, or unknown, and why.
    fn prepare(
        &self,
        run: &Run,
        state: &Self::State,
        path: &FailoverPath,
        now: Timestamp,
    ) -> Result<FailoverPlan, Readiness>;

    /// How it is, for the record.
    fn describe(&self, run: &Run, state: &Self::State) -> String;

    /// Whether the failover is seen in what AWS says.
    fn failed_over(&self, run: &Run, state: &Self::State) -> Tristate;

    /// How this step of the undo stands.
    fn undone(&self, state: &Self::State, step: &UndoStep, now: Timestamp) -> StepObservation;

    /// Carries this step of the undo out, if a fresh look says that it is open.
    fn undo(&self, run: &Run, step: &UndoStep, now: Timestamp) -> impl Future<Output = CallOutcome>;

    /// What the service says happened to it since the injection.
    fn events(&self, run: &Run, now: Timestamp) -> impl Future<Output = Result<Vec<Evidence>, Failure>>;

    /// The call that fails it over, and the Region whose control plane carries it out.
    fn call(&self) -> (&'static str, String);
}

/// What came of asking whether it may fail over.
pub(super) fn ready(looked: FailoverReadiness, already: &str) -> Result<(), Readiness> {
    match looked {
        FailoverReadiness::Ready => Ok(()),
        FailoverReadiness::Already(what) => Err(Readiness::Refused(format!("{what}: {already}"))),
        FailoverReadiness::Unfit(why) => Err(Readiness::Refused(why)),
        FailoverReadiness::Unknown(why) => Err(Readiness::Unknown(why)),
    }
}

/// Not sent, and may be later.
pub(super) fn not_now(code: &str, message: impl Into<String>) -> CallOutcome {
    CallOutcome::NotExecuted { code: code.to_owned(), message: message.into(), again: true }
}

/// What follows from a fresh look at a step that was asked for: none if it is to be called.
pub(super) fn without_a_call(seen: StepObservation) -> Option<CallOutcome> {
    match seen {
        StepObservation::Open => None,
        StepObservation::Done => Some(CallOutcome::Done),
        StepObservation::Busy => {
            Some(not_now("Busy", "it is on its way, or cannot be asked for yet; not sent"))
        }
        StepObservation::Unknown => Some(not_now("Unknown", "how it stands could not be read; not sent")),
        StepObservation::Drifted(both) => Some(CallOutcome::NotExecuted {
            code: "Drifted".to_owned(),
            message: format!("somebody else changed it meanwhile: {both}; not sent"),
            again: false,
        }),
    }
}

/// What a step of the undo is about.
///
/// # Errors
/// The record holds no ARN there.
pub(super) fn arn_of(step: &UndoStep) -> Result<Arn, CallOutcome> {
    let text = step.resources.first().cloned().unwrap_or_default();
    Arn::try_from(text).map_err(|what| CallOutcome::NotExecuted {
        code: "UnreadableRecord".to_owned(),
        message: format!("the undo names no resource: {what}"),
        again: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_fresh_look_shows_open_is_called() {
        assert_eq!(without_a_call(StepObservation::Open), None);
        assert_eq!(without_a_call(StepObservation::Done), Some(CallOutcome::Done));
        let again = |seen| match without_a_call(seen) {
            Some(CallOutcome::NotExecuted { again, .. }) => again,
            other => panic!("{other:?}"),
        };
        assert!(again(StepObservation::Busy) && again(StepObservation::Unknown));
        assert!(!again(StepObservation::Drifted("it is a; the run set b".to_owned())));
    }
}
