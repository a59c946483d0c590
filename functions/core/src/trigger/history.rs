//! What an alarm's history says of a run: its own change, and anybody else's.

use crate::{
    Measured, Run, StepObservation, Timestamp, Tristate,
    failover::{AlarmState, run_of},
    request::Mode,
    run::{RunId, by_cloudwatch},
};

/// One change of the trigger's alarm, from its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryChange {
    /// When, by CloudWatch's clock.
    pub at: Timestamp,
    /// To what.
    pub to: AlarmState,
    /// Why.
    pub reason: String,
}

/// What was read of the trigger's alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmHistory {
    /// Its changes since shortly before the injection, oldest first; none if they could not be read.
    pub changes: Option<Vec<HistoryChange>>,
    /// Its state now; none if it could not be read.
    pub state: Option<AlarmState>,
}

/// Whether a change of the trigger's alarm to ALARM, forced in the name of `named` at this moment, is this run's
/// doing. CloudWatch may say that it was up to `early_ms` before the injection.
#[must_use]
pub fn is_caused_by_run(run: &Run, named: Option<&RunId>, at: Timestamp, early_ms: u64) -> bool {
    match run.mode {
        Mode::Stop => false,
        Mode::Alarm => named == Some(&run.run_id),
        // The datapoints carry no name. Until their window is over the alarm goes off because of them.
        Mode::Metric => {
            named.is_none()
                && run.injection_began().is_some_and(|began| at.plus_millis(early_ms) >= began)
                && run.window_end().is_some_and(|end| at <= end)
        }
    }
}

impl AlarmHistory {
    /// CloudWatch's clock may be a little behind ours.
    fn is_ours(run: &Run, change: &HistoryChange) -> bool {
        is_caused_by_run(run, run_of(&change.reason).as_ref(), change.at, run.limits.consistency_ms)
    }

    fn raised(&self) -> impl Iterator<Item = &HistoryChange> + Clone {
        self.changes.iter().flatten().filter(|change| change.to == AlarmState::Alarm)
    }

    /// Whether this run's alarm went off, and when: from the history, which keeps what lasted a second.
    #[must_use]
    pub fn in_place(&self, run: &Run) -> (Tristate, Option<Measured>) {
        if self.changes.is_none() {
            return (Tristate::Unknown, None);
        }
        match self.raised().find(|change| Self::is_ours(run, change)) {
            Some(change) => (Tristate::Yes, Some(by_cloudwatch(change.at))),
            None => (Tristate::No, None),
        }
    }

    /// Whether an alarm went off that is not this run's doing, since a person last ordered to fail back; or
    /// is up now without it.
    #[must_use]
    pub fn foreign_alarm(&self, run: &Run, now: Timestamp) -> Tristate {
        let (Some(changes), Some(began)) = (&self.changes, run.injection_began()) else {
            return Tristate::Unknown;
        };
        let own = self.raised().find(|change| Self::is_ours(run, change)).map(|change| change.at);
        let since = match run.mode {
            // Ours is by CloudWatch's clock; without it, our own must do.
            Mode::Stop | Mode::Alarm => own.unwrap_or(began),
            Mode::Metric => run.window_end().unwrap_or(began),
        };
        let known = run.released_at.map_or(since, |at| at.max(since));
        if self.raised().any(|change| change.at > known && !Self::is_ours(run, change)) {
            return Tristate::Yes;
        }
        let last = changes.last().filter(|change| change.to == AlarmState::Alarm);
        match self.state {
            None => Tristate::Unknown,
            Some(AlarmState::Alarm) => match (run.mode, last) {
                (Mode::Metric, _) => (now > since).into(),
                (_, Some(last)) => (!Self::is_ours(run, last)).into(),
                // Up, and nothing in the history says by whom.
                (_, None) => Tristate::Unknown,
            },
            Some(AlarmState::Ok | AlarmState::InsufficientData) => Tristate::No,
        }
    }

    /// How setting the alarm back stands. What is up because of somebody else is not ours to set back.
    #[must_use]
    pub fn set_back(&self, run: &Run) -> StepObservation {
        match self.state {
            None => StepObservation::Unknown,
            Some(AlarmState::Ok | AlarmState::InsufficientData) => StepObservation::Done,
            Some(AlarmState::Alarm) => match (&self.changes, self.raised().last()) {
                (None, _) => StepObservation::Unknown,
                (Some(_), Some(last)) if Self::is_ours(run, last) => StepObservation::Open,
                (Some(_), _) => StepObservation::Done,
            },
        }
    }

    /// How ending the publication stands: over, once the last datapoint's window is.
    #[must_use]
    pub fn window_over(run: &Run, now: Timestamp) -> StepObservation {
        if run.window_end().is_none_or(|end| now > end) {
            StepObservation::Done
        } else {
            StepObservation::Busy
        }
    }
}
