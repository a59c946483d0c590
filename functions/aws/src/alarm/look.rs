//! One look at AWS: the alarm, what fails over, what the automation says of itself, and the primary.

use firedrill_core::{
    Measured, Observation, ProbeAnswer, Run, StepObservation, Timestamp, Tristate, evidence::Evidence,
    failover::JournalEntry, ports::Clock, request::Mode,
};

use super::{AlarmDrill, AlarmDrillTarget, history::AlarmLook, journal, probes::is_primary_needed};
use crate::error::Failure;

/// What one look at AWS showed.
pub(super) struct Look {
    asked: Timestamp,
    answered: Timestamp,
    alarm_look: AlarmLook,
    journal: Option<Vec<JournalEntry>>,
    events: Vec<Evidence>,
    description: Option<String>,
    primary: Option<ProbeAnswer>,
    in_place: (Tristate, Option<Measured>),
    foreign_alarm: Tristate,
    failed_over: Tristate,
    undone: Vec<StepObservation>,
    detected: Option<Timestamp>,
    said: Option<String>,
    /// Whether the failover was known before this look.
    known_failed_over: bool,
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    pub(super) async fn look(&self, run: &Run) -> Look {
        let asked = self.clock.now();
        let (alarm_look, state, journal, events, primary) = tokio::join!(
            Box::pin(self.watch(run)),
            Box::pin(self.bounded("what fails over", self.resource.read(run, asked))),
            Box::pin(self.journal(run)),
            Box::pin(self.bounded("its events", self.resource.events(run, asked))),
            Box::pin(async { if is_primary_needed(run) { self.ask_primary().await } else { None } }),
        );
        let answered = self.clock.now();
        let history = &alarm_look.history;
        let mut in_place = history.in_place(run);
        if in_place.0 != Tristate::Yes
            && let Some(at) = journal.as_deref().and_then(|journal| journal::in_place(run, journal))
        {
            in_place = (Tristate::Yes, Some(at));
        }
        let state = state.as_ref();
        Look {
            asked,
            answered,
            foreign_alarm: history.foreign_alarm(run, answered),
            failed_over: state.map_or(Tristate::Unknown, |state| self.resource.failed_over(run, state)),
            undone: run.undo.iter().map(|step| self.step_seen(run, step, history, state)).collect(),
            description: state.map(|state| self.resource.describe(run, state)),
            detected: in_place.1.filter(|_| run.mode == Mode::Metric).map(|at| at.at),
            said: journal
                .as_deref()
                .and_then(|journal| journal::said(run, journal).or_else(|| alarm_look.failed_action())),
            known_failed_over: run.times.failed_over.is_some(),
            events: events.unwrap_or_default(),
            alarm_look,
            journal,
            primary,
            in_place,
        }
    }

    /// What the record does not have yet.
    pub(super) fn note_look(&mut self, run: &Run, look: &Look) -> Vec<Evidence> {
        let mut new = self.note_changes(run, &look.alarm_look);
        new.extend(self.note_journal(run, look.journal.as_deref().unwrap_or_default()));
        for event in &look.events {
            if let Evidence::Event { at, message, .. } = event
                && self.recorded.events.insert((*at, message.clone()))
            {
                new.push(event.clone());
            }
        }
        new.extend(look.description.clone().and_then(|description| self.note_state(look.asked, description)));
        new.extend(look.primary.as_ref().and_then(|answer| self.note_primary(answer)));
        new
    }

    /// How what fails over is, whenever that changed.
    pub(super) fn note_state(&mut self, at: Timestamp, description: String) -> Option<Evidence> {
        if self.recorded.description.as_ref() == Some(&description) {
            return None;
        }
        self.recorded.description = Some(description.clone());
        Some(Evidence::Effect { at, resource: self.resource.arn().to_string(), state: description })
    }

    /// A read, until the call deadline. What cannot be read is unknown, and logged.
    pub(super) async fn bounded<T>(
        &self,
        what: &str,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Option<T> {
        let deadline = self.shared.config.timing.call_deadline();
        let failed = match tokio::time::timeout(deadline, read).await {
            Ok(Ok(read)) => return Some(read),
            Ok(Err(failure)) => {
                self.polling.note_failure(&failure);
                failure.to_string()
            }
            Err(_) => format!("no answer within {} ms", deadline.as_millis()),
        };
        tracing::warn!(drill = %self.request.drill, error = failed, "{what} cannot be read");
        None
    }
}

impl Look {
    /// What is so was so when the answer came; what is not yet so was not when it was asked for.
    fn at(&self) -> Timestamp {
        let first_seen = self.failed_over == Tristate::Yes && !self.known_failed_over;
        let open = |step: &StepObservation| {
            matches!(step, StepObservation::Open | StepObservation::Busy | StepObservation::Drifted(_))
        };
        let not_yet = self.failed_over == Tristate::No
            || self.in_place.0 == Tristate::No
            || self.undone.iter().any(open);
        if not_yet && !first_seen { self.asked } else { self.answered }
    }

    pub(super) fn put_into(self, observed: &mut Observation) {
        observed.looked = Some(self.at());
        observed.in_place = self.in_place.0;
        observed.in_place_at = self.in_place.1;
        observed.failed_over = self.failed_over;
        observed.detected = self.detected;
        observed.undone = self.undone;
        observed.primary = self.primary.map_or(Tristate::Unknown, |answer| answer.seen);
        observed.foreign_alarm = self.foreign_alarm;
        observed.automation_report = self.said;
    }
}
