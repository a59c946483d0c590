//! Rule: when a drill is due, and when it is overdue.

use std::time::Duration;

use firedrill_core::Timestamp;
use jiff::{ToSpan as _, tz::TimeZone};

use super::StartTimes;
use crate::{
    input::{DrillResult, ScheduledDrill},
    model::Standing,
    records::Class,
};

/// The longest cadence of a request, in days.
const MAX_EVERY_DAYS: u32 = 366;
const MAX_GRACE_DAYS: u32 = 7;
/// What the stages of resiliency call a cadence, whatever a request says: a pass within 35 days.
pub(crate) const STAGE_CADENCE_DAYS: u32 = 35;

/// How many days after it was due a drill becomes overdue: a quarter of its cadence, rounded up, 1 to 7.
#[must_use]
pub fn grace_days(every_days: u32) -> u32 {
    every_days.div_ceil(4).clamp(1, MAX_GRACE_DAYS)
}

/// After how many days without a pass a drill is overdue. What no request can say counts as the nearest that one can: 1 to
/// 366.
#[must_use]
pub fn overdue_after_days(every_days: u32) -> u32 {
    let every_days = every_days.clamp(1, MAX_EVERY_DAYS);
    every_days + grace_days(every_days)
}

/// The same time of day so many calendar days later. A time that the clocks skip on that day counts as the one after the gap,
/// and of one that is there twice the first one counts.
pub(crate) fn days_after(from: Timestamp, days: u32, zone: &TimeZone) -> Timestamp {
    if *zone == TimeZone::UTC {
        // Looked up as often as there are results: here each day has 24 hours.
        return from + Duration::from_hours(24 * u64::from(days));
    }
    let then = from.to_jiff().to_zoned_datetime(zone.clone()).checked_add(i64::from(days).days());
    then.map_or(Timestamp::LAST, |then| Timestamp::from_millis(then.timestamp().as_millisecond()))
}

/// The time zone in which the days of a drill are counted: that of what starts it, else that of all its schedules. UTC if
/// these differ, if there are none, and for a rate, of which a day has 24 hours.
pub(crate) fn zone_of(schedules: &[&ScheduledDrill]) -> TimeZone {
    let has_active = schedules.iter().any(|scheduled| scheduled.starts_runs());
    let counted = schedules.iter().filter(|scheduled| !has_active || scheduled.starts_runs());
    let mut zones =
        counted.filter_map(|scheduled| StartTimes::of(scheduled).ok()?).map(StartTimes::into_zone);
    match zones.next() {
        Some(zone) if zones.all(|other| other == zone) => zone,
        Some(_) | None => TimeZone::UTC,
    }
}

/// Whether a limit has passed: not while a run is under way that began before it, or just then.
pub(crate) fn has_passed(limit: Timestamp, run_began: Option<Timestamp>, now: Timestamp) -> bool {
    now > limit && run_began.is_none_or(|began| began > limit)
}

/// When a drill has to pass again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// From this moment on it is due.
    pub due_at: Timestamp,
    /// After this moment it is overdue.
    pub overdue_at: Timestamp,
}

impl Promise {
    /// What a drill with this cadence promises, counted from its last pass in this time zone.
    pub(crate) fn new(counts_from: Timestamp, every_days: u32, zone: &TimeZone) -> Self {
        let due = every_days.clamp(1, MAX_EVERY_DAYS);
        Self {
            due_at: days_after(counts_from, due, zone),
            overdue_at: days_after(counts_from, overdue_after_days(every_days), zone),
        }
    }

    /// The same promise after a run that did not pass: the drill was not overdue while that was under way.
    pub(crate) fn after(self, result: &DrillResult) -> Self {
        // What was skipped was never under way.
        let began = (Class::of(result.outcome) != Class::Skipped).then(|| result.nominal());
        self.waiting_for(began, result.finished)
    }

    /// The same promise while a run is waited for that began at one moment, until another.
    pub(crate) fn waiting_for(self, run_began: Option<Timestamp>, until: Timestamp) -> Self {
        let waits = until > self.overdue_at && !has_passed(self.overdue_at, run_began, until);
        Self { overdue_at: if waits { until } else { self.overdue_at }, ..self }
    }

    /// Where it stands at this moment, if a run is under way that began at another.
    pub(crate) fn standing(&self, run_began: Option<Timestamp>, now: Timestamp) -> Standing {
        if has_passed(self.overdue_at, run_began, now) {
            Standing::Overdue
        } else if now >= self.due_at {
            Standing::Due
        } else {
            Standing::OnTime
        }
    }
}
