//! Target of a drill through an alarm: what a distribution and a database do differently.

use std::{collections::BTreeMap, fmt::Display};

use firedrill_core::{
    CallOutcome, Run, StepObservation, Timestamp, Tristate, UndoStep,
    evidence::Evidence,
    failover::{DatabaseState, FailoverReadiness},
    plan::Permission,
    request::Arn,
    trigger::FailoverPath,
};

use crate::{Failure, NotReady, failure::Answer, ports::Reply};

/// How a failover is undone.
#[derive(Debug)]
pub(super) struct FailoverPlan {
    /// The undo steps, without that of the trigger.
    pub undo: Vec<UndoStep>,
    /// The state of the database before the failover; none if the target is a distribution.
    pub database: Option<DatabaseState>,
    /// The permissions that AWS may check beside those of our own calls.
    pub permissions: Vec<Permission>,
}

/// A resource that an alarm's automation fails over.
pub(super) trait AlarmDrillTarget {
    /// The state of the resource, as AWS describes it.
    type State;

    /// Its ARN.
    fn arn(&self) -> &Arn;

    /// Reads its state.
    fn read(&self, run: &Run, now: Timestamp) -> impl Future<Output = Reply<Self::State>>;

    /// Its tags; none if they could not be read.
    fn tags<'a>(&self, state: &'a Self::State) -> Option<&'a BTreeMap<String, String>>;

    /// Checks that it may fail over along this path, and plans the undo.
    ///
    /// # Errors
    /// It must not fail over, or whether it may is unknown: why.
    fn prepare(
        &self,
        run: &Run,
        state: &Self::State,
        path: &FailoverPath,
        now: Timestamp,
    ) -> Result<FailoverPlan, NotReady>;

    /// Its state in a sentence, for the record and for pages.
    fn describe(&self, run: &Run, state: &Self::State) -> String;

    /// Whether this state shows the run's failover.
    fn failed_over(&self, run: &Run, state: &Self::State) -> Tristate;

    /// Whether this state shows that the run's failover is complete.
    fn completed_failover(&self, run: &Run, state: &Self::State) -> Tristate;

    /// Whether CloudFront reports the run's failover as deployed on all of its edges; unknown of a database.
    fn deployed(&self, run: &Run, state: &Self::State) -> Tristate;

    /// What this state shows of an undo step.
    fn undone(&self, state: &Self::State, step: &UndoStep, now: Timestamp) -> StepObservation;

    /// Carries an undo step out, if a fresh read shows that it is open.
    fn undo(&self, run: &Run, step: &UndoStep, now: Timestamp) -> impl Future<Output = CallOutcome>;

    /// The service's events about the resource since the injection.
    fn events(&self, run: &Run, now: Timestamp) -> impl Future<Output = Reply<Vec<Evidence>>>;

    /// The IAM action of the call that fails it over, and the Region whose control plane executes that call.
    fn call(&self) -> (&'static str, String);
}

/// Checks that the resource can fail over; `already` says why one that has failed over is refused.
///
/// # Errors
/// It has failed over already, must not be moved, or could not be read.
pub(super) fn check_readiness(readiness: FailoverReadiness, already: &str) -> Result<(), NotReady> {
    match readiness {
        FailoverReadiness::Ready => Ok(()),
        FailoverReadiness::Already(what) => Err(NotReady::Refused(format!("{what}: {already}"))),
        FailoverReadiness::Unfit(why) => Err(NotReady::Refused(why)),
        FailoverReadiness::Unknown(why) => Err(NotReady::Unknown(why)),
    }
}

/// The outcome of an undo step that a fresh read shows to need no call now; none if its call is to be sent.
pub(super) fn without_a_call(observed: StepObservation) -> Option<CallOutcome> {
    let (code, message, again) = match observed {
        StepObservation::Open => return None,
        StepObservation::Done => return Some(CallOutcome::Done),
        StepObservation::Busy => {
            ("Busy", "the step is under way, or cannot be done yet; not sent".to_owned(), true)
        }
        StepObservation::Unknown => ("Unknown", "its state could not be read; not sent".to_owned(), true),
        StepObservation::Drifted(both) => {
            ("Drifted", format!("somebody else changed it during the run: {both}; not sent"), false)
        }
    };
    Some(CallOutcome::not_sent(code, message, again))
}

/// The outcome of an undo step that cannot be carried out as the run's head holds it: what is wrong with it, and why.
pub(super) fn unreadable(what: &str, why: impl Display) -> CallOutcome {
    CallOutcome::not_sent("UnreadableRecord", format!("the undo step {what}: {why}; not sent"), false)
}

/// Checks that AWS described what was asked for. It is asked by an id: with the ARN of another account, Region or
/// partition, the answer is about a resource of ours that has the same id.
///
/// # Errors
/// It is another one.
pub(super) fn check_arn(action: &'static str, asked: &Arn, found: &str) -> Result<(), Failure> {
    if found == asked.as_str() {
        return Ok(());
    }
    let answer = Answer::Error { code: "AnotherResource".to_owned(), status: 404 };
    let message = format!("{asked} was not found: what has its id here is {found}");
    Err(Failure { action, answer, message })
}

/// The resource of an undo step: its first one.
///
/// # Errors
/// The step holds no ARN.
pub(super) fn arn_of(step: &UndoStep) -> Result<Arn, CallOutcome> {
    let text = step.resources.first().cloned().unwrap_or_default();
    Arn::try_from(text).map_err(|error| unreadable("names no resource", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_fresh_look_shows_open_is_called() {
        assert_eq!(without_a_call(StepObservation::Open), None);
        assert_eq!(without_a_call(StepObservation::Done), Some(CallOutcome::Done));
        let again = |observed| match without_a_call(observed) {
            Some(CallOutcome::NotExecuted { again, .. }) => again,
            other => panic!("{other:?}"),
        };
        assert!(again(StepObservation::Busy) && again(StepObservation::Unknown));
        assert!(!again(StepObservation::Drifted("it is a; the run set b".to_owned())));
    }
}
