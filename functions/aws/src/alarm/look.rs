//! One look at AWS: the alarm, what fails over, the failover function's journal, and the primary.

use firedrill_core::{
    Measured, Observation, ProbeAnswer, Run, StepObservation, Timestamp, Tristate, evidence::Evidence,
    failover::JournalEntry, ports::Clock, request::Mode,
};

use super::{AlarmDrill, AlarmDrillTarget, history::AlarmLook, journal, probes::is_primary_needed};
use crate::error::{Failure, ReadError, read_within};

/// The observations of one look at AWS.
pub(super) struct Look {
    asked: Timestamp,
    answered: Timestamp,
    alarm: AlarmLook,
    journal: Option<Vec<JournalEntry>>,
    events: Vec<Evidence>,
    description: Option<String>,
    primary: Option<ProbeAnswer>,
    in_place: (Tristate, Option<Measured>),
    foreign_alarm: Tristate,
    failed_over: Tristate,
    undone: Vec<StepObservation>,
    detected: Option<Timestamp>,
    automation_report: Option<String>,
    /// Whether the failover was on record before this look.
    was_failed_over: bool,
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// Reads everything at once.
    pub(super) async fn look(&self, run: &Run) -> Look {
        let asked = self.clock.now();
        let (alarm, state, journal, events, primary) = tokio::join!(
            Box::pin(self.look_at_alarm(run)),
            Box::pin(self.bounded("what fails over", self.resource.read(run, asked))),
            Box::pin(self.journal(run)),
            Box::pin(self.bounded("its events", self.resource.events(run, asked))),
            Box::pin(async { if is_primary_needed(run) { self.ask_primary().await } else { None } }),
        );
        let answered = self.clock.now();
        let history = &alarm.history;
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
            undone: run.undo.iter().map(|step| self.observe_step(run, step, history, state)).collect(),
            description: state.map(|state| self.resource.describe(run, state)),
            detected: in_place.1.filter(|_| run.mode == Mode::Metric).map(|at| at.at),
            automation_report: journal
                .as_deref()
                .and_then(|journal| journal::report(run, journal).or_else(|| alarm.failed_action())),
            was_failed_over: run.times.failed_over.is_some(),
            events: events.unwrap_or_default(),
            alarm,
            journal,
            primary,
            in_place,
        }
    }

    /// The evidence of this look that is not recorded yet.
    pub(super) fn note_look(&mut self, run: &Run, look: &Look) -> Vec<Evidence> {
        let mut new = self.note_changes(run, &look.alarm);
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

    /// The state of what fails over as evidence, if it differs from the recorded one.
    pub(super) fn note_state(&mut self, at: Timestamp, description: String) -> Option<Evidence> {
        if self.recorded.description.as_ref() == Some(&description) {
            return None;
        }
        self.recorded.description = Some(description.clone());
        Some(Evidence::Effect { at, resource: self.resource.arn().to_string(), state: description })
    }

    /// Awaits a read until the call deadline; logs why it gave nothing.
    pub(super) async fn bounded<T>(
        &self,
        what: &str,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Option<T> {
        let error = match read_within(self.shared.settings.timing.call_deadline, read).await {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        if let ReadError::Failed(failure) = &error {
            self.polling.note_failure(failure);
        }
        tracing::warn!(drill = %self.request.drill, %error, "{what} cannot be read");
        None
    }
}

impl Look {
    /// The time of the look: of its answer for what has happened, of its question for what has not happened yet.
    fn at(&self) -> Timestamp {
        let has_just_failed_over = self.failed_over == Tristate::Yes && !self.was_failed_over;
        let open = |step: &StepObservation| {
            matches!(step, StepObservation::Open | StepObservation::Busy | StepObservation::Drifted(_))
        };
        let not_yet = self.failed_over == Tristate::No
            || self.in_place.0 == Tristate::No
            || self.undone.iter().any(open);
        if not_yet && !has_just_failed_over { self.asked } else { self.answered }
    }

    pub(super) fn write_to(self, observed: &mut Observation) {
        observed.looked = Some(self.at());
        observed.in_place = self.in_place.0;
        observed.in_place_at = self.in_place.1;
        observed.failed_over = self.failed_over;
        observed.detected = self.detected;
        observed.undone = self.undone;
        observed.primary = self.primary.map_or(Tristate::Unknown, |answer| answer.seen);
        observed.foreign_alarm = self.foreign_alarm;
        observed.automation_report = self.automation_report;
    }
}
