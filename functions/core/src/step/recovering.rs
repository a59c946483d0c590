//! The failure is in place; the application should recover by itself.

use super::{note_detected, roll_back, stop_reason};
use crate::{
    Act, Observation, Run, Seen, Timestamp,
    recovery::{Judgement, judge},
    run::Verdict,
};

pub(super) fn step(run: &mut Run, seen: &Observation, now: Timestamp) -> Act {
    note_detected(run, seen);
    if let Some(reason) = stop_reason(run) {
        return roll_back(run, Verdict::Stopped, reason, now);
    }
    // What recovers once somebody took the failure away proves nothing about the standby.
    if run.mode.lasts() && seen.in_place == Seen::No {
        let reason = "the failure was ended by somebody else before recovery was decided".to_owned();
        return roll_back(run, Verdict::Inconclusive, reason, now);
    }
    match judge(run, now) {
        Judgement::Wait => Act::Wait,
        Judgement::Decided { verdict, recovered, impaired, reason } => {
            run.times.recovered = recovered;
            run.impaired = impaired;
            roll_back(run, verdict, reason, now)
        }
    }
}
