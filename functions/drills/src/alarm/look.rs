//! One look at AWS: the alarm, what fails over, the failover function's journal, and the primary.

use firedrill_core::{
    Measured, Observation, ProbeAnswer, Run, StepObservation, Timestamp, Tristate, evidence::Evidence,
    ports::Clock, request::Mode,
};
use futures_util::future::join5;

use super::{AlarmDrill, AlarmDrillTarget, Cloud, journal};
use crate::{WithFindings, deadline::ReadError, ports::Reply, probe};

/// The name, in the record, of the probe that asks the primary itself.
pub(super) const PRIMARY: &str = "the primary itself";

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// Reads everything at once.
    pub(super) async fn look_at_aws(&self, run: &Run) -> WithFindings<Observation> {
        let asked = self.context.clock.now();
        let (alarm, state, journal, events, primary) = join5(
            self.look_at_alarm(run),
            self.bounded("what fails over", self.resource.read(run, asked)),
            self.journal(run),
            self.bounded("its events", self.resource.events(run, asked)),
            async { if is_primary_needed(run) { self.ask_primary().await } else { None } },
        )
        .await;
        let answered = self.context.clock.now();
        let history = &alarm.history;
        let mut in_place = history.in_place(run);
        if in_place.0 != Tristate::Yes
            && let Some(at) = journal.as_deref().and_then(|journal| journal::in_place(run, journal))
        {
            in_place = (Tristate::Yes, Some(at));
        }
        let state = state.as_ref();
        let failed_over = state.map_or(Tristate::Unknown, |state| self.resource.failed_over(run, state));
        let deployed = state.map_or(Tristate::Unknown, |state| self.resource.deployed(run, state));
        let completed = match (state, journal.as_deref()) {
            (Some(state), Some(journal)) if journal::was_called_for(run, journal) => {
                self.resource.completed_failover(run, state)
            }
            (Some(_), Some(_)) => Tristate::No,
            _ => Tristate::Unknown,
        };
        let called = journal::was_called_for_another(run, journal.as_deref());
        let foreign_alarm = match (history.foreign_alarm(run, completed, answered), called) {
            (Tristate::Yes, _) | (_, Tristate::Yes) => Tristate::Yes,
            // That the run's failover set the alarm off explains the rise only if nothing was done about it.
            (Tristate::No, Tristate::Unknown) if run.own_rise.is_some() => Tristate::Unknown,
            (seen, _) => seen,
        };
        let own_rise = history.rise_by_failover(run, completed, answered);
        let undone: Vec<StepObservation> =
            run.undo.iter().map(|step| self.observe_step(run, step, history, state)).collect();
        let entries = journal.as_deref().unwrap_or_default();
        self.note_concluded(entries);
        let mut findings = self.changes_found(run, &alarm);
        findings.extend(Self::entries_found(run, entries));
        findings.extend(events.unwrap_or_default());
        findings.extend(state.map(|state| self.state_found(asked, self.resource.describe(run, state))));
        findings.extend(primary.as_ref().map(primary_found));
        findings.extend(own_rise.map(|at| Evidence::Note {
            at: answered,
            text: format!(
                "the alarm went to ALARM again at {at} because the failover cut connections: the steady state holds again"
            ),
        }));
        let look = Observation {
            looked: Some(if is_not_yet(run, (failed_over, deployed), &in_place, &undone) {
                asked
            } else {
                answered
            }),
            in_place: in_place.0,
            in_place_at: in_place.1,
            failed_over,
            deployed,
            detected: in_place.1.filter(|_| run.mode == Mode::Metric).map(|at| at.at),
            foreign_alarm,
            own_rise,
            last_rise: history.last_rise(run),
            alarm_read: history.changes.is_some().then_some(asked),
            primary: primary.map_or(Tristate::Unknown, |answer| answer.seen),
            automation_report: journal
                .as_deref()
                .and_then(|journal| journal::report(run, journal).or_else(|| alarm.failed_action())),
            undone,
            ..Observation::default()
        };
        (look, findings)
    }

    /// The state of what fails over, as evidence.
    pub(super) fn state_found(&self, at: Timestamp, state: String) -> Evidence {
        Evidence::Effect { at, resource: self.resource.arn().to_string(), state }
    }

    /// Awaits a read until the call deadline; logs why it gave nothing.
    pub(super) async fn bounded<T>(&self, what: &str, read: impl Future<Output = Reply<T>>) -> Option<T> {
        let read = self.context.read(1, read).await;
        let warn = |error: &ReadError| {
            tracing::warn!(drill = %self.context.request.drill, %error, "{what} cannot be read");
        };
        read.inspect_err(warn).ok()
    }

    /// Whether the primary is healthy, to which the undo moves traffic back; none without a probe of it.
    pub(super) async fn ask_primary(&self) -> Option<ProbeAnswer> {
        let probe = self.context.request.target.primary_probe()?;
        Some(probe::ask(&self.context.cloud, &self.context.clock, probe).await)
    }
}

/// The primary's answer, as evidence.
pub(super) fn primary_found(answer: &ProbeAnswer) -> Evidence {
    Evidence::Probe {
        probe: PRIMARY.to_owned(),
        seen: answer.seen,
        from: answer.asked,
        to: answer.answered,
        answers: 1,
        detail: answer.detail.clone(),
    }
}

/// Whether the primary's own probe is needed: only while an undo step may move traffic onto the primary.
fn is_primary_needed(run: &Run) -> bool {
    run.is_rolling_back() && run.undo.iter().any(|step| step.moves_traffic)
}

/// Whether something has not happened yet: then the look counts from when it was asked for, else from its answer.
fn is_not_yet(
    run: &Run,
    (failed_over, deployed): (Tristate, Tristate),
    in_place: &(Tristate, Option<Measured>),
    undone: &[StepObservation],
) -> bool {
    let has_just_failed_over = failed_over == Tristate::Yes && run.times.failed_over.is_none();
    let is_just_deployed = deployed == Tristate::Yes && run.times.deployed.is_none();
    let open = |step: &StepObservation| {
        matches!(step, StepObservation::Open | StepObservation::Busy | StepObservation::Drifted(_))
    };
    let not_yet = failed_over == Tristate::No || in_place.0 == Tristate::No || undone.iter().any(open);
    not_yet && !has_just_failed_over && !is_just_deployed
}
