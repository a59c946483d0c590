//! Phase `verifying`: every undo step was confirmed. The run finishes once the steady state holds again and nothing of it
//! can still land.

use super::{
    finish,
    rolling_back::{apply_release, is_overdue, rollback_failed},
};
use crate::{
    Decision, Measured, Observation, ProbeRole, Run, StepObservation, Timestamp,
    run::{Outcome, Phase, StepState},
};

pub(super) fn step(run: &mut Run, observed: &Observation, now: Timestamp) -> Decision {
    super::record_detection(run, observed);
    if let Some(decision) = apply_release(run, now) {
        return decision;
    }
    let mut undone = true;
    for index in 0..run.undo.len() {
        let looked = observed.undone.get(index).unwrap_or(&StepObservation::Unknown);
        match (run.undo[index].progress.state, looked) {
            (StepState::LeftToOperators, _) | (_, StepObservation::Done) => {}
            // A call whose answer was lost was executed after all, or somebody reversed the undo.
            (_, StepObservation::Open | StepObservation::Busy | StepObservation::Drifted(_)) => {
                run.undo_mut()[index].progress.reopen();
                run.unwell_since.get_or_insert(now);
                run.phase = Phase::RollingBack;
                return Decision::Wait;
            }
            (_, StepObservation::Unknown) => undone = false,
        }
    }
    let left = run.undo.iter().any(|step| step.progress.state == StepState::LeftToOperators);
    // Reads of AWS, which are asked for with the probes, may take much longer than these.
    let answered = observed.answers.iter().map(|(_, answer)| answer.answered).max().unwrap_or(now);
    let steady =
        run.streaks_of(ProbeRole::STEADY_STATE).all(|(streak, rule)| streak.holds_now(rule, answered));
    if undone && (steady || left) {
        run.times.steady_again.get_or_insert(now);
        run.unwell_since = None;
        if steady {
            record_failed_back(run);
        }
        if run.nothing_can_land(now) && !run.has_unsent_pages() {
            return finish(run, now);
        }
        return Decision::Wait;
    }
    // While the run only waits for late calls, an unknown does not count against a restored application. A no does, and so
    // does an unknown once there is nothing else to wait for.
    let no = run
        .streaks_of(ProbeRole::STEADY_STATE)
        .any(|(streak, _)| streak.first_yes.is_none() && streak.last_no_answered.is_some());
    if no || run.nothing_can_land(now) {
        run.unwell_since.get_or_insert(now);
    }
    if is_overdue(run, now) && run.outcome != Some(Outcome::RollbackFailed) {
        let missing = run
            .streaks_of(ProbeRole::STEADY_STATE)
            .find(|(streak, rule)| !streak.holds_now(rule, answered))
            .map_or_else(
                || "whether every undo step is still in effect could not be read".to_owned(),
                |(_, rule)| {
                    format!("every undo step is confirmed, but probe `{}` does not hold again", rule.probe)
                },
            );
        rollback_failed(run, missing, now);
    }
    Decision::Wait
}

/// Records when the primary served users again, if traffic had been moved away and back.
fn record_failed_back(run: &mut Run) {
    let Some(done) = run.sent_back().filter_map(|step| step.progress.done).max() else { return };
    let primary = run.streaks_of(&[ProbeRole::Primary]).map(|(streak, _)| streak.clone()).next();
    let measured = match (primary, run.times.failed_back) {
        (None, known) => known.or(Some(Measured::ours(done, 0))),
        // The primary answered before the undo was confirmed: the first of those answers counts.
        (Some(streak), Some(known)) if streak.last_no_answered.is_none() => Some(known),
        (Some(streak), _) => streak.first_yes.map(|first| {
            let before = streak.last_no_asked.unwrap_or(first);
            Measured::ours(first, first.millis_since(before))
        }),
    };
    run.times.failed_back = measured;
}
