//! Alarm history: which changes of the trigger's alarm a run caused, and which it did not.

use std::time::Duration;

use crate::{
    Measured, Run, StepObservation, Timestamp, Tristate,
    failover::{AlarmState, run_of},
    request::Mode,
    run::{RunId, by_cloudwatch},
};

/// A change of an alarm's state, from its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUpdate {
    /// When, by CloudWatch's clock. Up to a millisecond early: times come as seconds in floating point, and the SDK cuts them
    /// off to milliseconds (`aws-smithy-cbor`, `Decoder::timestamp`).
    pub at: Timestamp,
    /// The state before, if the history says.
    pub from: Option<AlarmState>,
    /// The state since.
    pub to: AlarmState,
    /// The reason: CloudWatch's, or that of the caller who forced the state. Empty if the history does not say.
    pub reason: String,
    /// The summary, a sentence.
    pub summary: String,
}

/// The trigger's alarm, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmHistory {
    /// Its changes since shortly before the injection, oldest first; `None` if they could not be read.
    pub changes: Option<Vec<StateUpdate>>,
    /// Its state now; `None` if it could not be read.
    pub state: Option<AlarmState>,
}

/// Whether this run caused a change of the trigger's alarm to ALARM at this moment; `named` is the run named in the change's
/// reason, if any. CloudWatch's clock may put the change up to `early` before the injection.
#[must_use]
pub fn is_caused_by_run(run: &Run, named: Option<&RunId>, at: Timestamp, early: Duration) -> bool {
    match run.mode {
        Mode::Stop => false,
        Mode::Alarm => named == Some(&run.run_id),
        // Datapoints carry no run id: until their window is over, the change is taken for theirs.
        Mode::Metric => {
            named.is_none()
                && run.injection_began().is_some_and(|began| at + early >= began)
                && run.window_end().is_some_and(|end| at <= end)
        }
    }
}

impl AlarmHistory {
    /// Whether this run set the alarm, allowing for a CloudWatch clock a little behind ours.
    fn is_set(run: &Run, change: &StateUpdate) -> bool {
        is_caused_by_run(run, run_of(&change.reason).as_ref(), change.at, run.limits.consistency)
    }

    /// Whether this run caused the change, by setting the alarm or by the failover that followed.
    fn is_ours(run: &Run, change: &StateUpdate) -> bool {
        Self::is_set(run, change) || run.own_rise == Some(change.at)
    }

    /// The changes to ALARM.
    fn raised(&self) -> impl Iterator<Item = &StateUpdate> + Clone {
        self.changes.iter().flatten().filter(|change| change.to == AlarmState::Alarm)
    }

    /// Whether this run set the alarm to ALARM, and when: from the history, which keeps a change that lasted a second.
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

    /// When the alarm last went to ALARM without naming this run, after its injection began; none if it did not, or could not be
    /// read.
    #[must_use]
    pub fn last_rise(&self, run: &Run) -> Option<Timestamp> {
        let began = run.injection_began()?;
        let of_others = |change: &&StateUpdate| change.at > began && !Self::is_set(run, change);
        self.raised().filter(of_others).map(|change| change.at).max()
    }

    /// The rise of a database's alarm that may be due to the run's failover, and whether it is. A failover cuts connections, so
    /// that an alarm that watches them goes off once more, by itself. That rise is the run's if RDS `completed` the run's
    /// failover, the alarm was OK in between, and the steady state holds soon enough; what it is is not known until then.
    fn second_rise(&self, run: &Run, completed: Tristate, now: Timestamp) -> Option<(Timestamp, Tristate)> {
        let within = run.steady_within().filter(|_| run.own_rise.is_none())?;
        let is_set = |change: &StateUpdate| change.to == AlarmState::Alarm && Self::is_set(run, change);
        let mut later = self.changes.iter().flatten().skip_while(|change| !is_set(change));
        let mut was_ok = false;
        let rise = later.find(|change| {
            was_ok |= change.to == AlarmState::Ok;
            change.to == AlarmState::Alarm && !is_set(change)
        })?;
        let until = rise.at + within;
        let is_steady = run.is_steady_again(rise.at, until);
        let caused = match completed {
            _ if !was_ok => Tristate::No,
            Tristate::Yes if is_steady => Tristate::Yes,
            // Another clock measured the rise.
            _ if now > until + run.limits.consistency => Tristate::No,
            Tristate::Yes | Tristate::No | Tristate::Unknown => Tristate::Unknown,
        };
        Some((rise.at, caused))
    }

