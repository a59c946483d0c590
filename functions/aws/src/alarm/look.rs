//! One look at AWS: the alarm, what fails over, what the automation says of itself, and the primary.

use firedrill_core::{
    Answer, Measured, Observation, Run, Seen, StepSeen, Timestamp, evidence::Evidence, failover::Entry,
    ports::Clock, request::Mode,
};

use super::{AlarmDrill, Resource, entries, probes::is_primary_needed, watch::Watching};
use crate::error::Failure;

/// What one look at AWS showed.
pub(super) struct Look {
    asked: Timestamp,
    answered: Timestamp,
    watching: Watching,
    entries: Option<Vec<Entry>>,
    events: Vec<Evidence>,
    told: Option<String>,
    primary: Option<Answer>,
    in_place: (Seen, Option<Measured>),
    foreign_alarm: Seen,
    failed_over: Seen,
    undone: Vec<StepSeen>,
    detected: Option<Timestamp>,
    said: Option<String>,
    /// Whether the failover was known before this look.
    known_failed_over: bool,
}

impl<R: Resource> AlarmDrill<R> {
    pub(super) async fn look(&self, run: &Run) -> Look {
        let asked = self.clock.now();
        let (watching, facts, entries, events, primary) = tokio::join!(
            Box::pin(self.watch(run)),
            Box::pin(self.bounded("what fails over", self.resource.read(run, asked))),
            Box::pin(self.entries(run)),
            Box::pin(self.bounded("its events", self.resource.events(run, asked))),
            Box::pin(async { if is_primary_needed(run) { self.ask_primary().await } else { None } }),
        );
        let answered = self.clock.now();
        let watched = &watching.watched;
        let mut in_place = watched.in_place(run);
        if in_place.0 != Seen::Yes
            && let Some(at) = entries.as_deref().and_then(|entries| entries::in_place(run, entries))
        {
            in_place = (Seen::Yes, Some(at));
        }
        let facts = facts.as_ref();
        Look {
            asked,
            answered,
            foreign_alarm: watched.foreign_alarm(run, answered),
            failed_over: facts.map_or(Seen::Unknown, |facts| self.resource.failed_over(run, facts)),
            undone: run.undo.iter().map(|step| self.step_seen(run, step, watched, facts)).collect(),
            told: facts.map(|facts| self.resource.told(run, facts)),
            detected: in_place.1.filter(|_| run.mode == Mode::Metric).map(|at| at.at),
            said: entries
                .as_deref()
                .and_then(|entries| entries::said(run, entries).or_else(|| watching.failed_action())),
            known_failed_over: run.times.failed_over.is_some(),
            events: events.unwrap_or_default(),
            watching,
            entries,
            primary,
            in_place,
        }
    }

    /// What the record does not have yet.
    pub(super) fn note_look(&mut self, run: &Run, look: &Look) -> Vec<Evidence> {
        let mut new = self.note_changes(run, &look.watching);
        new.extend(self.note_entries(run, look.entries.as_deref().unwrap_or_default()));
        for event in &look.events {
            if let Evidence::Event { at, message, .. } = event
                && self.known.events.insert((*at, message.clone()))
            {
                new.push(event.clone());
            }
        }
        new.extend(look.told.clone().and_then(|told| self.note_told(look.asked, told)));
        new.extend(look.primary.as_ref().and_then(|answer| self.note_primary(answer)));
        new
    }

    /// How what fails over is, whenever that changed.
    pub(super) fn note_told(&mut self, at: Timestamp, told: String) -> Option<Evidence> {
        if self.known.told.as_ref() == Some(&told) {
            return None;
        }
        self.known.told = Some(told.clone());
        Some(Evidence::Effect { at, resource: self.resource.arn().to_string(), state: told })
    }

    /// A read, until the call deadline. What cannot be read is unknown, and logged.
    pub(super) async fn bounded<T>(
        &self,
        what: &str,
        read: impl Future<Output = Result<T, Failure>>,
    ) -> Option<T> {
        let deadline = self.tools.config.timing.call_deadline();
        let failed = match tokio::time::timeout(deadline, read).await {
            Ok(Ok(read)) => return Some(read),
            Ok(Err(failure)) => {
                self.pace.heard(&failure);
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
        let first_seen = self.failed_over == Seen::Yes && !self.known_failed_over;
        let open = |step: &StepSeen| matches!(step, StepSeen::Open | StepSeen::Busy | StepSeen::Drifted(_));
        let not_yet =
            self.failed_over == Seen::No || self.in_place.0 == Seen::No || self.undone.iter().any(open);
        if not_yet && !first_seen { self.asked } else { self.answered }
    }

    pub(super) fn put_into(self, seen: &mut Observation) {
        seen.looked = Some(self.at());
        seen.in_place = self.in_place.0;
        seen.in_place_at = self.in_place.1;
        seen.failed_over = self.failed_over;
        seen.detected = self.detected;
        seen.undone = self.undone;
        seen.primary = self.primary.map_or(Seen::Unknown, |answer| answer.seen);
        seen.foreign_alarm = self.foreign_alarm;
        seen.automation_said = self.said;
    }
}
