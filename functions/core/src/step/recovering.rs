//! Phase `recovering`: the failure is in place, and the application should recover by itself.

use super::{early_end, record_detection, roll_back};
use crate::{
    Decision, Observation, Run, Timestamp, Tristate,
    recovery::{Judgement, judge},
    run::Verdict,
};

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    record_detection(run, observed);
    if let Some(reason) = early_end(run, observed, now) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    // A recovery after somebody else ended the failure proves nothing about the application.
    if run.mode.lasts() && observed.in_place == Tristate::No {
        let reason = "somebody else ended the failure before recovery was decided".to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    // An earlier owner may have carried out the undo and died before it could save that.
    if run.trigger.is_some() && run.times.failed_over.is_some() && observed.failed_over == Tristate::No {
        let reason =
            "traffic or the writer was moved back to the primary before recovery was decided".to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    match judge(run, now) {
        Judgement::Wait => Decision::Wait,
        Judgement::Decided { verdict: Verdict::NotRecovered, .. } if may_have_been_missed(run) => {
            let reason = "nobody could look for a while: the application may have recovered and failed again"
                .to_owned();
            roll_back(run, Verdict::Inconclusive, reason, now)
        }
        // Users are served again; what should notice the failure may need longer.
        Judgement::Decided { verdict: Verdict::Recovered | Verdict::ObjectiveMissed, .. }
            if is_to_stay(run, now) =>
        {
            Decision::Wait
        }
        Judgement::Decided { verdict, recovered, serving_standby, impaired, reason } => {
            run.times.recovered = recovered;
            run.times.serving_standby = serving_standby;
            run.impaired = impaired;
            let reason = match (&run.automation_report, verdict) {
                (Some(report), verdict) if verdict != Verdict::Recovered => format!("{reason}; {report}"),
                _ => reason,
            };
            roll_back(run, verdict, reason, now)
        }
    }
}

/// Whether the request lets the failure stay in place for longer, so that it can be detected.
fn is_to_stay(run: &Run, now: Timestamp) -> bool {
    let in_place = run.times.in_place.map_or(now, |at| at.at);
    run.mode.lasts() && run.times.detected.is_none() && now < in_place + run.limits.minimum_outage
}

/// Whether a recovery may have gone unobserved: an owner that died may have seen it without saving it, or answers were
/// lost for long enough.
fn may_have_been_missed(run: &Run) -> bool {
    run.injection.as_ref().is_some_and(|injection| injection.unobserved)
}