    /// When the alarm went to ALARM because the run's failover cut connections; none if it did not, or nobody can tell yet.
    #[must_use]
    pub fn rise_by_failover(&self, run: &Run, completed: Tristate, now: Timestamp) -> Option<Timestamp> {
        self.second_rise(run, completed, now).filter(|(_, caused)| *caused == Tristate::Yes).map(|(at, _)| at)
    }

    /// Whether the alarm changed to ALARM without this run, since an operator last released it to fail back; or is in ALARM
    /// now without this run. `completed`: whether RDS completed the run's failover.
    #[must_use]
    pub fn foreign_alarm(&self, run: &Run, completed: Tristate, now: Timestamp) -> Tristate {
        let (Some(changes), Some(began)) = (&self.changes, run.injection_began()) else {
            return Tristate::Unknown;
        };
        let second = self.second_rise(run, completed, now);
        let is_foreign = |change: &StateUpdate| match second {
            _ if Self::is_ours(run, change) => Tristate::No,
            Some((rise, Tristate::Yes)) if rise == change.at => Tristate::No,
            Some((rise, Tristate::Unknown)) if rise == change.at => Tristate::Unknown,
            _ => Tristate::Yes,
        };
        let own = self.raised().find(|change| Self::is_set(run, change)).map(|change| change.at);
        let since = match run.mode {
            // The time of our own change, by CloudWatch's clock; if there is none, the injection's by our clock.
            Mode::Stop | Mode::Alarm => own.unwrap_or(began),
            Mode::Metric => run.window_end().unwrap_or(began),
        };
        let known = run.released_at.map_or(since, |at| at.max(since));
        let foreign = || self.raised().filter(|change| change.at > known).map(is_foreign);
        for seen in [Tristate::Yes, Tristate::Unknown] {
            if foreign().any(|foreign| foreign == seen) {
                return seen;
            }
        }
        let last = changes.last().filter(|change| change.to == AlarmState::Alarm);
        match self.state {
            None => Tristate::Unknown,
            Some(AlarmState::Alarm) => match (run.mode, last) {
                (Mode::Metric, Some(last)) if !Self::is_set(run, last) => is_foreign(last),
                (Mode::Metric, _) => (now > since).into(),
                (_, Some(last)) => is_foreign(last),
                // In ALARM, and no change in the history tells who raised it.
                (_, None) => Tristate::Unknown,
            },
            Some(AlarmState::Ok | AlarmState::InsufficientData) => Tristate::No,
        }
    }

    /// Whether the last change in the history is that to ALARM which this run set.
    fn last_was_set(&self, run: &Run) -> bool {
        let last = self.changes.as_ref().and_then(|changes| changes.last());
        last.is_some_and(|last| last.to == AlarmState::Alarm && Self::is_set(run, last))
    }

    /// The state of the undo step that sets the alarm back. An alarm that is in ALARM without this run is left alone.
    #[must_use]
    pub fn set_back(&self, run: &Run) -> StepObservation {
        match self.state {
            None => StepObservation::Unknown,
            // Both reads are eventually consistent: one of them is from before.
            Some(AlarmState::Ok | AlarmState::InsufficientData) if self.last_was_set(run) => {
                StepObservation::Unknown
            }
            Some(AlarmState::Ok | AlarmState::InsufficientData) => StepObservation::Done,
            Some(AlarmState::Alarm) => match (&self.changes, self.raised().last()) {
                (None, _) => StepObservation::Unknown,
                (Some(_), Some(last)) if Self::is_set(run, last) => StepObservation::Open,
                (Some(_), _) => StepObservation::Done,
            },
        }
    }

    /// The state of the undo step that waits for the last datapoint's window to end.
    #[must_use]
    pub fn window_over(run: &Run, now: Timestamp) -> StepObservation {
        if run.window_end().is_none_or(|end| now > end) {
            StepObservation::Done
        } else {
            StepObservation::Busy
        }
    }
}
