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
    match contradiction(run, observed, now) {
        Contradiction::None => {}
        Contradiction::Doubtful => return Decision::Wait,
        Contradiction::Seen(reason) => return roll_back(run, Verdict::Inconclusive, reason, now),
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

/// Whether AWS contradicts what it showed before.
enum Contradiction {
    /// It does not, as far as is known.
    None,
    /// One look does. Reads of AWS are eventually consistent: it may show the state from before the last one.
    Doubtful,
    /// Two looks do, further apart than such a read can lag; or one did, and AWS could not be read since. Why the evidence
    /// cannot tell any more whether the application recovered.
    Seen(String),
}

/// Compares this look with what earlier ones showed: the failure in place, or the failover.
fn contradiction(run: &mut Run, observed: &Observation, now: Timestamp) -> Contradiction {
    let (still, what) = if run.mode.lasts() {
        // A recovery after somebody else ended the failure proves nothing about the application.
        (observed.in_place, "somebody else ended the failure before recovery was decided")
    } else if run.times.failed_over.is_some() {
        // An earlier owner may have carried out the undo and died before it could save that.
        let what = "traffic or the writer was moved back to the primary before recovery was decided";
        (observed.failed_over, what)
    } else {
        return Contradiction::None;
    };
    let margin = run.limits.consistency;
    match (still, observed.looked) {
        (Tristate::Yes, _) => run.contrary_since = None,
        (Tristate::No, Some(at)) => {
            let since = *run.contrary_since.get_or_insert(at);
            if at - since >= margin {
                return Contradiction::Seen(what.to_owned());
            }
        }
        (Tristate::No, None) | (Tristate::Unknown, _) => {}
    }
    match run.contrary_since {
        None => Contradiction::None,
        Some(since) if now - since > margin.saturating_add(run.limits.patience) => {
            Contradiction::Seen(format!("{what}, as AWS showed at {since}; it could not be read since"))
        }
        Some(_) => Contradiction::Doubtful,
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
