//! What fails over: the little in which a distribution and a database differ.

use firedrill_core::{
    CallOutcome, Prepared, Run, Seen, StepSeen, Timestamp, UndoStep,
    evidence::Evidence,
    failover::{DatabaseFacts, Looked},
    lever::Way,
    request::Arn,
};

use crate::error::Failure;

/// What a failover may do, and how it is taken back.
#[derive(Debug)]
pub struct Ground {
    /// What takes the failover back, beside the lever's own step.
    pub undo: Vec<UndoStep>,
    /// The database before, if it is one.
    pub database: Option<DatabaseFacts>,
}

/// Something that an alarm fails over.
pub trait Resource {
    /// What AWS says of it.
    type Facts;

    /// Which it is.
    fn arn(&self) -> &Arn;

    /// Looks at it.
    fn read(&self, run: &Run, now: Timestamp) -> impl Future<Output = Result<Self::Facts, Failure>>;

    /// Whether it may fail over along this way.
    ///
    /// # Errors
    /// Refused, or unknown, and why.
    fn prepare(&self, run: &Run, facts: &Self::Facts, way: &Way, now: Timestamp) -> Result<Ground, Prepared>;

    /// How it is, for the record.
    fn told(&self, run: &Run, facts: &Self::Facts) -> String;

    /// Whether the failover is seen in what AWS says.
    fn failed_over(&self, run: &Run, facts: &Self::Facts) -> Seen;

    /// How this step of the undo stands.
    fn undone(&self, facts: &Self::Facts, step: &UndoStep, now: Timestamp) -> StepSeen;

    /// Carries this step of the undo out, if a fresh look says that it is open.
    fn undo(&self, run: &Run, step: &UndoStep, now: Timestamp) -> impl Future<Output = CallOutcome>;

    /// What the service says happened to it since the injection.
    fn events(&self, run: &Run, now: Timestamp) -> impl Future<Output = Result<Vec<Evidence>, Failure>>;

    /// The call that fails it over, and the Region whose control plane carries it out.
    fn call(&self) -> (&'static str, String);
}

/// What came of asking whether it may fail over.
pub(super) fn ready(looked: Looked, already: &str) -> Result<(), Prepared> {
    match looked {
        Looked::Ready => Ok(()),
        Looked::Already(what) => Err(Prepared::Refused(format!("{what}: {already}"))),
        Looked::Unfit(why) => Err(Prepared::Refused(why)),
        Looked::Unknown(why) => Err(Prepared::Unknown(why)),
    }
}

/// Not sent, and may be later.
pub(super) fn not_now(code: &str, message: impl Into<String>) -> CallOutcome {
    CallOutcome::NotExecuted { code: code.to_owned(), message: message.into(), again: true }
}

/// What follows from a fresh look at a step that was asked for: none if it is to be called.
pub(super) fn without_a_call(seen: StepSeen) -> Option<CallOutcome> {
    match seen {
        StepSeen::Open => None,
        StepSeen::Done => Some(CallOutcome::Done),
        StepSeen::Busy => Some(not_now("Busy", "it is on its way, or cannot be asked for yet; not sent")),
        StepSeen::Unknown => Some(not_now("Unknown", "how it stands could not be read; not sent")),
        StepSeen::Drifted(both) => Some(CallOutcome::NotExecuted {
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
        assert_eq!(without_a_call(StepSeen::Open), None);
        assert_eq!(without_a_call(StepSeen::Done), Some(CallOutcome::Done));
        let again = |seen| match without_a_call(seen) {
            Some(CallOutcome::NotExecuted { again, .. }) => again,
            other => panic!("{other:?}"),
        };
        assert!(again(StepSeen::Busy) && again(StepSeen::Unknown));
        assert!(!again(StepSeen::Drifted("it is a; the run set b".to_owned())));
    }
}
