//! The failure is in place; the application should recover by itself.

use super::{past_deadline, real_incident, record_detection, roll_back, stop_reason};
use crate::{
    Decision, Observation, Run, Timestamp, Tristate,
    recovery::{Judgement, judge},
    run::Verdict,
};

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    record_detection(run, observed);
    if let Some(reason) = stop_reason(run) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    if let Some(reason) = real_incident(run, observed).or_else(|| past_deadline(run, now)) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    // What recovers once somebody took the failure away proves nothing about the standby.
    if run.mode.lasts() && observed.in_place == Tristate::No {
        let reason = "the failure was ended by somebody else before recovery was decided".to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    // An undo may have been carried out by somebody who could not write that down, and died.
    if run.trigger.is_some() && run.times.failed_over.is_some() && observed.failed_over == Tristate::No {
        let reason = "what had failed over was moved back before recovery was decided".to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    match judge(run, now) {
        Judgement::Wait => Decision::Wait,
        Judgement::Decided { verdict: Verdict::NotRecovered, .. } if may_have_been_missed(run) => {
            let reason = "for a while nobody could look: it may have recovered, and failed again".to_owned();
            roll_back(run, Verdict::Inconclusive, reason, now)
        }
        Judgement::Decided { verdict, recovered, serving_standby, impaired, reason } => {
            run.times.recovered = recovered;
            run.times.serving_standby = serving_standby;
            run.impaired = impaired;
            let reason = match (&run.automation_report, verdict) {
                (Some(said), verdict) if verdict != Verdict::Recovered => format!("{reason}; {said}"),
                _ => reason,
            };
            roll_back(run, verdict, reason, now)
        }
    }
}

/// A holder that died may have seen the recovery, and carried out the undo, without being able to write that
/// down; and one may have gone unseen for which answers were lost for long enough.
fn may_have_been_missed(run: &Run) -> bool {
    run.injection.as_ref().is_some_and(|injection| injection.unobserved)
}
