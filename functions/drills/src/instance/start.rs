//! Undo of an instance drill: starts all stopped instances with one call, or each with its own if that call fails.

use firedrill_core::{CallOutcome, ports::Clock};
use futures_util::{StreamExt as _, stream};

use super::{Cloud, InstanceDrill, candidates::MAX_CONCURRENT_CALLS};
use crate::ports::{Ids, Instance, outcome};

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    /// Starts those of these instances that are stopped now.
    pub(super) async fn start(&self, ids: &[String]) -> CallOutcome {
        // One call for each of many instances takes long. None is begun after this: an owner mutates for half a
        // lease only.
        let clock = &self.context.clock;
        let until = clock.elapsed() + self.context.settings.timing.call_deadline * 2;
        let stopped = match self.by_ids(ids).await.map(|found| startable(&found)) {
            Ok(Startable::Start(stopped)) => stopped,
            Ok(Startable::AlreadyRunning) => return CallOutcome::Done,
            Ok(Startable::StillStopping(stopping)) => {
                let message = format!("still stopping: {}", stopping.join(", "));
                return CallOutcome::not_sent("StillStopping", message, true);
            }
            // To start a running instance changes nothing, so the call need not wait for a read.
            Err(_) => ids.to_vec(),
        };
        let Some(all) = Ids::new(stopped.clone()) else {
            // EC2's reads take an empty list for *all instances*.
            return CallOutcome::not_sent("NothingNamed", "no instance was named; not sent", false);
        };
        let of_all = outcome(self.context.cloud.start_instances(self.region(), &all, false).await);
        if of_all == CallOutcome::Done || stopped.len() < 2 {
            return of_all;
        }
        // EC2 starts all of them or none: one without its tag, or without capacity, would keep the others stopped.
        let each = stream::iter(stopped).map(async |id| {
            let outcome = if clock.elapsed() < until {
                let one = Ids::one(id.clone());
                outcome(self.context.cloud.start_instances(self.region(), &one, false).await)
            } else {
                let message = "the calls for the others took too long; not sent";
                CallOutcome::not_sent("NoTimeLeft", message, true)
            };
            (id, outcome)
        });
        of_each(of_all, each.buffered(MAX_CONCURRENT_CALLS).collect().await)
    }
}

/// Which instances can be started now, by id.
#[derive(Debug, PartialEq, Eq)]
enum Startable {
    /// These are stopped.
    Start(Vec<String>),
    /// None is stopped or stopping: each is running, about to run, or gone.
    AlreadyRunning,
    /// None is stopped yet, and these are stopping: EC2 cannot start them before they are stopped.
    StillStopping(Vec<String>),
}

fn startable(found: &[Instance]) -> Startable {
    let in_state = |state: &str| -> Vec<String> {
        let matching = found.iter().filter(|instance| instance.state == state);
        matching.map(|instance| instance.id.clone()).collect()
    };
    let (stopped, stopping) = (in_state("stopped"), in_state("stopping"));
    if !stopped.is_empty() {
        Startable::Start(stopped)
    } else if stopping.is_empty() {
        Startable::AlreadyRunning
    } else {
        Startable::StillStopping(stopping)
    }
}

/// The outcome of one call for each instance after one call for all: done only if every call is. A call without an
/// answer, that for all included, decides before any other: it may still be executed.
fn of_each(of_all: CallOutcome, each: Vec<(String, CallOutcome)>) -> CallOutcome {
    if let CallOutcome::Unknown { .. } = of_all {
        return of_all;
    }
    let named = |(id, outcome): (String, CallOutcome)| match outcome {
        CallOutcome::Done => CallOutcome::Done,
        CallOutcome::NotExecuted { code, message, again } => {
            CallOutcome::NotExecuted { code, message: format!("{id}: {message}"), again }
        }
        CallOutcome::Unknown { message } => CallOutcome::Unknown { message: format!("{id}: {message}") },
    };
    let (lost, answered): (Vec<_>, Vec<_>) = each
        .into_iter()
        .map(named)
        .filter(|outcome| *outcome != CallOutcome::Done)
        .partition(|outcome| matches!(outcome, CallOutcome::Unknown { .. }));
    lost.into_iter().chain(answered).next().unwrap_or(CallOutcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> CallOutcome {
        let message = "ec2:StartInstances: denied".to_owned();
        CallOutcome::NotExecuted { code: "UnauthorizedOperation".to_owned(), message, again: false }
    }

    fn lost() -> CallOutcome {
        CallOutcome::Unknown { message: "no answer".to_owned() }
    }

    #[test]
    fn instances_of_which_one_was_not_started_never_count_as_started() {
        let each = |outcomes: [CallOutcome; 3]| -> Vec<(String, CallOutcome)> {
            outcomes.into_iter().enumerate().map(|(n, outcome)| (format!("i-{n}"), outcome)).collect()
        };
        let done = || CallOutcome::Done;
        assert_eq!(of_each(denied(), each([done(), done(), done()])), CallOutcome::Done);
        let CallOutcome::NotExecuted { code, message, again: false } =
            of_each(denied(), each([done(), denied(), denied()]))
        else {
            panic!("one was denied")
        };
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("UnauthorizedOperation", "i-1: ec2:StartInstances: denied")
        );
    }

    #[test]
    fn a_start_whose_answer_was_lost_is_never_forgotten_over_one_that_was_denied() {
        let each = |second| vec![("i-0".to_owned(), denied()), ("i-1".to_owned(), second)];
        assert_eq!(
            of_each(denied(), each(lost())),
            CallOutcome::Unknown { message: "i-1: no answer".to_owned() }
        );
        assert_eq!(of_each(lost(), each(CallOutcome::Done)), lost(), "the call for all may still land");
    }

    #[test]
    fn what_is_still_stopping_never_keeps_what_is_stopped_from_being_started() {
        let instance = |id: &str, state: &str| Instance {
            id: id.to_owned(),
            state: state.to_owned(),
            ..Instance::default()
        };
        let both = [instance("i-0", "stopping"), instance("i-1", "stopped")];
        assert_eq!(startable(&both), Startable::Start(vec!["i-1".to_owned()]));
        assert_eq!(startable(&both[..1]), Startable::StillStopping(vec!["i-0".to_owned()]));
        assert_eq!(startable(&[instance("i-0", "terminated")]), Startable::AlreadyRunning);
    }
}
