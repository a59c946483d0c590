//! Starts what was stopped: all with one call, and each on its own if that does not do.

use firedrill_core::{CallOutcome, ports::Clock};
use futures_util::{StreamExt, stream};

use super::{InstanceDrill, groups};
use crate::ec2::Instance;

impl InstanceDrill {
    /// Starts those of these instances that are stopped now.
    pub(super) async fn start(&self, ids: &[String]) -> CallOutcome {
        // Calls of one's own for many instances take long. None is begun later than this: half a lease is short.
        let until = self.clock.elapsed() + self.config.timing.call_deadline() * 2;
        let wanted = match self.aws.ec2.by_ids(ids).await {
            Ok(found) => match startable(&found) {
                Ok(stopped) => stopped,
                Err(outcome) => return outcome,
            },
            // Starting what runs already does nothing, so not knowing is no reason to wait.
            Err(_) => ids.to_vec(),
        };
        let of_all = self.aws.ec2.start(&wanted).await;
        if of_all == CallOutcome::Done || wanted.len() < 2 {
            return of_all;
        }
        // EC2 starts all of them or none: one that lacks its tag, or capacity, would keep the others stopped.
        let each = stream::iter(wanted).map(async |id| {
            let outcome = if self.clock.elapsed() < until {
                self.aws.ec2.start(std::slice::from_ref(&id)).await
            } else {
                not_now("NoTimeLeft", "the calls for the others took too long; not sent".to_owned())
            };
            (id, outcome)
        });
        of_each(of_all, each.buffered(groups::MAX_CONCURRENT_CALLS).collect().await)
    }
}

/// Those that are stopped; or why none is to be started now. One that is still stopping cannot be yet.
fn startable(found: &[Instance]) -> Result<Vec<String>, CallOutcome> {
    let in_state = |state: &str| -> Vec<String> {
        let there = found.iter().filter(|instance| instance.state == state);
        there.map(|instance| instance.id.clone()).collect()
    };
    let (stopped, stopping) = (in_state("stopped"), in_state("stopping"));
    if !stopped.is_empty() {
        Ok(stopped)
    } else if stopping.is_empty() {
        Err(CallOutcome::Done)
    } else {
        Err(not_now("StillStopping", format!("still stopping: {}", stopping.join(", "))))
    }
}

/// What came of starting each on its own after a call for all of them: done only if every one is. An answer that was
/// lost comes first, that of the call for all among them: it may still land, and nothing is over before it has.
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

fn not_now(code: &str, message: String) -> CallOutcome {
    CallOutcome::NotExecuted { code: code.to_owned(), message, again: true }
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
        assert_eq!(startable(&both), Ok(vec!["i-1".to_owned()]));
        assert!(matches!(startable(&both[..1]), Err(CallOutcome::NotExecuted { again: true, .. })));
        assert_eq!(startable(&[instance("i-0", "terminated")]), Err(CallOutcome::Done));
    }
}
